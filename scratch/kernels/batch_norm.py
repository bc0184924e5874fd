"""Batch norm of images, sequences and volumes: moments image by image, then one multiply-add per element.

Axes: N batch, C channels, P all further axes together.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from scratch.batch_norm import batch_norm, check_batch_norm, update_running
from scratch.kernels.blocks import PASSES, block_size, multiply, over_rows

STRETCH = 256
LARGE = 16384  # items: below, the textbook's few calls take less time than setting up blocks


class BatchNormKernelSaved(NamedTuple):
    """As the textbook's; the small arrays are float64, so that what is merged from many images stays exact."""

    x: np.ndarray  # (N, C, P)
    mean: np.ndarray  # (C,) float64
    rstd: np.ndarray  # (C,) float64
    weight: np.ndarray | None  # (C,)
    training: bool


def suits(x, running_mean=None, running_var=None, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    return x.dtype.char in "fd" and x.ndim > 2 and 0 < x.size >= LARGE <= 1024 * math.prod(x.shape[2:])


def over_images(task, x, scratch=1) -> None:
    """`task(lo, hi, *spaces)` for groups of images that fill two blocks; each space is as large as x[lo:hi]."""
    step = max(1, 2 * block_size(x.size) // x[0].size)

    def run(first, last):
        spaces = [np.empty_like(x[: min(step, last - first)]) for _ in range(scratch)]
        for lo in range(first, last, step):
            hi = min(lo + step, last)
            task(lo, hi, *(space[: hi - lo] for space in spaces))

    multiply(over_rows(run, x.shape[-1]), len(x), PASSES * x.size)


def dot(x, y):
    """Sum of x * y over the last axis: float32 over stretches of 256, the stretches in float64."""
    cut = x.shape[-1] - x.shape[-1] % STRETCH
    xs, ys = (a[..., :cut].reshape(*a.shape[:-1], -1, STRETCH) for a in (x, y))
    return np.vecdot(xs, ys).sum(axis=-1, dtype=np.float64) + np.vecdot(x[..., cut:], y[..., cut:])


def moments(x):
    """float64 (mean, variance) of each channel of x (N, C, P)."""
    n, c, p = x.shape
    mean, square = np.empty((2, n, c))
    ones = np.ones(p, x.dtype)

    def each(lo, hi, centred):
        mean[lo:hi] = dot(x[lo:hi], ones) / p
        centre = mean[lo:hi].astype(x.dtype)
        np.subtract(x[lo:hi], centre[..., None], out=centred)
        square[lo:hi] = dot(centred, centred) / p - (mean[lo:hi] - centre) ** 2

    over_images(each, x)
    # all images are of one size: the mean of their means; the variance within them and that of their means
    total = mean.mean(axis=0)
    return total, square.mean(axis=0) + ((mean - total) ** 2).mean(axis=0)


def batch_norm_kernel_forward(
    x, running_mean=None, running_var=None, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5
):  # fmt: skip
    """Fast because y = x · scale + shift with one scale and shift a channel, on groups of images that stay in cache."""
    check_batch_norm(x, running_mean, running_var, weight, bias, training, eps)
    shape, n, c = x.shape, *x.shape[:2]
    x = np.ascontiguousarray(x).reshape(n, c, -1)
    if training:
        mean, var = moments(x)
        if running_mean is not None:
            update_running(running_mean, running_var, mean, var, x.size // c, momentum)
    else:
        mean, var = running_mean.astype(np.float64), running_var.astype(np.float64)
    rstd = 1 / np.sqrt(var + eps)
    scale = rstd if weight is None else rstd * weight
    shift = -mean * scale if bias is None else bias - mean * scale
    scale, shift = column(scale, x), column(shift, x)
    y = np.empty_like(x)

    def apply(lo, hi):
        np.multiply(x[lo:hi], scale, out=y[lo:hi])
        y[lo:hi] += shift

    over_images(apply, x, scratch=0)
    return y.reshape(shape), BatchNormKernelSaved(x, mean, rstd, weight, training)


def column(values, x):
    """(C,) float64 -> (C, 1) in x's dtype."""
    return values.astype(x.dtype)[:, None]


def batch_norm_kernel_backward(dy, saved):
    """dx = a · dy + b · x + c, with one a, b, c a channel that come from two sums over the channel."""
    x, mean, rstd, weight, training = saved
    n, c, p = x.shape
    shape, dy = dy.shape, np.ascontiguousarray(dy).reshape(x.shape)
    sums = np.empty((2, n, c))
    ones, centre = np.ones(p, x.dtype), column(mean, x)

    def reduce(lo, hi, centred):
        sums[0, lo:hi] = dot(dy[lo:hi], ones)
        np.subtract(x[lo:hi], centre, out=centred)  # with a large mean the sum of dy · x would cancel
        sums[1, lo:hi] = dot(dy[lo:hi], centred)

    over_images(reduce, x)
    dbias, dweight = sums.sum(axis=1)
    dweight = (dweight - (mean - centre[:, 0]) * dbias) * rstd
    a = rstd if weight is None else rstd * weight
    # dx = a · (dy - dbias/M - xhat · dweight/M), xhat = (x - mean) · rstd
    b = -a * rstd * dweight / (n * p)
    c = -a * dbias / (n * p) - b * mean
    a, b, c = column(a, x), column(b, x), column(c, x)
    dx = np.empty_like(x)

    def apply(lo, hi, part):
        d = dx[lo:hi]
        np.multiply(x[lo:hi], b, out=d)
        d += c
        d += np.multiply(dy[lo:hi], a, out=part)

    def apply_constant(lo, hi):
        np.multiply(dy[lo:hi], a, out=dx[lo:hi])

    if training:
        over_images(apply, x)
    else:
        over_images(apply_constant, x, scratch=0)
    return dx.reshape(shape), None, None, dweight.astype(x.dtype), dbias.astype(x.dtype)


batch_norm.register(batch_norm_kernel_forward, batch_norm_kernel_backward, when=suits)
