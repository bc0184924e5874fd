"""Power-average pooling: the p-norm of every window, between the sum (p = 1) and the maximum (p = inf).

Axes as in scratch/pooling.py. Twin: torch_ref/lp_pooling.py. Pairs: parity_tests/pairs/lp_pooling.py.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import NamedTuple

import numpy as np

from scratch.module import Module
from scratch.op import Op
from scratch.pooling import avg_pool1d, avg_pool2d, avg_pool3d, per_axis


class LPPoolSaved(NamedTuple):
    """Everything between is an average or a power, and recomputed."""

    x: np.ndarray  # (..., *L)
    mean: np.ndarray  # (..., *P) of x ** norm_type
    mean_backward: Callable
    norm_type: float
    taps: int


def _lp_pool(name, n, x, norm_type, kernel_size, stride, ceil_mode):
    norm_type, taps = float(norm_type), prod(per_axis(name, "kernel_size", kernel_size, n))
    avg_pool = (avg_pool1d, avg_pool2d, avg_pool3d)[n - 1]
    mean, mean_backward = avg_pool(x**norm_type, kernel_size, stride, 0, ceil_mode)
    y = _power(mean * taps, 1 / norm_type)
    return y, LPPoolSaved(x, mean, mean_backward, norm_type, taps)


def _power(total, exponent):
    """total ** exponent in float64: 1 / 3 rounded to float32 is off by so much that total ** exponent shows it."""
    return (total.astype(np.float64) ** exponent).astype(total.dtype)


def lp_pool_backward(dy, saved):
    """dy (..., *P) -> dx (..., *L)"""
    x, mean, mean_backward, p, taps = saved
    # y = (mean * taps) ** (1 / p)
    dmean = np.where(mean == 0, 0, dy * (1 / p * _power(mean * taps, 1 / p - 1)) * taps)
    # mean = avg_pool(x ** p)
    dx = mean_backward(dmean) * (p * x ** (p - 1))
    return dx


def lp_pool1d_forward(x, norm_type, kernel_size, stride=None, ceil_mode=False):
    """p-norm of windows along the last axis of x (N, C, L) or (C, L); see `lp_pool2d`."""
    return _lp_pool("lp_pool1d", 1, x, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d_forward(x, norm_type, kernel_size, stride=None, ceil_mode=False):
    """p-norm of windows: y = (sum over the window of x ** p) ** (1 / p), p = norm_type.

    As in torch the powers are of x, not of |x|: an odd p takes roots of negative sums, which are nan. Where the sum is
    0 the derivative is 0, for p = 1 too. A window that `ceil_mode` lets reach beyond x counts as the mean of what it
    has times the kernel's size.

    Parameters
    ----------
    x : (N, C, H, W) or (C, H, W) floating point. norm_type : p, not 0.
    kernel_size, stride : int, or one for each spatial axis; stride is kernel_size by default.
    ceil_mode : as in `max_pool2d`.

    Returns
    -------
    y : (N, C, P, Q) or (C, P, Q). backward : dy -> dx, of x's shape.

    Raises
    ------
    ValueError : as `avg_pool2d`. ZeroDivisionError : norm_type is 0.

    Examples
    --------
    >>> y, backward = lp_pool2d(np.array([[[3.0, 4.0]]]), 2, (1, 2))
    >>> y
    array([[[5.]]])
    >>> backward(np.array([[[1.0]]]))
    array([[[0.6, 0.8]]])
    """
    return _lp_pool("lp_pool2d", 2, x, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d_forward(x, norm_type, kernel_size, stride=None, ceil_mode=False):
    """p-norm of windows of x (N, C, D, H, W) or (C, D, H, W); see `lp_pool2d`."""
    return _lp_pool("lp_pool3d", 3, x, norm_type, kernel_size, stride, ceil_mode)


lp_pool1d = Op(lp_pool1d_forward, lp_pool_backward, arrays=("x",))
lp_pool2d = Op(lp_pool2d_forward, lp_pool_backward, arrays=("x",))
lp_pool3d = Op(lp_pool3d_forward, lp_pool_backward, arrays=("x",))


class _LPPool(Module):
    op: Op

    def __init__(self, norm_type: float, kernel_size, stride=None, ceil_mode: bool = False):
        self.norm_type, self.kernel_size, self.stride, self.ceil_mode = norm_type, kernel_size, stride, ceil_mode

    def forward(self, x):
        return self.op(x, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self):
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPool):
    """p-norm of windows along the last axis of x (N, C, L) or (C, L); see `functional.lp_pool2d`."""

    op = lp_pool1d


class LPPool2d(_LPPool):
    """p-norm of windows of x (N, C, H, W) or (C, H, W); see `functional.lp_pool2d`."""

    op = lp_pool2d


class LPPool3d(_LPPool):
    """p-norm of windows of x (N, C, D, H, W) or (C, D, H, W); see `functional.lp_pool2d`."""

    op = lp_pool3d
