"""Layer norm in blocks of rows, every sum a product with a vector.

Axes: n rows (all leading axes), D the normalized axes together.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from scratch.kernels.blocks import BLOCK, SMALL, parallel
from scratch.normalization import layer_norm, normalized_axes


class LayerNormKernelSaved(NamedTuple):
    """As the textbook's, in two axes."""

    x: np.ndarray  # (n, D)
    mean: np.ndarray  # (n,)
    rstd: np.ndarray  # (n,)
    weight: np.ndarray | None  # (D,)
    shape: tuple[int, ...]  # normalized_shape


def suits(x, normalized_shape, weight=None, bias=None, eps=1e-5):
    return x.dtype.char in "fd" and x.size >= 8192 and math.prod(normalized_shape) >= 16


def over_rows(task, x) -> None:
    """`task(first, last, step)` on threads, each to go through its rows in blocks of `step`."""
    step = max(1, 3 * BLOCK // x.shape[1])
    parallel(lambda first, last: task(first, last, step), len(x), 1 if x.size < SMALL else None)


def layer_norm_kernel_forward(x, normalized_shape, weight=None, bias=None, eps=1e-5):
    """Fast because a block of rows stays in cache for all six passes, and the sums are matrix-vector products."""
    axes = normalized_axes("layer_norm", x, normalized_shape, weight=weight, bias=bias)
    shape, normalized = x.shape, x.shape[-len(axes) :]
    width = math.prod(normalized)
    x = np.ascontiguousarray(x).reshape(-1, width)
    weight = None if weight is None else weight.reshape(-1)
    bias = None if bias is None else bias.reshape(-1)
    y, (mean, rstd) = np.empty_like(x), np.empty((2, len(x)), x.dtype)
    average = np.full(width, 1 / width, x.dtype)
    visible = 4 * np.finfo(x.dtype).eps

    def rows(first, last, step):
        for lo in range(first, last, step):
            hi = min(lo + step, last)
            xs, ys, m, r = x[lo:hi], y[lo:hi], mean[lo:hi], rstd[lo:hi]
            np.matmul(xs, average, out=m)
            np.subtract(xs, m[:, None], out=ys)
            np.vecdot(ys, ys, out=r)
            r /= width
            r += eps
            np.sqrt(r, out=r)
            np.reciprocal(r, out=r)
            rest = ys @ average  # what rounding left in the mean: it shows where the mean is large
            ys *= r[:, None]
            if np.abs(rest * r).max() > visible:
                ys -= (rest * r)[:, None]
                m += rest
            if weight is not None:
                ys *= weight
            if bias is not None:
                ys += bias

    over_rows(rows, x)
    return y.reshape(shape), LayerNormKernelSaved(x, mean, rstd, weight, normalized)


def layer_norm_kernel_backward(dy, saved):
    """dx = rstd · (dxhat - mean(dxhat) - xhat · mean(dxhat · xhat)), with xhat = (x - mean) · rstd recomputed."""
    x, mean, rstd, weight, normalized = saved
    n, width = x.shape
    shape, dy = dy.shape, np.ascontiguousarray(dy).reshape(x.shape)
    dx = np.empty_like(x)
    average = np.full(width, 1 / width, x.dtype)
    if weight is not None:
        average *= weight  # the mean of dxhat = dy * weight is dy @ average
    sums = {}

    def rows(first, last, step):
        space = np.empty((2, min(step, last - first), width), x.dtype)
        dweight, dbias, ones = np.zeros(width, x.dtype), np.zeros(width, x.dtype), np.ones(step, x.dtype)
        for lo in range(first, last, step):
            hi = min(lo + step, last)
            g, d, r = dy[lo:hi], dx[lo:hi], rstd[lo:hi]
            centred = np.subtract(x[lo:hi], mean[lo:hi, None], out=space[0, : hi - lo])
            product = np.multiply(centred, g, out=space[1, : hi - lo])
            dweight += r @ product
            dbias += ones[: hi - lo] @ g
            shift, stretch = g @ average, product @ average
            shift *= r
            stretch *= r * r * r
            np.multiply(g, r[:, None], out=d)
            if weight is not None:
                d *= weight
            centred *= stretch[:, None]
            centred += shift[:, None]
            d -= centred
        sums[first] = dweight, dbias

    over_rows(rows, x)
    dweight, dbias = (sum(parts).reshape(normalized) for parts in zip(*(sums[first] for first in sorted(sums))))
    return dx.reshape(shape), dweight, dbias


layer_norm.register(layer_norm_kernel_forward, layer_norm_kernel_backward, when=suits)
