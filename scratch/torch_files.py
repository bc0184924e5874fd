"""Reading what torch.save wrote, without torch and without running anything that is in the file.

The file is a zip: `data.pkl` says what there is, `data/0`, `data/1`, ... are the bytes of the tensors. A pickle can
call any function it names, so this reader knows only the few that build dictionaries of tensors, and refuses the rest.
"""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
import zlib
from collections import OrderedDict
from typing import NamedTuple

import numpy as np

_STORAGES = {
    "DoubleStorage": "f8",
    "FloatStorage": "f4",
    "HalfStorage": "f2",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
# what reading a zip file or a pickle, and what that calls, may raise
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    pickle.UnpicklingError,
    struct.error,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)


def is_zip(path) -> bool:
    with open(path, "rb") as file:
        return file.read(4) == b"PK\x03\x04"


def bfloat16_to_float32(bits):
    """bfloat16 is the upper half of a float32."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def read_torch(path):
    """What `torch.save` wrote: dictionaries, lists, numbers, strings, and tensors as NumPy arrays.

    Raises ValueError if the file is damaged or names anything else.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            folder = next((n.removesuffix("data.pkl") for n in names if n.endswith("/data.pkl")), None)
            if folder is None:
                raise ValueError("it is a zip file without torch.save's data.pkl")
            order = archive.read(f"{folder}byteorder") if f"{folder}byteorder" in names else b"little"
            return _Reader(archive, folder, ">" if order.strip() == b"big" else "<").load()
    except _DAMAGE as error:
        raise ValueError(f"{path} is damaged, or holds more than tensors: {error}") from error


class _Dtype(NamedTuple):
    """What stands for torch.FloatStorage and its like."""

    name: str


class _Reader(pickle.Unpickler):
    """A pickle reader that can build tensors and nothing else."""

    def __init__(self, archive, folder, order):
        super().__init__(io.BytesIO(archive.read(f"{folder}data.pkl")))
        self.archive, self.folder, self.order = archive, folder, order
        self.storages: dict[str, np.ndarray] = {}

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return _parameter
        if module == "torch" and name in _STORAGES:
            return _Dtype(_STORAGES[name])
        raise ValueError(
            f"it names {module}.{name}, and only dictionaries of tensors are read; "
            "in torch: torch.save(model.state_dict(), path)"
        )

    def persistent_load(self, pid):
        """('storage', dtype, key, device, items) -> the items"""
        if not isinstance(pid, tuple) or len(pid) != 5 or pid[0] != "storage" or not isinstance(pid[1], _Dtype):
            raise ValueError(f"{pid!r} is no storage")
        _, dtype, key, _, items = pid
        if key not in self.storages:
            content = self.archive.read(f"{self.folder}data/{key}")
            kind = "u2" if dtype.name == "bfloat16" else dtype.name
            array = np.frombuffer(content, np.dtype(kind).newbyteorder(self.order))
            if array.size != items:
                raise ValueError(f"storage {key} has {array.size} items instead of {items}")
            self.storages[key] = bfloat16_to_float32(array) if dtype.name == "bfloat16" else array
        return self.storages[key]


def _tensor(storage, offset, size, stride, *_):
    """An array of its own from the items storage[offset + i · stride]."""
    last = offset + sum((n - 1) * s for n, s in zip(size, stride)) if all(n > 0 for n in size) else -1
    if len(size) != len(stride) or min((offset, *size, *stride)) < 0 or last >= storage.size:
        raise ValueError(f"a tensor {size} with strides {stride} from {offset} in {storage.size} items")
    steps = [s * storage.itemsize for s in stride]
    view = np.lib.stride_tricks.as_strided(storage[offset:], size, steps, writeable=False)
    return np.array(view, storage.dtype.newbyteorder("="), order="C")


def _parameter(data, *_):
    return data
