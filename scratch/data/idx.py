"""IDX: the file format of the MNIST family, http://yann.lecun.com/exdb/mnist."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from pathlib import Path

import numpy as np

_DTYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def read_idx(path, sha256: str | None = None) -> np.ndarray:
    """The array in an IDX file, gzipped (`.gz`) or not.

    The format: two zero bytes, one for the dtype, one for the number of axes; each axis' length as a big-endian int32;
    the numbers, last axis fastest.

    Raises ValueError naming the file when it is damaged: not the format, cut short, or (where `sha256` is given, of
    the *decompressed* content, since gzip headers differ from copy to copy) other content than expected.
    """
    path = Path(path)
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is damaged ({error}); delete it and fetch it again") from error
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(f"{path} is damaged or another file: its content's sha256 is not {sha256}; fetch it again")
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _DTYPES or len(content) < 4 + 4 * content[3]:
        raise ValueError(f"{path} is no IDX file: it starts with {content[:4]!r}")
    dtype, ndim = np.dtype(_DTYPES[content[2]]), content[3]
    shape = tuple(map(int, np.frombuffer(content, ">u4", count=ndim, offset=4)))
    start, wanted = 4 + 4 * ndim, int(np.prod(shape, dtype=object)) * dtype.itemsize
    if len(content) - start != wanted:
        raise ValueError(f"{path} is damaged: {shape} needs {wanted} bytes, but {len(content) - start} are there")
    return np.frombuffer(content, dtype, offset=start).reshape(shape)
