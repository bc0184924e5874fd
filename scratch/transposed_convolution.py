"""Transposed convolution: the step from a convolution's output size back to its input size, with learned weights.

Axes: N batch, C input channels, H W input, F output channels, R S kernel, P Q output, G groups; in one dimension L for
the length, in three a depth axis first. With respect to the convolution it transposes, x stands where that one's
output is and y where its input is.
Twin: torch_ref/transposed_convolution.py. Pair: parity_tests/pairs/transposed_convolution.py.
"""

from __future__ import annotations

import numbers
from typing import ClassVar, NamedTuple

import numpy as np

from scratch.convolution import _ConvNd, correlate, spread, weight_gradient
from scratch.op import Op
from scratch.sliding import Geometry, each_axis
from scratch.sums import tree_sum


class ConvTransposeSaved(NamedTuple):
    """What the backward of a transposed convolution needs, and nothing else."""

    x: np.ndarray  # (N, C, H, W) or (C, H, W)
    weight: np.ndarray  # (C, F/G, R, S)
    geometry: Geometry  # of the convolution from y to x


def checked_transpose(name, axes, x, weight, bias, stride, padding, output_padding, groups, dilation):
    """(Geometry of the convolution from y back to x, y's spatial sizes), or the error that says what does not fit."""
    if len(weight) != axes + 2:
        raise ValueError(f"{name}: weight must be (C, F/groups{', kernel' * axes}), but is {weight}")
    if len(x) not in (axes + 1, axes + 2):
        letters = "".join(", " + letter for letter in "DHW"[-axes:])
        raise ValueError(f"{name}: x must be (N, C{letters}) or (C{letters}), but is {x}")
    C, F, *kernel = weight
    if not isinstance(groups, numbers.Integral) or groups < 1:
        raise ValueError(f"{name}: groups must be a positive integer, but is {groups!r}")
    if 0 in weight or C % groups:
        raise ValueError(f"{name}: weight {weight} has {C} input channels, which cannot be split into {groups} groups")
    if x[-axes - 1] != C:
        raise ValueError(
            f"{name}: weight expects {C} input channels (weight {weight}), but x has {x[-axes - 1]} (x {x})"
        )
    if bias is not None and bias.shape != (F * groups,):
        raise ValueError(
            f"{name}: bias must be ({F * groups},) for weight {weight} and groups={groups}, but is {bias.shape}"
        )
    stride = each_axis(name, "stride", stride, axes, 1)
    dilation = each_axis(name, "dilation", dilation, axes, 1)
    padding = each_axis(name, "padding", padding, axes, 0)
    output_padding = each_axis(name, "output_padding", output_padding, axes, 0)
    if any(o >= max(s, d) for o, s, d in zip(output_padding, stride, dilation)):
        raise ValueError(
            f"{name}: output_padding must be smaller than stride or dilation, but is {output_padding} "
            f"for stride {stride} and dilation {dilation}"
        )
    if 0 in x[-axes:] and x[0] != 0:
        raise ValueError(f"{name}: only the batch may be empty, but x is {x}")
    smallest = _smallest_output(x[-axes:], kernel, stride, padding, dilation)
    sizes = tuple(n + o for n, o in zip(smallest, output_padding))
    if min(sizes) < 1:
        raise ValueError(f"{name}: the output would be {sizes} (x {x}, weight {weight}, padding {padding})")
    return Geometry(stride, tuple((p, p) for p in padding), dilation, int(groups), x[-axes:]), sizes


def _smallest_output(sizes, kernel, stride, padding, dilation):
    return tuple(
        (n - 1) * s - 2 * p + d * (r - 1) + 1 for n, r, s, p, d in zip(sizes, kernel, stride, padding, dilation)
    )


def _forward(name, axes, x, weight, bias, *options):
    geometry, sizes = checked_transpose(name, axes, x.shape, weight.shape, bias, *options)
    y = spread(x if x.ndim == axes + 2 else x[None], weight, geometry, sizes)  # (N, F, P, Q)
    y = y.copy() if bias is None else y + bias.reshape(-1, *(1,) * axes)
    return y if x.ndim == axes + 2 else y[0], ConvTransposeSaved(x, weight, geometry)


def _backward(axes, dy, saved, needs):
    x, weight, geometry = saved
    if x.ndim == axes + 1:
        x, dy = x[None], dy[None]
    dx = dweight = dbias = None
    # y = spread(x, weight) + bias
    if needs[0]:
        dx = correlate(dy, weight, geometry).reshape(saved.x.shape)
    if needs[1]:
        dweight = weight_gradient(dy, x, geometry, weight.shape)
    if needs[2]:
        dbias = tree_sum(dy, (0, *range(2, axes + 2)))
    return dx, dweight, dbias


def conv_transpose1d_forward(x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """Transposed convolution of sequences.

    y[n, f, l * stride + r * dilation - padding] += Σ_c x[n, c, l] * weight[c, f, r]

    The same as conv_transpose2d with one spatial axis; see there.

    Parameters
    ----------
    x : (N, C, L) or (C, L) floating point. weight : (C, F/groups, R). bias : (F,) or None.

    Returns
    -------
    y : (N, F, P) or (F, P). backward : dy -> dx, dweight, dbias.

    Raises
    ------
    ValueError, TypeError : as conv_transpose2d.

    Examples
    --------
    >>> y, backward = conv_transpose1d(np.array([[1.0, 10.0]]), np.array([[[1.0, 2.0, 3.0]]]), stride=2)
    >>> y
    array([[ 1.,  2., 13., 20., 30.]])
    """
    options = stride, padding, output_padding, groups, dilation
    return _forward("conv_transpose1d", 1, x, weight, bias, *options)


def conv_transpose1d_backward(dy, saved, needs=(True, True, True)):
    """dy (N, F, P) -> dx (N, C, L), dweight (C, F/groups, R), dbias (F,)"""
    return _backward(1, dy, saved, needs)


def conv_transpose2d_forward(x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """Transposed convolution of images: every input pixel lays down its own copy of the kernel, and copies add up.

    y[n, f, h * stride + r * dilation - padding, w * stride + s * dilation - padding]
        += Σ_c x[n, c, h, w] * weight[c, f, r, s],    then + bias[f]

    What falls outside of y is dropped. This is exactly what a convolution with the same options does to its upstream
    gradient; so its own backward is that convolution:

    dx = conv2d(dy, weight, stride, padding, dilation)
    dweight : as the convolution's, with x and dy exchanged.

    Parameters
    ----------
    x : (N, C, H, W) or (C, H, W) floating point. weight : (C, F/groups, R, S). bias : (F,) or None.
    stride, padding, dilation : int or (int, int), those of the transposed convolution: padding makes y smaller.
    output_padding : int or (int, int): rows and columns added at one end of y. A convolution with a stride leaves off
        what does not fill a step, so several sizes lead to x's; this says which one.

    Returns
    -------
    y : (N, F, P, Q) or (F, P, Q), P = (H - 1) * stride - 2 * padding + dilation * (R - 1) + 1 + output_padding.
    backward : dy -> dx, dweight, dbias, like x, weight and bias.

    Raises
    ------
    ValueError : shapes do not fit, an empty output, options out of range. TypeError : not floating point, not all of
        one dtype, options that are no integers.

    Source: Zeiler et al., "Deconvolutional networks", 2010; Dumoulin and Visin, "A guide to convolution arithmetic for
    deep learning", 2016.

    Examples
    --------
    >>> y, backward = conv_transpose2d(np.array([[[1.0, 10.0]]]), np.array([[[[1.0, 2.0]]]]))
    >>> y
    array([[[ 1., 12., 20.]]])
    >>> backward(y)[0]
    array([[[25., 52.]]])
    """
    options = stride, padding, output_padding, groups, dilation
    return _forward("conv_transpose2d", 2, x, weight, bias, *options)


def conv_transpose2d_backward(dy, saved, needs=(True, True, True)):
    """dy (N, F, P, Q) -> dx (N, C, H, W), dweight (C, F/groups, R, S), dbias (F,)"""
    return _backward(2, dy, saved, needs)


def conv_transpose3d_forward(x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """Transposed convolution of volumes: conv_transpose2d with a depth axis before the others; see there.

    Parameters
    ----------
    x : (N, C, D, H, W) or (C, D, H, W) floating point. weight : (C, F/groups, kernel D, R, S). bias : (F,) or None.

    Returns
    -------
    y : (N, F, output D, P, Q) or without N. backward : dy -> dx, dweight, dbias.

    Raises
    ------
    ValueError, TypeError : as conv_transpose2d.
    """
    options = stride, padding, output_padding, groups, dilation
    return _forward("conv_transpose3d", 3, x, weight, bias, *options)


def conv_transpose3d_backward(dy, saved, needs=(True, True, True)):
    """dy like y -> dx, dweight, dbias, like x, weight and bias"""
    return _backward(3, dy, saved, needs)


conv_transpose1d = Op(conv_transpose1d_forward, conv_transpose1d_backward)
conv_transpose2d = Op(conv_transpose2d_forward, conv_transpose2d_backward)
conv_transpose3d = Op(conv_transpose3d_forward, conv_transpose3d_backward)


class _ConvTranspose(_ConvNd):
    """A transposed convolution with its weight and bias; the subclasses say how many spatial axes."""

    op: ClassVar[Op]
    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] = 0,
        output_padding: int | tuple[int, ...] = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | tuple[int, ...] = 1,
        padding_mode: str = "zeros",
        device=None,
        dtype=None,
        *,
        rng=None,
    ):
        name = type(self).__name__
        if padding_mode != "zeros":
            raise ValueError(f"{name}: padding_mode must be 'zeros', but is {padding_mode!r}")
        self._set_up(in_channels, out_channels, kernel_size, stride, dilation, groups)
        self.padding = each_axis(name, "padding", padding, self.axes, 0)
        self.output_padding = each_axis(name, "output_padding", output_padding, self.axes, 0)
        self.padding_mode = padding_mode
        self._make_parameters((in_channels, out_channels // groups), bias, device, dtype, rng)

    def forward(self, x, output_size=None):
        """output_size : the wanted (P, Q), or all of y's shape; it stands in for output_padding."""
        output_padding = self.output_padding if output_size is None else self._output_padding(x.shape, output_size)
        return self.op(x, self.weight, self.bias, self.stride, self.padding, output_padding, self.groups, self.dilation)

    def _output_padding(self, shape, output_size):
        name, n = type(self).__name__, self.axes
        if len(output_size) == len(shape):
            output_size = output_size[-n:]
        if len(output_size) != n:
            raise ValueError(f"{name}: output_size must have {n} or {len(shape)} entries for x {shape}: {output_size}")
        smallest = _smallest_output(shape[-n:], self.kernel_size, self.stride, self.padding, self.dilation)
        extra = tuple(size - low for size, low in zip(output_size, smallest))
        if any(not 0 <= e < s for e, s in zip(extra, self.stride)):
            largest = tuple(low + s - 1 for low, s in zip(smallest, self.stride))
            raise ValueError(f"{name}: output_size must lie from {smallest} to {largest} for x {shape}: {output_size}")
        return extra


class ConvTranspose1d(_ConvTranspose):
    """conv_transpose1d with weight (in_channels, out_channels / groups, R) and bias (out_channels,).

    Both start from U(-1/sqrt(fan_in), 1/sqrt(fan_in)); fan_in = out_channels / groups * R, as torch counts it.
    """

    axes, op = 1, conv_transpose1d


class ConvTranspose2d(_ConvTranspose):
    """conv_transpose2d with weight (in_channels, out_channels / groups, R, S) and bias (out_channels,).

    Both start from U(-1/sqrt(fan_in), 1/sqrt(fan_in)); fan_in = out_channels / groups * R * S, as torch counts it.
    """

    axes, op = 2, conv_transpose2d


class ConvTranspose3d(_ConvTranspose):
    """conv_transpose3d with weight (in_channels, out_channels / groups, kernel D, R, S) and bias (out_channels,).

    Both start from U(-1/sqrt(fan_in), 1/sqrt(fan_in)), fan_in of the weight's second axis, as torch counts it.
    """

    axes, op = 3, conv_transpose3d
