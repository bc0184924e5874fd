"""Softmax, softmin and log-softmax along any axis, in blocks that stay in the cache, on all threads.

What is fast besides the blocks: sums over the classes are products with a vector of ones (two to seven times the speed
of `sum`), along the last axis sums of products are `vecdot`, and the largest value is looked for and subtracted only in
blocks where a sum of exponentials overflows or vanishes, or nearly so.

Axes: N the axes before the normalised one, flattened, C the normalised one, its classes, P the places behind it,
flattened: 1 where it is the last.
"""

from __future__ import annotations

import math

import numpy as np

from scratch.kernels.activations import LARGE, large
from scratch.kernels.blocks import BLOCK, PASSES, multiply, over_rows
from scratch.kernels.products import dots, matvec
from scratch.softmax import log_softmax, softmax, softmin

ITEMS = 2 * BLOCK  # a block: 512 rows of 1024
STRETCH = 8192  # places a block at least, however many classes: memory is read ahead only along a row
VANISHED, LIMIT = 1e-6, 1e12  # between these no sum or quotient has lost digits: float32 goes from 1e-38 to 1e38


def as_classes(a, axis=1):
    """a as (N, C, P)."""
    shape = math.prod(a.shape[:axis]), a.shape[axis], math.prod(a.shape[axis + 1 :])
    return np.ascontiguousarray(a).reshape(shape)


def in_blocks(fill, *arrays):
    """`fill(*blocks)` on blocks of arrays (N, C, P) or (N, 1, P): several of N, or a stretch of the places of one."""
    n, classes, places = arrays[0].shape
    fill = over_rows(fill, places if places > 1 else classes)
    if arrays[0].size <= ITEMS:
        multiply(lambda lo, hi: fill(*arrays), 1, PASSES * arrays[0].size)
        return
    several = max(1, ITEMS // (classes * places))
    stretch = max(STRETCH, ITEMS // classes)
    blocks = [
        np.s_[i : i + several, :, p : p + stretch] for i in range(0, n, several) for p in range(0, places, stretch)
    ]

    def task(lo, hi):
        for block in blocks[lo:hi]:
            fill(*(a[block] for a in arrays))

    multiply(task, len(blocks), PASSES * arrays[0].size)


def filled(fill, axis, *arrays):
    """A new array like the first, filled by `fill(*blocks of arrays, block of it)`."""
    y = np.empty(arrays[0].shape, arrays[0].dtype)
    in_blocks(fill, *(as_classes(a, axis) for a in (*arrays, y)))
    return y


def over_classes(a):
    """(n, C, p) -> (n, 1, p), the sums"""
    ones = np.ones(a.shape[1], a.dtype)
    return matvec(a[..., 0], ones)[:, None, None] if a.shape[2] == 1 else (ones @ a)[:, None]


def exponentials(x, e, limit=LIMIT):
    """e (n, C, p) becomes exp(x - shift); its sums over the classes (n, 1, p) and the shift, likewise or None."""
    with np.errstate(over="ignore"):
        np.exp(x, out=e)
        sums = over_classes(e)
    if sums.min() > VANISHED and sums.max() < limit:  # false for nan too
        return sums, None
    shift = x.max(axis=1, keepdims=True)
    np.subtract(x, shift, out=e)
    np.exp(e, out=e)
    return over_classes(e), shift


def over_products(a, b, space):
    """(n, C, p), (n, C, p) -> (n, 1, p), the sums of a b"""
    if a.shape[2] == 1:
        return dots(a[..., 0], b[..., 0])[:, None, None]
    return over_classes(np.multiply(a, b, out=space))


def axis_of(x, dim):
    """`dim` as a number of an axis from the front, by torch's old rule where it is None."""
    return (0 if x.ndim in (1, 3) else 1) if dim is None else dim % x.ndim


def softmax_forward(x, dim=None, dtype=None):
    def fill(x, y):
        sums, _ = exponentials(x, y)
        y *= 1 / sums

    axis = axis_of(x, dim)
    y = filled(fill, axis, x)
    return y, (y, axis)


def softmax_backward(dy, saved):
    def fill(dy, y, dx):
        # dx = y (dy - Σ dy y)
        np.subtract(dy, over_products(dy, y, dx), out=dx)
        dx *= y

    y, axis = saved
    return filled(fill, axis, dy, y)


def log_softmax_forward(x, dim=None, dtype=None):
    def fill(x, y):
        sums, shift = exponentials(x, y, limit=1e7)  # log Σ is rounded to its own size, which shall be small
        if shift is not None:  # by itself: log Σ + shift would be rounded to the size of the shift
            x = np.subtract(x, shift, out=y)
        np.subtract(x, np.log(sums), out=y)

    axis = axis_of(x, dim)
    y = filled(fill, axis, x)
    return y, (y, axis)


def log_softmax_backward(dy, saved):
    def fill(dy, y, dx):
        # dx = dy - eʸ Σ dy
        np.exp(y, out=dx)
        dx *= over_classes(dy)
        np.subtract(dy, dx, out=dx)

    y, axis = saved
    return filled(fill, axis, dy, y)


def suits(x, dim=None, dtype=None) -> bool:
    """An axis that x has, without a conversion; unless it is the last, the textbook's sums are fast at small sizes."""
    if dtype is not None or not large(x) or not (dim is None or -x.ndim <= dim < x.ndim):
        return False
    return x.size >= (1 if axis_of(x, dim) == x.ndim - 1 else max(1, 4 * LARGE))


def softmin_forward(x, dim=None, dtype=None):
    def fill(x, y):
        sums, _ = exponentials(-x, y)
        y *= 1 / sums

    axis = axis_of(x, dim)
    y = filled(fill, axis, x)
    return y, (y, axis)


def softmin_backward(dy, saved):
    def fill(dy, y, dx):
        # dx = -y (dy - Σ dy y)
        np.subtract(over_products(dy, y, dx), dy, out=dx)
        dx *= y

    y, axis = saved
    return filled(fill, axis, dy, y)


softmax.register(softmax_forward, softmax_backward, when=suits)
softmin.register(softmin_forward, softmin_backward, when=suits)
log_softmax.register(log_softmax_forward, log_softmax_backward, when=suits)
