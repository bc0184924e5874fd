"""Convolution over one, two and three spatial axes.

Axes: N batch, C input channels, H W input, F filters (output channels), R S kernel, P Q output; in one dimension L
for the length, in three a depth axis before H and R and P. G groups. The core is written once for any number of
spatial axes; "flat" means that they have been joined to one.
Twin: torch_ref/convolution.py. Pair: parity_tests/pairs/convolution.py.
"""

from __future__ import annotations

import math
import numbers
from typing import ClassVar, NamedTuple

import numpy as np

from scratch import init
from scratch.containers import SequentialBackward
from scratch.dtypes import as_dtype, check_device
from scratch.module import Module
from scratch.op import Op
from scratch.padding import pad


class Geometry(NamedTuple):
    """How a kernel slides over an image: one entry for each spatial axis."""

    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]  # zeros (before, after)
    dilation: tuple[int, ...]
    groups: int
    out: tuple[int, ...]  # output sizes P, Q


class ConvSaved(NamedTuple):
    """What the backward of a convolution needs, and nothing else: the padded copy of x is made again."""

    x: np.ndarray  # (N, C, H, W) or (C, H, W)
    weight: np.ndarray  # (F, C/G, R, S)
    geometry: Geometry


# ---------------------------------------------------------------------- the core, for any number of spatial axes


def taps(kernel, geometry):
    """For each kernel element (r, s): (r, s) and the slices of the padded x that meet it, one for each spatial axis.

    Output p sees padded input p * stride + r * dilation; over all p that is a slice with a step.
    """
    for tap in np.ndindex(*kernel):
        starts = [r * d for r, d in zip(tap, geometry.dilation)]
        yield tap, tuple(slice(a, a + s * (p - 1) + 1, s) for a, s, p in zip(starts, geometry.stride, geometry.out))


def _forward(name, axes, x, weight, bias, stride, padding, dilation, groups):
    geometry = checked_geometry(name, axes, x.shape, weight.shape, bias, stride, padding, dilation, groups)
    F, C, *kernel = weight.shape  # C: channels of one group
    w = weight.reshape(groups, F // groups, C, *kernel)  # (G, F/G, C/G, R, S)
    xp = padded(x, axes, geometry)  # (N, G, C/G, H + padding, W + padding)
    PQ = math.prod(geometry.out)
    y = np.zeros_like(x, shape=(len(xp), groups, F // groups, PQ))
    for tap, seen in taps(kernel, geometry):
        xs = xp[(..., *seen)].reshape(*xp.shape[:3], PQ)  # (N, G, C/G, PQ)
        y += w[(..., *tap)] @ xs  # (G, F/G, C/G) @ (N, G, C/G, PQ) -> (N, G, F/G, PQ)
    y = y.reshape(*x.shape[: -axes - 1], F, *geometry.out)  # (N, F, P, Q), or without N
    if bias is not None:
        y = y + bias.reshape(-1, *(1,) * axes)
    return y, ConvSaved(x, weight, geometry)


def _backward(axes, dy, saved, needs):
    x, weight, geometry = saved
    F, C, *kernel = weight.shape
    G = geometry.groups
    w = weight.reshape(G, F // G, C, *kernel)
    xp = padded(x, axes, geometry)  # (N, G, C/G, H + padding, W + padding)
    PQ = math.prod(geometry.out)
    dy = dy.reshape(len(xp), G, F // G, PQ)
    dxp = np.zeros_like(xp) if needs[0] else None
    dw = np.zeros_like(w) if needs[1] else None
    for tap, seen in taps(kernel, geometry):
        # y += w[tap] @ xp[seen]
        if needs[0]:
            dxs = w[(..., *tap)].swapaxes(-1, -2) @ dy  # (G, C/G, F/G) @ (N, G, F/G, PQ) -> (N, G, C/G, PQ)
            dxp[(..., *seen)] += dxs.reshape(*xp.shape[:3], *geometry.out)
        if needs[1]:
            xs = xp[(..., *seen)].reshape(*xp.shape[:3], PQ)  # (N, G, C/G, PQ)
            dw[(..., *tap)] = (dy @ xs.swapaxes(-1, -2)).sum(axis=0)  # (N, G, F/G, PQ) @ (N, G, PQ, C/G), sum over N
    # xp = x with zeros around it
    dx = dxp[(..., *inside(x.shape[-axes:], geometry))].reshape(x.shape) if needs[0] else None
    dweight = dw.reshape(weight.shape) if needs[1] else None
    # y = ... + bias
    dbias = dy.sum(axis=(0, 3)).reshape(F) if needs[2] else None
    return dx, dweight, dbias


def inside(sizes, geometry):
    """The slices of the padded x that hold x."""
    return tuple(slice(before, before + n) for n, (before, _) in zip(sizes, geometry.padding))


def padded(x, axes, geometry):
    """x with zeros around it, the channels split into groups: (N, G, C/G, H + padding, W + padding)."""
    *batch, C = x.shape[:-axes]
    sizes = x.shape[-axes:]
    x = x.reshape(*(batch or [1]), geometry.groups, C // geometry.groups, *sizes)
    larger = (n + before + after for n, (before, after) in zip(sizes, geometry.padding))
    xp = np.zeros_like(x, shape=(*x.shape[:3], *larger))
    xp[(..., *inside(sizes, geometry))] = x
    return xp


# ---------------------------------------------------------------------- what is asked for, checked


def each_axis(name, what, value, axes, smallest):
    """`value` for each spatial axis: an int stands for all of them, as a tuple of one does."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    if not all(isinstance(v, numbers.Integral) for v in values):
        raise TypeError(f"{name}: {what} must be an integer or a tuple of {axes}, but is {value!r}")
    if len(values) not in (1, axes):
        raise ValueError(f"{name}: {what} must be an integer or a tuple of {axes}, but is {value!r}")
    if min(values) < smallest:
        raise ValueError(f"{name}: {what} must be at least {smallest}, but is {value!r}")
    return values if len(values) == axes else values * axes


def same_padding(kernel, dilation):
    """(before, after) for each axis, such that the output has the input's size; an odd zero goes to the end."""
    spans = [d * (r - 1) for r, d in zip(kernel, dilation)]
    return tuple((span // 2, span - span // 2) for span in spans)


def checked_geometry(name, axes, x, weight, bias, stride, padding, dilation, groups) -> Geometry:
    """The Geometry of a convolution of x and weight (their shapes), or the error that says what does not fit."""
    if len(weight) != axes + 2:
        raise ValueError(f"{name}: weight must be (F, C/groups{', kernel' * axes}), but is {weight}")
    if len(x) not in (axes + 1, axes + 2):
        letters = "".join(", " + letter for letter in "DHW"[-axes:])
        raise ValueError(f"{name}: x must be (N, C{letters}) or (C{letters}), but is {x}")
    F, C, *kernel = weight
    if not isinstance(groups, numbers.Integral) or groups < 1:
        raise ValueError(f"{name}: groups must be a positive integer, but is {groups!r}")
    if F == 0 or F % groups:
        raise ValueError(f"{name}: weight {weight} has {F} filters, which cannot be split into {groups} groups")
    if x[-axes - 1] != C * groups:
        hint = f" (groups={groups})" if groups > 1 else "; for grouped convolution set groups=..."
        raise ValueError(
            f"{name}: weight expects {C * groups} input channels (weight {weight}), "
            f"but x has {x[-axes - 1]} (x {x}){hint}"
        )
    if bias is not None and bias.shape != (F,):
        raise ValueError(f"{name}: bias must be ({F},) for weight {weight}, but is {bias.shape}")
    if min(kernel) < 1:
        raise ValueError(f"{name}: the kernel must not be empty, but weight is {weight}")
    stride = each_axis(name, "stride", stride, axes, 1)
    dilation = each_axis(name, "dilation", dilation, axes, 1)
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise ValueError(f"{name}: padding must be 'same', 'valid' or integers, but is {padding!r}")
        if padding == "same" and max(stride) > 1:
            raise ValueError(f"{name}: padding='same' keeps the size, which stride {stride} does not; give integers")
        padding = same_padding(kernel, dilation) if padding == "same" else ((0, 0),) * axes
    else:
        padding = tuple((p, p) for p in each_axis(name, "padding", padding, axes, 0))
    sizes = [n + before + after for n, (before, after) in zip(x[-axes:], padding)]
    spans = [d * (r - 1) + 1 for r, d in zip(kernel, dilation)]
    if any(span > n for span, n in zip(spans, sizes)) or (0 in x[-axes:] and 0 not in x[:-axes]):
        raise ValueError(
            f"{name}: the kernel, with dilation {tuple(spans)}, is larger than the padded input {tuple(sizes)} "
            f"(x {x}, weight {weight})"
        )
    out = tuple((n - span) // s + 1 for n, span, s in zip(sizes, spans, stride))
    return Geometry(stride, padding, dilation, int(groups), out)


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
    >>> dx, dweight, _ = backward(np.array([[[2.0]]]))
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


class _Conv(Module):
    """A convolution with its weight and bias; the subclasses say how many spatial axes.

    `padding_mode` other than "zeros" pads with copies of x (see `pad`) before a convolution without padding.
    """

    axes: ClassVar[int]
    op: ClassVar[Op]

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
        check_device(device)
        name = type(self).__name__
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{name}: in_channels and out_channels must be divisible by groups, a positive integer, "
                f"but are {in_channels}, {out_channels} and {groups}"
            )
        self.kernel_size = each_axis(name, "kernel_size", kernel_size, self.axes, 0)
        self.stride = each_axis(name, "stride", stride, self.axes, 1)
        self.dilation = each_axis(name, "dilation", dilation, self.axes, 1)
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(f"{name}: padding must be 'same', 'valid' or integers, but is {padding!r}")
            if padding == "same" and max(self.stride) > 1:
                raise ValueError(f"{name}: padding='same' keeps the size, which stride {stride} does not")
            self.padding = padding
        else:
            self.padding = each_axis(name, "padding", padding, self.axes, 0)
        if padding_mode not in ("zeros", "reflect", "replicate", "circular"):
            raise ValueError(
                f"{name}: padding_mode must be 'zeros', 'reflect', 'replicate' or 'circular', but is {padding_mode!r}"
            )
        self.padding_mode = padding_mode
        dtype = as_dtype(dtype)
        self.weight = init.empty(out_channels, in_channels // groups, *self.kernel_size, dtype=dtype)
        self.bias = init.empty(out_channels, dtype=dtype) if bias else None
        self.reset_parameters(rng)

    def reset_parameters(self, rng=None) -> None:
        init.default_weight_(self.weight, rng)
        if self.bias is not None:
            init.default_bias_(self.bias, self.weight, rng)

    def forward(self, x):
        if self.padding_mode == "zeros":
            return self.op(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)
        xp, pad_backward = pad(x, self._border(), mode=self.padding_mode)
        y, conv_backward = self.op(xp, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)
        return y, SequentialBackward([pad_backward, conv_backward])

    def _border(self):
        """The padding as `pad` wants it: (before, after) for the last axis first."""
        if self.padding == "same":
            padding = same_padding(self.kernel_size, self.dilation)
        elif self.padding == "valid":
            padding = ((0, 0),) * self.axes
        else:
            padding = [(p, p) for p in self.padding]
        return tuple(width for widths in reversed(padding) for width in widths)

    def extra_repr(self):
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding != (0,) * self.axes:
            text += f", padding={self.padding}"
        if self.dilation != (1,) * self.axes:
            text += f", dilation={self.dilation}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


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
