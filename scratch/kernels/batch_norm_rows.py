"""Batch norm of x (N, C), where a channel is a column: sums are products with a vector of ones.

Axes: N batch, C channels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from scratch.batch_norm import batch_norm, check_batch_norm, update_running
from scratch.kernels.batch_norm import LARGE, over_images

STRETCH = 64


class BatchNormRowsSaved(NamedTuple):
    """As the textbook's; the small arrays are float64."""

    x: np.ndarray  # (N, C)
    mean: np.ndarray  # (C,) float64
    rstd: np.ndarray  # (C,) float64
    weight: np.ndarray | None  # (C,)
    training: bool


def suits(x, running_mean=None, running_var=None, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    return x.dtype.char in "fd" and x.ndim == 2 and 0 < x.size >= LARGE


def column_sums(x):
    """(n, C) -> (C,): float32 over stretches of 64 rows, the stretches in float64."""
    cut = len(x) - len(x) % STRETCH
    stretches = np.ones(STRETCH, x.dtype) @ x[:cut].reshape(-1, STRETCH, x.shape[1])
    return stretches.sum(axis=0, dtype=np.float64) + np.ones(len(x) - cut, x.dtype) @ x[cut:]


def sums(of: Callable, x) -> np.ndarray:
    """The sum of `of(lo, hi, space)` over groups of rows, in the order of the rows."""
    parts = {}

    def some(lo, hi, space):
        parts[lo] = of(lo, hi, space)

    over_images(some, x)
    first, *others = (parts[lo] for lo in sorted(parts))
    return sum(others, start=first)


def forward(
    x, running_mean=None, running_var=None, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5
):  # fmt: skip
    """Fast because groups of rows stay in cache, and y = x · scale + shift with one scale and shift a channel."""
    check_batch_norm(x, running_mean, running_var, weight, bias, training, eps)
    x, n = np.ascontiguousarray(x), len(x)
    if training:
        mean = sums(lambda lo, hi, _: column_sums(x[lo:hi]), x) / n
        centre = mean.astype(x.dtype)

        def squares(lo, hi, centred):
            np.subtract(x[lo:hi], centre, out=centred)
            return column_sums(np.multiply(centred, centred, out=centred))

        var = sums(squares, x) / n - (mean - centre) ** 2
        if running_mean is not None:
            update_running(running_mean, running_var, mean, var, n, momentum)
    else:
        mean, var = running_mean.astype(np.float64), running_var.astype(np.float64)
    rstd = 1 / np.sqrt(var + eps)
    scale = rstd if weight is None else rstd * weight
    shift = -mean * scale if bias is None else bias - mean * scale
    scale, shift = scale.astype(x.dtype), shift.astype(x.dtype)
    y = np.empty_like(x)

    def apply(lo, hi):
        np.multiply(x[lo:hi], scale, out=y[lo:hi])
        y[lo:hi] += shift

    over_images(apply, x, scratch=0)
    return y, BatchNormRowsSaved(x, mean, rstd, weight, training)


def backward(dy, saved):
    """dx = a · dy + b · x + c, with one a, b, c a channel that come from two sums over the channel."""
    x, mean, rstd, weight, training = saved
    dy, n, centre = np.ascontiguousarray(dy), len(x), mean.astype(x.dtype)

    def both(lo, hi, product):
        np.subtract(x[lo:hi], centre, out=product)  # with a large mean the sum of dy · x would cancel
        product *= dy[lo:hi]
        return np.stack([column_sums(dy[lo:hi]), column_sums(product)])

    dbias, dweight = sums(both, x)
    dweight = (dweight - (mean - centre) * dbias) * rstd
    a = rstd if weight is None else rstd * weight
    # dx = a · (dy - dbias/N - xhat · dweight/N), xhat = (x - mean) · rstd; without statistics of this batch a · dy
    b = -a * rstd * dweight / n
    c = -a * dbias / n - b * mean
    a, b, c = (values.astype(x.dtype) for values in (a, b, c))
    dx = np.empty_like(x)

    def apply(lo, hi, part):
        d = np.multiply(dy[lo:hi], a, out=dx[lo:hi])
        if training:
            np.multiply(x[lo:hi], b, out=part)
            part += c
            d += part

    over_images(apply, x)
    return dx, None, None, dweight.astype(x.dtype), dbias.astype(x.dtype)


batch_norm.register(forward, backward, when=suits)
