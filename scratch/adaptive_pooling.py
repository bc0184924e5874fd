"""Adaptive pooling: the number of windows is given, and they are chosen to cover the input.

Along an axis of length L, window p of P goes from ⌊p·L / P⌋ to ⌈(p + 1)·L / P⌉ (not included): neighbours overlap
by one where P does not divide L.

Axes: N batch (may be left out), C channels, then one to three spatial axes, `*L` in the input and `*P` in the output.
Twin: torch_ref/adaptive_pooling.py. Pairs: parity_tests/pairs/adaptive_pooling.py.
"""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np

from scratch.module import Module
from scratch.op import Op, on_device_of
from scratch.pooling import MaxPoolSaved, check_spatial, max_pool_backward


def adaptive_windows(length: int, outputs: int) -> list[slice]:
    """The windows along one axis."""
    return [slice(p * length // outputs, -(-(p + 1) * length // outputs)) for p in range(outputs)]


def output_sizes(name: str, n: int, x, output_size) -> tuple[int, ...]:
    """One number of windows for each spatial axis; None keeps the input's length."""
    check_spatial(name, n, x)
    sizes = tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size,) * n
    if len(sizes) != n or not all(size is None or isinstance(size, (int, np.integer)) for size in sizes):
        raise ValueError(f"{name}: output_size must be an int or None, or {n} of them, but is {output_size!r}")
    sizes = tuple(length if size is None else int(size) for size, length in zip(sizes, x.shape[-n:]))
    if min(sizes) < 0:
        raise ValueError(f"{name}: output_size must not be negative, but is {output_size!r}")
    return sizes


# ---------------------------------------------------------------------- averages


def _adaptive_avg_pool(name, n, x, output_size):
    y, axes = x, range(x.ndim - n, x.ndim)
    for axis, outputs in zip(axes, output_sizes(name, n, x, output_size)):
        # The mean over a box is the mean along one axis of the means along the other.
        whole = np.empty_like(y, shape=(*y.shape[:axis], outputs, *y.shape[axis + 1 :]))
        for p, window in enumerate(adaptive_windows(y.shape[axis], outputs)):
            whole[at(axis, p)] = y[at(axis, window)].mean(axis=axis)
        y = whole
    return y, x.shape[-n:]


def adaptive_avg_pool_backward(dy, inputs):
    """dy (..., *P) -> dx (..., *L), where saved is *L"""
    dx = dy
    for axis, length in reversed([*enumerate(inputs, start=dy.ndim - len(inputs))]):
        # whole[p] = y[window].mean(): every element of the window has one length-th of it
        whole = np.zeros_like(dx, shape=(*dx.shape[:axis], length, *dx.shape[axis + 1 :]))
        for p, window in enumerate(adaptive_windows(length, dx.shape[axis])):
            whole[at(axis, window)] += dx[at(axis, slice(p, p + 1))] / (window.stop - window.start)
        dx = whole
    return dx


def at(axis, index):
    return (*[slice(None)] * axis, index)


def adaptive_avg_pool1d_forward(x, output_size):
    """Means over `output_size` windows that cover x (N, C, L) or (C, L); see `adaptive_avg_pool2d`."""
    return _adaptive_avg_pool("adaptive_avg_pool1d", 1, x, output_size)


def adaptive_avg_pool2d_forward(x, output_size):
    """Means over windows that cover x: window p of P goes from ⌊p·H / P⌋ to ⌈(p + 1)·H / P⌉.

    Parameters
    ----------
    x : (N, C, H, W) or (C, H, W) floating point. output_size : P, or (P, Q); None for H or W.

    Returns
    -------
    y : (N, C, P, Q) or (C, P, Q). backward : dy -> dx, of x's shape.

    Raises
    ------
    ValueError : wrong number of axes, an empty axis other than N, a bad output_size.

    Examples
    --------
    >>> y, backward = adaptive_avg_pool2d(np.array([[[1.0, 2.0, 6.0]]]), (1, 2))
    >>> y  # windows (1, 2) and (2, 6)
    array([[[1.5, 4. ]]])
    >>> backward(np.array([[[2.0, 4.0]]]))
    array([[[1., 3., 2.]]])
    """
    return _adaptive_avg_pool("adaptive_avg_pool2d", 2, x, output_size)


def adaptive_avg_pool3d_forward(x, output_size):
    """Means over windows that cover x (N, C, D, H, W) or (C, D, H, W); see `adaptive_avg_pool2d`."""
    return _adaptive_avg_pool("adaptive_avg_pool3d", 3, x, output_size)


adaptive_avg_pool1d = Op(adaptive_avg_pool1d_forward, adaptive_avg_pool_backward, arrays=("x",))
adaptive_avg_pool2d = Op(adaptive_avg_pool2d_forward, adaptive_avg_pool_backward, arrays=("x",))
adaptive_avg_pool3d = Op(adaptive_avg_pool3d_forward, adaptive_avg_pool_backward, arrays=("x",))


# ---------------------------------------------------------------------- maxima


def adaptive_max_pool(name, n, x, output_size, return_indices):
    inputs, outputs = x.shape[-n:], output_sizes(name, n, x, output_size)
    places = np.arange(prod(inputs)).reshape(inputs)
    y = np.empty_like(x, shape=(*x.shape[:-n], *outputs))
    indices = np.empty_like(x, shape=y.shape, dtype=np.int64)
    windows = product(*map(adaptive_windows, inputs, outputs))
    for p, window in zip(product(*map(range, outputs)), windows):
        inside = places[window].reshape(-1)
        values = x[(..., *window)].reshape(*x.shape[:-n], len(inside))
        winner = _argmax(values)
        y[(..., *p)] = np.take_along_axis(values, winner[..., None], axis=-1)[..., 0]
        indices[(..., *p)] = on_device_of(x, inside)[winner]
    return ((y, indices.copy()) if return_indices else y), MaxPoolSaved(indices, inputs)


def _argmax(values):
    """Where the maximum along the last axis lies: the first of equal ones, the last of several nans, as in torch."""
    nan = np.isnan(values)
    last_nan = values.shape[-1] - 1 - nan[..., ::-1].argmax(axis=-1)
    return np.where(nan.any(axis=-1), last_nan, values.argmax(axis=-1))


def adaptive_max_pool1d_forward(x, output_size, return_indices=False):
    """Maxima over `output_size` windows that cover x (N, C, L) or (C, L); see `adaptive_max_pool2d`."""
    return adaptive_max_pool("adaptive_max_pool1d", 1, x, output_size, return_indices)


def adaptive_max_pool2d_forward(x, output_size, return_indices=False):
    """Maxima over windows that cover x: window p of P goes from ⌊p·H / P⌋ to ⌈(p + 1)·H / P⌉.

    The derivative goes to the maximum: of equal values to the first in row-major order, of several nans to the last.

    Parameters
    ----------
    x : (N, C, H, W) or (C, H, W) floating point. output_size : P, or (P, Q); None for H or W.
    return_indices : whether to return also where each maximum lies, as an index into the flattened spatial axes.

    Returns
    -------
    y : (N, C, P, Q) or (C, P, Q). With `return_indices` (y, indices), int64; backward takes (dy, None) then.
    backward : dy -> dx, of x's shape.

    Raises
    ------
    ValueError : wrong number of axes, an empty axis other than N, a bad output_size.
    """
    return adaptive_max_pool("adaptive_max_pool2d", 2, x, output_size, return_indices)


def adaptive_max_pool3d_forward(x, output_size, return_indices=False):
    """Maxima over windows that cover x (N, C, D, H, W) or (C, D, H, W); see `adaptive_max_pool2d`."""
    return adaptive_max_pool("adaptive_max_pool3d", 3, x, output_size, return_indices)


adaptive_max_pool1d = Op(adaptive_max_pool1d_forward, max_pool_backward, arrays=("x",))
adaptive_max_pool2d = Op(adaptive_max_pool2d_forward, max_pool_backward, arrays=("x",))
adaptive_max_pool3d = Op(adaptive_max_pool3d_forward, max_pool_backward, arrays=("x",))


# ---------------------------------------------------------------------- modules


class _AdaptiveAvgPool(Module):
    op: Op

    def __init__(self, output_size):
        self.output_size = output_size

    def forward(self, x):
        return self.op(x, self.output_size)

    def extra_repr(self):
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """Means over `output_size` windows that cover x (N, C, L) or (C, L); see `functional.adaptive_avg_pool2d`."""

    op = adaptive_avg_pool1d


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """Means over (P, Q) windows that cover x (N, C, H, W) or (C, H, W); see `functional.adaptive_avg_pool2d`."""

    op = adaptive_avg_pool2d


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """Means over windows that cover x (N, C, D, H, W) or (C, D, H, W); see `functional.adaptive_avg_pool2d`."""

    op = adaptive_avg_pool3d


class _AdaptiveMaxPool(Module):
    op: Op

    def __init__(self, output_size, return_indices: bool = False):
        self.output_size, self.return_indices = output_size, return_indices

    def forward(self, x):
        return self.op(x, self.output_size, self.return_indices)

    def extra_repr(self):
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """Maxima over `output_size` windows that cover x (N, C, L) or (C, L); see `functional.adaptive_max_pool2d`."""

    op = adaptive_max_pool1d


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """Maxima over (P, Q) windows that cover x (N, C, H, W) or (C, H, W); see `functional.adaptive_max_pool2d`."""

    op = adaptive_max_pool2d


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """Maxima over windows that cover x (N, C, D, H, W) or (C, D, H, W); see `functional.adaptive_max_pool2d`."""

    op = adaptive_max_pool3d
