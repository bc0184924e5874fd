"""Max and average pooling over one, two or three spatial axes.

Axes: N batch (may be left out), C channels, then the spatial axes: L for 1d, H W for 2d, D H W for 3d; the windows
(kernels) are R S with one tap each r s; the outputs P Q. One implementation serves all three: `*L` and `*P` below
stand for the spatial axes of input and output.
Twin: torch_ref/pooling.py. Pairs: parity_tests/pairs/pooling.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import NamedTuple

import numpy as np

from scratch.module import Module
from scratch.op import Op, on_device_of

# ---------------------------------------------------------------------- where the windows lie


class Windows(NamedTuple):
    """The windows of one pooling: one number for each spatial axis in every field."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    inputs: tuple[int, ...]  # *L
    outputs: tuple[int, ...]  # *P

    def taps(self) -> Iterator[tuple[slice, ...]]:
        """For each tap, in row-major order, the slices of the padded input that it visits: one place per window."""
        for tap in product(*map(range, self.kernel)):
            starts = [t * d for t, d in zip(tap, self.dilation)]
            yield tuple(
                slice(start, start + s * (p - 1) + 1, s) for start, s, p in zip(starts, self.stride, self.outputs)
            )

    @property
    def padded(self) -> tuple[int, ...]:
        """The axes of the padded input: padding on both sides, and what ceil_mode reaches beyond it."""
        return tuple(
            max(length + 2 * p, s * (out - 1) + d * (k - 1) + 1)
            for length, k, s, p, d, out in zip(
                self.inputs, self.kernel, self.stride, self.padding, self.dilation, self.outputs
            )
        )

    @property
    def inside(self) -> tuple:
        """The slices of the padded input where the input itself lies."""
        return (..., *(slice(p, p + length) for p, length in zip(self.padding, self.inputs)))

    @property
    def overlap(self) -> bool:
        """Whether an element may belong to several windows."""
        return any(k > 1 and d * (k - 1) >= s for k, s, d in zip(self.kernel, self.stride, self.dilation))

    def pad(self, x, value):
        """x (..., *L) in a larger array filled with value."""
        padded = np.full_like(x, value, shape=(*x.shape[: x.ndim - len(self.inputs)], *self.padded))
        padded[self.inside] = x
        return padded


def per_axis(name: str, option: str, value, n: int) -> tuple[int, ...]:
    """An int, or a tuple of one or n of them, as a tuple of n."""
    values = value if isinstance(value, (tuple, list)) else (value,)
    if not all(isinstance(v, (int, np.integer)) for v in values):
        raise TypeError(f"{name}: {option} must be an int or a tuple of {n} ints, but is {value!r}")
    if len(values) not in (1, n):
        raise ValueError(f"{name}: {option} must be an int or a tuple of {n} ints, but has {len(values)}: {value!r}")
    return tuple(int(v) for v in values) * (n // len(values))


def check_spatial(name: str, n: int, x) -> None:
    """x must be (N, C, *L) or (C, *L), and only N may be 0."""
    axes = {1: "L", 2: "H, W", 3: "D, H, W"}[n]
    if x.ndim not in (n + 1, n + 2):
        raise ValueError(f"{name}: x must be (N, C, {axes}) or (C, {axes}), but is {x.shape}")
    if 0 in x.shape[-n - 1 :]:
        raise ValueError(f"{name}: only the batch axis of x may be empty, but x is {x.shape}")


def pool_windows(name: str, n: int, x, kernel_size, stride, padding=0, dilation=1, ceil_mode=False) -> Windows:
    """The windows over the last n axes of x, checked as torch does.

    There are P = ⌊(L + 2·padding - dilation·(kernel - 1) - 1) / stride⌋ + 1 of them. With `ceil_mode` the division
    rounds up, but a window that would start behind the input, in the padding on its right, is left out.
    """
    kernel = per_axis(name, "kernel_size", kernel_size, n)
    stride = kernel if stride is None or stride in ((), []) else per_axis(name, "stride", stride, n)
    padding = per_axis(name, "padding", padding, n)
    dilation = per_axis(name, "dilation", dilation, n)
    for option, values in (("kernel_size", kernel), ("stride", stride), ("dilation", dilation)):
        if min(values) < 1:
            raise ValueError(f"{name}: {option} must be at least 1, but is {values}")
    if min(padding) < 0 or any(2 * p > k for p, k in zip(padding, kernel)):
        raise ValueError(f"{name}: padding must be between 0 and half of kernel_size {kernel}, but is {padding}")
    check_spatial(name, n, x)
    inputs, outputs = x.shape[-n:], []
    for length, k, s, p, d in zip(inputs, kernel, stride, padding, dilation):
        room = length + 2 * p - d * (k - 1) - 1  # how far the first window can move
        count = -(-room // s) + 1 if ceil_mode else room // s + 1
        if ceil_mode and (count - 1) * s >= length + p:
            count -= 1
        outputs.append(count)
    if min(outputs) < 1:
        raise ValueError(
            f"{name}: the window (kernel_size {kernel}, dilation {dilation}) is larger than x {x.shape} with "
            f"padding {padding}; use a smaller kernel_size"
        )
    return Windows(kernel, stride, padding, dilation, tuple(inputs), tuple(outputs))


# ---------------------------------------------------------------------- max pooling


class MaxPoolSaved(NamedTuple):
    """Where each maximum was found: all that a maximum's gradient depends on."""

    indices: np.ndarray  # (..., *P) int64, flat over the input's spatial axes; -1: a window of nothing but padding
    inputs: tuple[int, ...]  # *L


def _max_pool(name, n, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices):
    windows = pool_windows(name, n, x, kernel_size, stride, padding, dilation, ceil_mode)
    padded = windows.pad(x, -np.inf)
    places = windows.pad(np.arange(prod(windows.inputs)).reshape(windows.inputs), -1)
    places = on_device_of(x, places)
    y = np.full_like(x, -np.inf, shape=(*x.shape[:-n], *windows.outputs))
    indices = np.full_like(x, -1, shape=y.shape, dtype=np.int64)
    for tap in windows.taps():
        value, place = padded[(..., *tap)], places[tap]
        wins = (value > y) | np.isnan(value) | (indices < 0)  # > : of equal values the first stays
        y, indices = np.where(wins, value, y), np.where(wins, place, indices)
    return ((y, indices.copy()) if return_indices else y), MaxPoolSaved(indices, windows.inputs)


def max_pool_backward(dy, saved):
    """dy (..., *P) -> dx (..., *L): each dy goes to the place its maximum came from; windows that overlap add up."""
    indices, inputs = saved
    if type(dy) is tuple:  # beside the indices, which have no gradient
        dy = dy[0]
    if dy is None:
        return None
    return scatter_add(dy, indices, inputs)


def scatter_add(dy, indices, inputs):
    """dx (..., *inputs), zero but for dx[..., indices] += dy, with indices flat over inputs and -1 for nowhere."""
    n, length = len(inputs), prod(inputs)
    leading = dy.shape[: dy.ndim - n]
    rows = prod(leading)
    # One more column takes what goes nowhere: -1 is the last column of the row before.
    dx = np.zeros_like(dy, shape=(rows * (length + 1),))
    starts = on_device_of(dy, np.arange(rows).reshape(*leading, *[1] * n) * (length + 1))
    np.add.at(dx, (indices + starts).reshape(-1), dy.reshape(-1))
    return dx.reshape(rows, length + 1)[:, :length].reshape(*leading, *inputs)


def max_pool1d_forward(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """Maximum over windows along the last axis; see `max_pool2d`.

    Parameters
    ----------
    x : (N, C, L) or (C, L) floating point.

    Returns
    -------
    y : (N, C, P) or (C, P); with `return_indices` (y, indices). backward : dy -> dx, of x's shape.
    """
    return _max_pool("max_pool1d", 1, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d_forward(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """Maximum over windows: y[n, c, p, q] = max over taps r, s of x[n, c, p·stride + r·dilation - padding, ...].

    The derivative goes to the place of the maximum: of equal values to the first in row-major order, of several nans
    to the last. nan is larger than everything. The padding counts as -inf and never gets a gradient.

    Parameters
    ----------
    x : (N, C, H, W) or (C, H, W) floating point.
    kernel_size, stride, padding, dilation : int, or one for each spatial axis. stride is kernel_size by default,
        padding at most half of it.
    ceil_mode : whether a last window that reaches beyond the padded input is kept (it must start before the padding
        on the right).
    return_indices : whether to return also where each maximum lies, as an index into the flattened spatial axes.

    Returns
    -------
    y : (N, C, P, Q) or (C, P, Q), P = ⌊(H + 2·padding - dilation·(kernel_size - 1) - 1) / stride⌋ + 1.
    indices : only with `return_indices`, beside y as (y, indices): int64 of y's shape. backward takes (dy, None) then.
    backward : dy -> dx, of x's shape.

    Raises
    ------
    ValueError : wrong number of axes, an empty axis other than N, options out of range, window larger than x.

    Examples
    --------
    >>> y, backward = max_pool2d(np.array([[[1.0, 2.0], [4.0, 3.0]]]), 2)
    >>> y
    array([[[4.]]])
    >>> backward(np.array([[[5.0]]]))
    array([[[0., 0.],
            [5., 0.]]])
    """
    return _max_pool("max_pool2d", 2, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d_forward(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """Maximum over windows of three axes; see `max_pool2d`.

    Parameters
    ----------
    x : (N, C, D, H, W) or (C, D, H, W) floating point.

    Returns
    -------
    y : (N, C, *P) or (C, *P); with `return_indices` (y, indices). backward : dy -> dx, of x's shape.
    """
    return _max_pool("max_pool3d", 3, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


max_pool1d = Op(max_pool1d_forward, max_pool_backward, arrays=("x",))
max_pool2d = Op(max_pool2d_forward, max_pool_backward, arrays=("x",))
max_pool3d = Op(max_pool3d_forward, max_pool_backward, arrays=("x",))


# ---------------------------------------------------------------------- average pooling


class AvgPoolSaved(NamedTuple):
    """An average is linear: its gradient depends on where the windows lie, not on x."""

    windows: Windows
    divisor: int | np.ndarray  # or (*P)


def _avg_pool(name, n, x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override=None):
    windows = pool_windows(name, n, x, kernel_size, stride, padding, ceil_mode=ceil_mode)
    divisor = avg_divisor(name, windows, count_include_pad, divisor_override, x)
    padded = windows.pad(x, 0)
    y = sum(padded[(..., *tap)] for tap in windows.taps()) / divisor
    return y, AvgPoolSaved(windows, divisor)


def avg_divisor(name, windows, count_include_pad, divisor_override, x):
    """What each window's sum is divided by: the number of its taps, in x's dtype, where they are not all the same."""
    if divisor_override is not None:
        if not isinstance(divisor_override, (int, np.integer)):
            raise TypeError(f"{name}: divisor_override must be an int or None, but is {divisor_override!r}")
        if divisor_override == 0:
            raise ValueError(f"{name}: divisor_override must not be 0")
        return int(divisor_override)
    counts = np.ones((), dtype=np.int64)
    for length, k, s, p, out in zip(windows.inputs, windows.kernel, windows.stride, windows.padding, windows.outputs):
        start = np.arange(out) * s - p
        end = np.minimum(start + k, length + p)  # what ceil_mode reaches beyond the padding never counts
        if not count_include_pad:
            start, end = np.maximum(start, 0), np.minimum(end, length)
        counts = counts[..., None] * (end - start)
    return on_device_of(x, counts.astype(x.dtype))


def avg_pool_backward(dy, saved):
    """dy (..., *P) -> dx (..., *L)"""
    windows, divisor = saved
    # y = sum / divisor
    dsum = dy / divisor
    # sum = padded[tap 0] + padded[tap 1] + ...
    dpadded = windows.pad(np.zeros_like(dy, shape=(*dy.shape[: dy.ndim - len(windows.inputs)], *windows.inputs)), 0)
    for tap in windows.taps():
        dpadded[(..., *tap)] += dsum
    return dpadded[windows.inside].copy()


def avg_pool1d_forward(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """Mean over windows along the last axis; see `avg_pool2d`.

    Parameters
    ----------
    x : (N, C, L) or (C, L) floating point.

    Returns
    -------
    y : (N, C, P) or (C, P). backward : dy -> dx, of x's shape.
    """
    return _avg_pool("avg_pool1d", 1, x, kernel_size, stride, padding, ceil_mode, count_include_pad)


def avg_pool2d_forward(
    x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None
):
    """Mean over windows: y[n, c, p, q] = (sum over taps r, s of x[n, c, p·stride + r - padding, ...]) / divisor.

    Parameters
    ----------
    x : (N, C, H, W) or (C, H, W) floating point.
    kernel_size, stride, padding : int, or one for each spatial axis. stride is kernel_size by default, padding (with
        zeros) at most half of it.
    ceil_mode : whether a last window that reaches beyond the padded input is kept, as in `max_pool2d`.
    count_include_pad : whether padding counts in the divisor; what ceil_mode reaches beyond it never does.
    divisor_override : the divisor, instead of the number of taps.

    Returns
    -------
    y : (N, C, P, Q) or (C, P, Q), P = ⌊(H + 2·padding - kernel_size) / stride⌋ + 1. backward : dy -> dx, of x's shape.

    Raises
    ------
    ValueError : wrong number of axes, an empty axis other than N, options out of range, window larger than x.

    Examples
    --------
    >>> y, backward = avg_pool2d(np.array([[[1.0, 2.0], [4.0, 3.0]]]), 2)
    >>> y
    array([[[2.5]]])
    >>> backward(np.array([[[4.0]]]))
    array([[[1., 1.],
            [1., 1.]]])
    """
    return _avg_pool("avg_pool2d", 2, x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def avg_pool3d_forward(
    x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None
):
    """Mean over windows of three axes; see `avg_pool2d`.

    torch asks that the kernel be no larger than x even where padding makes room for it; here padding counts.

    Parameters
    ----------
    x : (N, C, D, H, W) or (C, D, H, W) floating point.

    Returns
    -------
    y : (N, C, *P) or (C, *P). backward : dy -> dx, of x's shape.
    """
    return _avg_pool("avg_pool3d", 3, x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


avg_pool1d = Op(avg_pool1d_forward, avg_pool_backward, arrays=("x",))
avg_pool2d = Op(avg_pool2d_forward, avg_pool_backward, arrays=("x",))
avg_pool3d = Op(avg_pool3d_forward, avg_pool_backward, arrays=("x",))


# ---------------------------------------------------------------------- modules


class _MaxPool(Module):
    op: Op

    def __init__(
        self, kernel_size, stride=None, padding=0, dilation=1, return_indices: bool = False, ceil_mode: bool = False
    ):
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding, self.dilation = padding, dilation
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def forward(self, x):
        return self.op(
            x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )

    def extra_repr(self):
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """Maximum over windows along the last axis of x (N, C, L) or (C, L); see `functional.max_pool2d`."""

    op = max_pool1d


class MaxPool2d(_MaxPool):
    """Maximum over windows of x (N, C, H, W) or (C, H, W); see `functional.max_pool2d`.

    With `return_indices=True` the output is (y, indices), as `MaxUnpool2d` wants them, and backward takes (dy, None).
    """

    op = max_pool2d


class MaxPool3d(_MaxPool):
    """Maximum over windows of x (N, C, D, H, W) or (C, D, H, W); see `functional.max_pool2d`."""

    op = max_pool3d


class AvgPool1d(Module):
    """Mean over windows along the last axis of x (N, C, L) or (C, L); see `functional.avg_pool2d`."""

    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode: bool = False, count_include_pad: bool = True):
        self.kernel_size = per_axis("AvgPool1d", "kernel_size", kernel_size, 1)
        self.stride = per_axis("AvgPool1d", "stride", kernel_size if stride is None else stride, 1)
        self.padding = per_axis("AvgPool1d", "padding", padding, 1)
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, x):
        return avg_pool1d(x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _AvgPool(Module):
    op: Op

    def __init__(
        self,
        kernel_size,
        stride=None,
        padding=0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ):
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad
        self.divisor_override = divisor_override

    def forward(self, x):
        options = self.ceil_mode, self.count_include_pad, self.divisor_override
        return self.op(x, self.kernel_size, self.stride, self.padding, *options)

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(_AvgPool):
    """Mean over windows of x (N, C, H, W) or (C, H, W); see `functional.avg_pool2d`."""

    op = avg_pool2d


class AvgPool3d(_AvgPool):
    """Mean over windows of x (N, C, D, H, W) or (C, D, H, W); see `functional.avg_pool2d`."""

    op = avg_pool3d
