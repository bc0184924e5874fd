"""The gated linear unit in cache-sized tiles, on all threads, with its sigmoid by `exp2` written where y or dx will be.

Axes: O all axes before the halved one, I the halved one's half and all behind it, which are one piece of memory.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from scratch.gated_activations import check_halves, glu
from scratch.kernels.activations import fill_sigmoid, large
from scratch.kernels.blocks import BLOCK, SMALL, over_rows, parallel


class GLUKernelSaved(NamedTuple):
    """Both halves, in x's memory where that is contiguous."""

    x: np.ndarray  # (O, 2, I)
    shape: tuple[int, ...]  # of x


def over_tiles(task, rows: int, width: int) -> None:
    """`task(rows, columns)`, two slices, for tiles of about a block that make up (rows, width)."""
    wide, high = min(width, BLOCK), max(1, BLOCK // max(width, 1))

    def part(first, last):
        for i in range(first, last, high):
            for j in range(0, width, wide):
                task(slice(i, min(i + high, last)), slice(j, min(j + wide, width)))

    parallel(over_rows(part, width), rows, 1 if rows * width < SMALL else None)


def glu_forward(x, dim=-1):
    check_halves(x, dim)
    shape, axis = x.shape, dim % x.ndim
    x = np.ascontiguousarray(x).reshape(math.prod(shape[:axis]), 2, math.prod(shape[axis:]) // 2)
    a, b = x[:, 0], x[:, 1]
    y = np.empty_like(a)

    def tile(*at):
        fill_sigmoid(b[at], y[at])
        y[at] *= a[at]

    over_tiles(tile, *y.shape)
    return y.reshape(*shape[:axis], shape[axis] // 2, *shape[axis + 1 :]), GLUKernelSaved(x, shape)


def glu_backward(dy, saved):
    a, b = saved.x[:, 0], saved.x[:, 1]
    dy, dx = np.ascontiguousarray(dy).reshape(a.shape), np.empty_like(saved.x)

    def tile(*at):
        s, db = dx[:, 0][at], dx[:, 1][at]
        fill_sigmoid(b[at], s)
        # db = dy a s (1 - s), da = dy s
        np.subtract(1, s, out=db)
        db *= a[at]
        s *= dy[at]
        db *= s

    over_tiles(tile, *a.shape)
    return dx.reshape(saved.shape)


def suits(x, dim=-1) -> bool:
    return large(x) and x.size > 0


glu.register(glu_forward, glu_backward, when=suits)
