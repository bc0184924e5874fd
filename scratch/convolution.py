"""Convolution over one, two and three spatial axes.

Axes: N batch, C input channels, H W input, F filters (output channels), R S kernel, P Q output; in one dimension L
for the length, in three a depth axis before H and R and P. G groups, c channels of one group. PQ: the output's axes
joined to one.
Twin: torch_ref/convolution.py. Pair: parity_tests/pairs/convolution.py.
"""

from __future__ import annotations

import math
from typing import ClassVar, NamedTuple

import numpy as np

from scratch import init
from scratch.containers import ChainBackward
from scratch.dtypes import as_dtype, check_device
from scratch.module import Module
from scratch.op import Op
from scratch.padding import pad
from scratch.sliding import (
    Geometry,
    checked_geometry,
    each_axis,
    inside,
    padded_sizes,
    same_padding,
    taps,
    with_zeros,
)
from scratch.sums import tree_sum


class ConvSaved(NamedTuple):
    """What the backward of a convolution needs, and nothing else: the padded copy of x is made again."""

    x: np.ndarray  # (N, C, H, W) or (C, H, W)
    weight: np.ndarray  # (F, C/G, R, S)
    geometry: Geometry


# ---------------------------------------------------------------------- the three products, for any number of axes


def correlate(x, weight, geometry):
    """y[n, f, p] = Σ_c,r padded x[n, c, p * stride + r * dilation] * weight[f, c, r], for p, r of any number of axes.

    x (N, C, H, W), weight (F, C/G, R, S) -> (N, F, P, Q)
    """
    N, (F, c, *kernel), G = len(x), weight.shape, geometry.groups
    w = weight.reshape(G, F // G, c, *kernel)
    xp = with_zeros(x, geometry)
    PQ = math.prod(geometry.out)
    y = np.zeros_like(x, shape=(N, G, F // G, PQ))
    for tap, seen in taps(kernel, geometry):
        xs = xp[(..., *seen)].reshape(N, G, c, PQ)  # what this kernel element sees
        y += w[(..., *tap)] @ xs  # (G, F/G, c) @ (N, G, c, PQ) -> (N, G, F/G, PQ)
    return y.reshape(N, F, *geometry.out)


def spread(dy, weight, geometry, sizes):
    """The transpose of `correlate`: every output goes back to the inputs it was made of, by the same weights.

    dy (N, F, P, Q), weight (F, C/G, R, S) -> dx (N, C, *sizes)
    """
    N, (F, c, *kernel), G = len(dy), weight.shape, geometry.groups
    w = weight.reshape(G, F // G, c, *kernel)
    dy = dy.reshape(N, G, F // G, math.prod(geometry.out))
    dxp = np.zeros_like(dy, shape=(N, G * c, *padded_sizes(sizes, geometry)))
    for tap, seen in taps(kernel, geometry):
        # y += w[tap] @ xs
        dxs = w[(..., *tap)].swapaxes(-1, -2) @ dy  # (G, c, F/G) @ (N, G, F/G, PQ) -> (N, G, c, PQ)
        # xs = xp[seen]
        dxp[(..., *seen)] += dxs.reshape(N, G * c, *geometry.out)
    # xp = x with zeros around it
    return dxp[(..., *inside(sizes, geometry))]


def weight_gradient(x, dy, geometry, shape):
    """x (N, C, H, W), dy (N, F, P, Q) -> dweight of this shape (F, C/G, R, S)"""
    N, (F, c, *kernel), G = len(x), shape, geometry.groups
    PQ = math.prod(geometry.out)
    dy = dy.reshape(N, G, F // G, PQ)
    xp = with_zeros(x, geometry)
    dw = np.zeros_like(x, shape=(G, F // G, c, *kernel))
    for tap, seen in taps(kernel, geometry):
        # y += w[tap] @ xs, with the same w for every n
        xs = xp[(..., *seen)].reshape(N, G, c, PQ)
        dw[(..., *tap)] = (dy @ xs.swapaxes(-1, -2)).sum(axis=0)  # (N, G, F/G, PQ) @ (N, G, PQ, c), summed over N
    return dw.reshape(shape)


def _forward(name, axes, x, weight, bias, stride, padding, dilation, groups):
    geometry = checked_geometry(name, axes, x.shape, weight.shape, bias, stride, padding, dilation, groups)
    y = correlate(x if x.ndim == axes + 2 else x[None], weight, geometry)  # (N, F, P, Q)
    if bias is not None:
        y = y + bias.reshape(-1, *(1,) * axes)
    return y if x.ndim == axes + 2 else y[0], ConvSaved(x, weight, geometry)


def _backward(axes, dy, saved, needs):
    x, weight, geometry = saved
    if x.ndim == axes + 1:
        x, dy = x[None], dy[None]
    dx = dweight = dbias = None
    # y = correlate(x, weight) + bias
    if needs[0]:
        dx = spread(dy, weight, geometry, x.shape[2:]).reshape(saved.x.shape)
    if needs[1]:
        dweight = weight_gradient(x, dy, geometry, weight.shape)
    if needs[2]:
        dbias = tree_sum(dy, (0, *range(2, axes + 2)))
    return dx, dweight, dbias


# ---------------------------------------------------------------------- one, two and three spatial axes


def conv1d_forward(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Convolution of sequences: y[n, f, p] = Σ_c,r x[n, c, p * stride + r * dilation] * weight[f, c, r] + bias[f].

    x is padded with zeros first. The same as conv2d with one spatial axis; see there.

    Parameters
    ----------
    x : (N, C, L) or (C, L) floating point. weight : (F, C/groups, R). bias : (F,) or None.

    Returns
    -------
    y : (N, F, P) or (F, P). backward : dy -> dx, dweight, dbias.

    Raises
    ------
    ValueError, TypeError : as conv2d.

    Examples
    --------
    >>> y, backward = conv1d(np.array([[1.0, 2.0, 4.0]]), np.array([[[1.0, -1.0]]]))
    >>> y
    array([[-1., -2.]])
    """
    return _forward("conv1d", 1, x, weight, bias, stride, padding, dilation, groups)


def conv1d_backward(dy, saved, needs=(True, True, True)):
    """dy (N, F, P) -> dx (N, C, L), dweight (F, C/groups, R), dbias (F,)"""
    return _backward(1, dy, saved, needs)


def conv2d_forward(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Convolution of images (a cross-correlation: the kernel is not flipped).

    y[n, f, p, q] = Σ_c,r,s x[n, c, p * stride + r * dilation, q * stride + s * dilation] * weight[f, c, r, s] + bias[f]

    where x has zeros around it (padding). For one kernel element (r, s) at a time this is a matrix product over the
    channels of a shifted copy of the image; the sum over the R * S elements is a loop. The backward turns every one of
    these products around:

    dx[n, c, p * stride + r * dilation, ...] += Σ_f weight[f, c, r, s] * dy[n, f, p, q]
    dweight[f, c, r, s] = Σ_n,p,q dy[n, f, p, q] * x[n, c, p * stride + r * dilation, q * stride + s * dilation]
    dbias[f] = Σ_n,p,q dy[n, f, p, q]

    With groups > 1 the channels and the filters are cut into that many parts; the filters of a part see only its
    channels (groups = C: depthwise).

    Parameters
    ----------
    x : (N, C, H, W) or (C, H, W) floating point. weight : (F, C/groups, R, S). bias : (F,) or None.
    stride, dilation : int or (int, int). padding : int, (int, int), "valid" (none) or "same": the output has the size
        of the input, for stride 1; where the number of zeros is odd, one more goes to the end.

    Returns
    -------
    y : (N, F, P, Q) or (F, P, Q), P = (H + 2 * padding - dilation * (R - 1) - 1) // stride + 1.
    backward : dy -> dx, dweight, dbias, like x, weight and bias.

    Raises
    ------
    ValueError : shapes do not fit, the kernel is larger than the padded image, options out of range.
    TypeError : not floating point, not all of one dtype, options that are no integers.

    Source: LeCun et al., "Backpropagation applied to handwritten zip code recognition", 1989.

    Examples
    --------
    >>> x, weight = np.array([[[1.0, 2.0], [3.0, 4.0]]]), np.array([[[[1.0, 0.0], [0.0, 1.0]]]])
    >>> y, backward = conv2d(x, weight)
    >>> y
    array([[[5.]]])
    >>> dx, dweight = backward(np.array([[[2.0]]]))
    >>> dweight
    array([[[[2., 4.],
             [6., 8.]]]])
    """
    return _forward("conv2d", 2, x, weight, bias, stride, padding, dilation, groups)


def conv2d_backward(dy, saved, needs=(True, True, True)):
    """dy (N, F, P, Q) -> dx (N, C, H, W), dweight (F, C/groups, R, S), dbias (F,)"""
    return _backward(2, dy, saved, needs)


def conv3d_forward(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Convolution of volumes or films: conv2d with a depth axis before the others; see there.

    Parameters
    ----------
    x : (N, C, D, H, W) or (C, D, H, W) floating point. weight : (F, C/groups, kernel D, R, S). bias : (F,) or None.

    Returns
    -------
    y : (N, F, output D, P, Q) or without N. backward : dy -> dx, dweight, dbias.

    Raises
    ------
    ValueError, TypeError : as conv2d.
    """
    return _forward("conv3d", 3, x, weight, bias, stride, padding, dilation, groups)


def conv3d_backward(dy, saved, needs=(True, True, True)):
    """dy like y -> dx, dweight, dbias, like x, weight and bias"""
    return _backward(3, dy, saved, needs)


conv1d = Op(conv1d_forward, conv1d_backward)
conv2d = Op(conv2d_forward, conv2d_backward)
conv3d = Op(conv3d_forward, conv3d_backward)


# ---------------------------------------------------------------------- layers


class _ConvNd(Module):
    """What convolutions and transposed ones have in common: arguments, parameters, looks."""

    axes: ClassVar[int]
    transposed: ClassVar[bool]
    padding: tuple[int, ...] | str
    output_padding: tuple[int, ...]
    padding_mode: str

    def _set_up(self, in_channels, out_channels, kernel_size, stride, dilation, groups):
        name = type(self).__name__
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{name}: in_channels and out_channels must be divisible by groups, a positive integer, "
                f"but are {in_channels}, {out_channels} and {groups}"
            )
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = each_axis(name, "kernel_size", kernel_size, self.axes, 0)
        self.stride = each_axis(name, "stride", stride, self.axes, 1)
        self.dilation = each_axis(name, "dilation", dilation, self.axes, 1)

    def _make_parameters(self, channels, bias, device, dtype, rng):
        check_device(device)
        dtype = as_dtype(dtype)
        self.weight = init.empty(*channels, *self.kernel_size, dtype=dtype)
        self.bias = init.empty(self.out_channels, dtype=dtype) if bias else None
        self.reset_parameters(rng)

    def reset_parameters(self, rng=None) -> None:
        init.default_weight_(self.weight, rng)
        if self.bias is not None:
            init.default_bias_(self.bias, self.weight, rng)

    def extra_repr(self):
        zeros = (0,) * self.axes
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding != zeros:
            text += f", padding={self.padding}"
        if self.dilation != (1,) * self.axes:
            text += f", dilation={self.dilation}"
        if self.output_padding != zeros:
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


class _Conv(_ConvNd):
    """A convolution with its weight and bias; the subclasses say how many spatial axes.

    `padding_mode` other than "zeros" pads with copies of x (see `pad`) before a convolution without padding.
    """

    op: ClassVar[Op]
    transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] | str = 0,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device=None,
        dtype=None,
        *,
        rng=None,
    ):
        name = type(self).__name__
        self._set_up(in_channels, out_channels, kernel_size, stride, dilation, groups)
        if padding not in ("same", "valid"):
            if isinstance(padding, str):
                raise ValueError(f"{name}: padding must be 'same', 'valid' or integers, but is {padding!r}")
            padding = each_axis(name, "padding", padding, self.axes, 0)
        if padding == "same" and max(self.stride) > 1:
            raise ValueError(f"{name}: padding='same' keeps the size, which stride {stride} does not")
        if padding_mode not in ("zeros", "reflect", "replicate", "circular"):
            raise ValueError(
                f"{name}: padding_mode must be 'zeros', 'reflect', 'replicate' or 'circular', but is {padding_mode!r}"
            )
        self.padding, self.padding_mode = padding, padding_mode
        self.output_padding = (0,) * self.axes
        self._make_parameters((out_channels, in_channels // groups), bias, device, dtype, rng)

    def forward(self, x):
        if self.padding_mode == "zeros":
            return self.op(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)
        xp, pad_backward = pad(x, self._border(), mode=self.padding_mode)
        y, conv_backward = self.op(xp, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)
        return y, ChainBackward([pad_backward, conv_backward])

    def _border(self):
        """The padding as `pad` wants it: (before, after) for the last axis first."""
        if self.padding == "same":
            padding = same_padding(self.kernel_size, self.dilation)
        elif self.padding == "valid":
            padding = ((0, 0),) * self.axes
        else:
            padding = [(p, p) for p in self.padding]
        return tuple(width for widths in reversed(padding) for width in widths)


class Conv1d(_Conv):
    """conv1d with weight (out_channels, in_channels / groups, R) and bias (out_channels,).

    Both start from U(-1/sqrt(fan_in), 1/sqrt(fan_in)), fan_in = in_channels / groups * R, as torch's.
    """

    axes, op = 1, conv1d


class Conv2d(_Conv):
    """conv2d with weight (out_channels, in_channels / groups, R, S) and bias (out_channels,).

    Both start from U(-1/sqrt(fan_in), 1/sqrt(fan_in)), fan_in = in_channels / groups * R * S, as torch's.
    """

    axes, op = 2, conv2d


class Conv3d(_Conv):
    """conv3d with weight (out_channels, in_channels / groups, kernel D, R, S) and bias (out_channels,).

    Both start from U(-1/sqrt(fan_in), 1/sqrt(fan_in)), as torch's.
    """

    axes, op = 3, conv3d
