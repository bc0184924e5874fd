"""Matrix products in pieces that OpenBLAS multiplies as they lie.

A large product is packed first: its matrices are copied into the order in which they will be read, which pays when each
number is used hundreds of times. With few rows, few columns or short sums it costs up to half of the time. On
processors with AVX-512 OpenBLAS does without for up to a million multiplications, so there such a product is faster as
many small ones, made by one call of `np.matmul`: 64 x 192 by 192 x 3136 runs at 107 instead of 91 GFLOP/s (one core of
a Zen 4), 32 x 256 by 256 x 1024 at 105 instead of 59.

Where 500 numbers or fewer come out, as of a product with a vector, NumPy keeps the interpreter lock meanwhile.
`dots`, `matvec` and `vecmat` take such sums in so many pieces that it does not, and other threads may go on.

Large ones are shared out among the threads of `blocks.multiply`. BLAS has threads of its own, which start sooner, but
they stay awake for a tenth of a second after each product and take time from the kernels that follow: on two threads a
Transformer layer needs a sixth less without them. A multilayer perceptron needs less with them: see linear.py.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from scratch.kernels import blocks

UNPACKED = 1_000_000  # multiplications up to which OpenBLAS does not pack
WIDTH = 64  # columns of a piece: a whole number of registers
ROWS = 16  # at least, of a piece; fewer make poor use of the registers
FEW = 128  # rows or columns up to which pieces win; with sums of no more terms than WIDTH they always do
FREE = 501  # numbers that come out of a product from which NumPy lets go of the interpreter lock
THREADED = 16_000_000  # multiplications from which two BLAS threads beat the pieces on one


@lru_cache(maxsize=1)
def has_small_kernels() -> bool:
    """Whether NumPy's BLAS multiplies small matrices without packing them."""
    names = {getattr(library, "architecture", None) for library in blocks._blas()}
    return bool(names) and names <= {"SkylakeX", "Cooperlake", "SapphireRapids"}


@lru_cache(maxsize=1024)
def piece(m: int, k: int, n: int) -> tuple[int, int] | None:
    """Rows and columns of the pieces in which (m, k) @ (k, n) is fastest; None: whole."""
    columns = min(n, WIDTH)
    most = UNPACKED // max(1, k * columns)
    if m * k * n <= UNPACKED or not (min(m, n) <= FEW or k <= WIDTH) or not has_small_kernels():
        return None
    rows = next((r for r in range(min(m, most), ROWS - 1, -1) if m % r == 0), None)
    return None if rows is None else (rows, columns)


def matmul(a, b, out):
    """out = a @ b of a (..., m, k) and b (..., k, n), with n contiguous in `b` and `out`; returns out."""
    *_, m, k = a.shape
    n = b.shape[-1]
    best = piece(m, k, n)
    if best is None or not (blocks.one_thread() or m * k * n <= THREADED):
        return np.matmul(a, b, out=out)
    rows, columns = best
    whole = n // columns * columns
    np.matmul(
        a.reshape(*a.shape[:-2], -1, 1, rows, k),
        b[..., :whole].reshape(*b.shape[:-1], -1, columns).swapaxes(-2, -3)[..., None, :, :, :],
        out=out[..., :whole].reshape(*out.shape[:-2], -1, rows, whole // columns, columns, copy=False).swapaxes(-2, -3),
    )
    if whole < n:
        np.matmul(a, b[..., whole:], out=out[..., whole:])
    return out


def product(a, b):
    """a @ b as `matmul`, in a new array."""
    return matmul(a, b, np.empty((*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1]), a.dtype))


@lru_cache(maxsize=1024)
def pieces(n: int, results: int) -> int:
    """How many equal pieces of sums of n terms make FREE numbers of so many results; 1 where none do, or few terms."""
    least = -(-FREE // max(results, 1))
    return next((p for p in range(least, min(4 * least, n // 16) + 1) if n % p == 0), 1)


def dots(a, b):
    """np.vecdot(a, b): (..., n), (..., n) or (n,) -> (...)"""
    p = pieces(a.shape[-1], math.prod(a.shape[:-1]))
    if p == 1:
        return np.vecdot(a, b)
    return np.vecdot(*(x.reshape(*x.shape[:-1], p, -1) for x in (a, b))).sum(axis=-1)


def matvec(a, v):
    """a @ v: (m, n), (n,) -> (m,)"""
    return a @ v if pieces(a.shape[1], len(a)) == 1 else dots(a, v)


def vecmat(v, a):
    """v @ a: (m,), (m, n) -> (n,)"""
    p = pieces(*a.shape)
    return v @ a if p == 1 else (v.reshape(p, 1, -1) @ a.reshape(p, -1, a.shape[1])).sum(axis=(0, 1))


def share(a, b, out, lo, hi, parts):
    """Parts lo to hi of so many of out = a @ b, (m, n) = (m, k) @ (k, n): whole rows, or columns if those are more.

    Returns their index in `out`.
    """
    m, n = out.shape
    cut = slice(max(m, n) * lo // parts, max(m, n) * hi // parts)
    rows, columns = (cut, slice(None)) if m >= n else (slice(None), cut)
    np.matmul(a[rows], b[:, columns], out=out[rows, columns])
    return rows, columns
