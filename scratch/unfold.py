"""Unfold (im2col) and fold (col2im): an image as the columns that a kernel sees, and their sum back into an image.

Axes: N batch, C channels, H W image, R S kernel, P Q positions of the kernel; K = C * R * S rows of the columns.
Twin: torch_ref/unfold.py. Pair: parity_tests/pairs/unfold.py.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from scratch.module import Module
from scratch.op import Op
from scratch.sliding import Geometry, each_axis, inside, padded_sizes, taps, with_zeros


class UnfoldSaved(NamedTuple):
    """Shapes only: both are linear, and each is the other's backward."""

    sizes: tuple[int, ...]  # of the image
    kernel: tuple[int, ...]
    geometry: Geometry


def _gather(x, kernel, geometry):
    """x (N, C, H, W) or (C, H, W) -> (N, C R S, P Q) or (C R S, P Q)"""
    *batch, C, H, W = x.shape
    xp = with_zeros(x.reshape(math.prod(batch), C, H, W), geometry)
    columns = np.empty_like(x, shape=(len(xp), C, *kernel, *geometry.out))
    for (r, s), seen in taps(kernel, geometry):
        columns[:, :, r, s] = xp[(..., *seen)]
    return columns.reshape(*batch, C * math.prod(kernel), math.prod(geometry.out))


def _scatter(columns, sizes, kernel, geometry):
    """The transpose of `_gather`: (N, C R S, P Q) or (C R S, P Q) -> (N, C, *sizes) or (C, *sizes)"""
    *batch, K, _ = columns.shape
    C = K // math.prod(kernel)
    columns = columns.reshape(math.prod(batch), C, *kernel, *geometry.out)
    xp = np.zeros_like(columns, shape=(len(columns), C, *padded_sizes(sizes, geometry)))
    for (r, s), seen in taps(kernel, geometry):
        # columns[:, :, r, s] = xp[seen]
        xp[(..., *seen)] += columns[:, :, r, s]
    # xp = x with zeros around it
    return xp[(..., *inside(sizes, geometry))].reshape(*batch, C, *sizes)


def unfold_forward(x, kernel_size, dilation=1, padding=0, stride=1):
    """Every patch of an image that a kernel would see, as a column.

    y[n, (c, r, s), (p, q)] = x[n, c, p * stride + r * dilation, q * stride + s * dilation], x with zeros around it.

    A convolution is then one matrix product, weight (F, C R S) @ y. The backward is fold: a pixel that stands in
    several columns gets the sum of their gradients.

    Parameters
    ----------
    x : (N, C, H, W) or (C, H, W) floating point. kernel_size, dilation, padding, stride : int or (int, int).

    Returns
    -------
    y : (N, C * R * S, P * Q) or (C * R * S, P * Q), P = (H + 2 * padding - dilation * (R - 1) - 1) // stride + 1.
    backward : dy -> dx like x.

    Raises
    ------
    ValueError : x of another number of axes or with an empty axis other than the batch, the kernel larger than the
        padded image, options out of range. TypeError : options that are no integers.

    Examples
    --------
    >>> y, backward = unfold(np.array([[[1.0, 2.0, 3.0]]]), (1, 2))
    >>> y
    array([[1., 2.],
           [2., 3.]])
    >>> backward(np.ones((2, 2)))
    array([[[1., 2., 1.]]])
    """
    if x.ndim not in (3, 4) or 0 in x.shape[-3:]:
        raise ValueError(f"unfold: x must be (N, C, H, W) or (C, H, W), only N may be 0, but is {x.shape}")
    kernel, geometry = _checked("unfold", x.shape[-2:], kernel_size, dilation, padding, stride)
    return _gather(x, kernel, geometry), UnfoldSaved(x.shape[-2:], kernel, geometry)


def unfold_backward(dy, saved):
    """dy (N, C R S, P Q) -> dx (N, C, H, W)"""
    return _scatter(dy, saved.sizes, saved.kernel, saved.geometry)


def fold_forward(x, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Columns laid back where unfold takes them from, and added up where they overlap.

    y[n, c, p * stride + r * dilation, q * stride + s * dilation] += x[n, (c, r, s), (p, q)], what falls into the
    padding dropped.

    Not the inverse of unfold but its transpose: `fold(unfold(x))` is x times the number of columns a pixel stands in.

    Parameters
    ----------
    x : (N, C * R * S, P * Q) or (C * R * S, P * Q) floating point.
    output_size : (H, W) or one int. kernel_size, dilation, padding, stride : int or (int, int), those of unfold.

    Returns
    -------
    y : (N, C, H, W) or (C, H, W). backward : dy -> dx like x.

    Raises
    ------
    ValueError : sizes that unfold would not make of such an image, options out of range. TypeError : options that are
        no integers.

    Examples
    --------
    >>> y, backward = fold(np.array([[1.0, 2.0], [2.0, 3.0]]), (1, 3), (1, 2))
    >>> y
    array([[[1., 4., 3.]]])
    """
    if x.ndim not in (2, 3) or 0 in x.shape[-2:]:
        raise ValueError(f"fold: x must be (N, C * R * S, P * Q) or without N, only N may be 0, but is {x.shape}")
    sizes = _pair("fold", "output_size", output_size, 1)
    kernel, geometry = _checked("fold", sizes, kernel_size, dilation, padding, stride)
    if x.shape[-2] % math.prod(kernel):
        raise ValueError(f"fold: x {x.shape} has {x.shape[-2]} rows, no multiple of the kernel's {kernel} elements")
    if x.shape[-1] != math.prod(geometry.out):
        raise ValueError(
            f"fold: an image {sizes} has {geometry.out} positions of the kernel {kernel}, "
            f"but x has {x.shape[-1]} columns (x {x.shape})"
        )
    return _scatter(x, sizes, kernel, geometry), UnfoldSaved(sizes, kernel, geometry)


def fold_backward(dy, saved):
    """dy (N, C, H, W) -> dx (N, C R S, P Q)"""
    return _gather(dy, saved.kernel, saved.geometry)


unfold = Op(unfold_forward, unfold_backward, arrays=("x",))
fold = Op(fold_forward, fold_backward, arrays=("x",))


def _pair(name, what, value, smallest):
    if isinstance(value, (tuple, list)) and len(value) != 2:
        raise ValueError(f"{name}: {what} must be an integer or a tuple of 2, but is {value!r}")
    return each_axis(name, what, value, 2, smallest)


def _checked(name, sizes, kernel_size, dilation, padding, stride):
    """(kernel, Geometry) for an image of these sizes, or the error that says what does not fit."""
    kernel = _pair(name, "kernel_size", kernel_size, 1)
    dilation, stride = _pair(name, "dilation", dilation, 1), _pair(name, "stride", stride, 1)
    padding = _pair(name, "padding", padding, 0)
    out = tuple(
        (n + 2 * p - d * (r - 1) - 1) // s + 1 for n, p, d, r, s in zip(sizes, padding, dilation, kernel, stride)
    )
    if min(out) < 1:
        raise ValueError(
            f"{name}: the kernel {kernel}, with dilation {dilation}, is larger than an image {tuple(sizes)} "
            f"with padding {padding}"
        )
    return kernel, Geometry(stride, tuple((p, p) for p in padding), dilation, 1, out)


class Unfold(Module):
    """The patches of an image as columns; see `unfold`."""

    def __init__(
        self,
        kernel_size: int | tuple[int, ...],
        dilation: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] = 0,
        stride: int | tuple[int, ...] = 1,
    ):
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, x):
        return unfold(x, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"


class Fold(Module):
    """Columns added up to an image; see `fold`."""

    def __init__(
        self,
        output_size: int | tuple[int, ...],
        kernel_size: int | tuple[int, ...],
        dilation: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] = 0,
        stride: int | tuple[int, ...] = 1,
    ):
        self.output_size = output_size
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, x):
        return fold(x, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self):
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )
