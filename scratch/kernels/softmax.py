"""Softmax, softmin and log-softmax along the last axis, in blocks of rows that stay in the cache, on all threads.

What is fast besides the blocks: row sums are products with a vector of ones (five times the speed of `sum`), sums of
products are `vecdot`, and the largest value is subtracted, two more passes, only in blocks where an exponential could
overflow or a whole row vanish.

Axes: M rows (all leading axes flattened), D the axis that is normalised.
"""

from __future__ import annotations

import numpy as np

from scratch.kernels.activations import large
from scratch.kernels.blocks import BLOCK, SMALL, parallel
from scratch.softmax import log_softmax, softmax, softmin

ITEMS = 4 * BLOCK  # a block: 512 rows of 1024
HARMLESS = 16  # e^16 is far from overflow, and so is the sum of many
VANISHED = 1e-6  # a row whose sum is above has lost no digits: float32 ends at 1e-38


def by_rows(fill, *arrays):
    """A new array like the first, filled by `fill(*blocks of rows of arrays, block of rows of it)`."""
    shape, width = arrays[0].shape, arrays[0].shape[-1]
    rows = [np.ascontiguousarray(a).reshape(-1, width) for a in arrays]
    rows.append(np.empty_like(rows[0]))
    step = max(1, ITEMS // width)

    def task(lo, hi):
        for i in range(lo, hi, step):
            fill(*(a[i : min(i + step, hi)] for a in rows))

    parallel(task, len(rows[0]), 1 if rows[0].size < SMALL else None)
    return rows[-1].reshape(shape)


def exponentials(x, e):
    """e (M, D) becomes exp(x - shift); returns its row sums (M,) and the shift, (M, 1) or None."""
    ones = np.ones(x.shape[1], x.dtype)
    if x.max() < HARMLESS:  # false for nan too
        np.exp(x, out=e)
        sums = e @ ones
        if sums.min() > VANISHED:
            return sums, None
    shift = x.max(axis=1, keepdims=True)
    np.subtract(x, shift, out=e)
    np.exp(e, out=e)
    return e @ ones, shift


def softmax_forward(x, dim=None, dtype=None):
    def fill(x, y):
        sums, _ = exponentials(x, y)
        y *= (1 / sums)[:, None]

    y = by_rows(fill, x)
    return y, (y,)


def softmax_backward(dy, saved):
    def fill(dy, y, dx):
        # dx = y (dy - Σ dy y)
        np.subtract(dy, np.vecdot(dy, y)[:, None], out=dx)
        dx *= y

    return by_rows(fill, dy, *saved)


def log_softmax_forward(x, dim=None, dtype=None):
    def fill(x, y):
        sums, shift = exponentials(x, y)
        if shift is not None:  # by itself: log Σ + shift would be rounded to the size of the shift
            x = np.subtract(x, shift, out=y)
        np.subtract(x, np.log(sums)[:, None], out=y)

    y = by_rows(fill, x)
    return y, (y,)


def log_softmax_backward(dy, saved):
    def fill(dy, y, dx):
        # dx = dy - eʸ Σ dy
        np.exp(y, out=dx)
        dx *= (dy @ np.ones(dy.shape[1], dy.dtype))[:, None]
        np.subtract(dy, dx, out=dx)

    return by_rows(fill, dy, *saved)


def suits(x, dim=None, dtype=None) -> bool:
    """The last axis (also by torch's old rule: one of one axis, the second of two), without a conversion."""
    last = dim in (-1, x.ndim - 1) if dim is not None else x.ndim in (1, 2)
    return last and dtype is None and large(x) and x.ndim > 0 < x.size


def softmin_forward(x, dim=None, dtype=None):
    def fill(x, y):
        sums, _ = exponentials(-x, y)
        y *= (1 / sums)[:, None]

    y = by_rows(fill, x)
    return y, (y,)


def softmin_backward(dy, saved):
    def fill(dy, y, dx):
        # dx = -y (dy - Σ dy y)
        np.subtract(np.vecdot(dy, y)[:, None], dy, out=dx)
        dx *= y

    return by_rows(fill, dy, *saved)


softmax.register(softmax_forward, softmax_backward, when=suits)
softmin.register(softmin_forward, softmin_backward, when=suits)
log_softmax.register(log_softmax_forward, log_softmax_backward, when=suits)
