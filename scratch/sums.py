"""Sums over many rows whose rounding error grows with log n, not with n."""

from __future__ import annotations

import math

import numpy as np

ROWS = 16  # that are added one after the other: so few lose nothing


def tree_sum(a, axis: int | tuple[int, ...] = 0, keepdims: bool = False):
    """a.sum(axis, keepdims=keepdims), added in a tree: sixteenths of the rows are added until few rows are left.

    NumPy adds in pairs along the last axis only; rows it adds one after the other, and in float32 the sum of 8192 rows
    is 25 times further off than PyTorch's.

    Source: Higham, "The Accuracy of Floating Point Summation", 1993.

    Examples
    --------
    >>> rows = np.full((100_000, 2), 0.1, dtype=np.float32)
    >>> abs(rows.sum(axis=0)[0] - 10_000) > 1, abs(tree_sum(rows)[0] - 10_000) < 0.01
    (np.True_, np.True_)
    """
    axes = sorted(i % a.ndim for i in ((axis,) if isinstance(axis, int) else axis))
    if keepdims:
        return np.expand_dims(tree_sum(a, axes), axes)
    if not axes:
        return a.copy()
    while axes and axes[-1] == a.ndim - 1:
        a = a.sum(axis=axes.pop())
    if not axes:
        return a
    n = math.prod(a.shape[i] for i in axes)
    kept = [size for i, size in enumerate(a.shape) if i not in axes]
    rows = np.moveaxis(a, axes, range(len(axes))).reshape(n, *kept)
    while len(rows) > ROWS:
        sixteenth = len(rows) // ROWS
        added = rows[: ROWS * sixteenth].reshape(ROWS, sixteenth, *kept).sum(axis=0)
        if len(rows) % ROWS:
            added[0] += rows[ROWS * sixteenth :].sum(axis=0)
        rows = added
    return rows.sum(axis=0)
