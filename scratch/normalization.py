"""Normalization within one sample: layer norm, root-mean-square norm, group norm.

Axes: * any leading axes (batch), D the normalized axes together; N batch, C channels, G groups of C/G channels.
Twin: torch_ref/normalization.py. Pairs: parity_tests/pairs/normalization.py.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from scratch import init
from scratch.dtypes import as_dtype, check_device
from scratch.module import Module
from scratch.op import Op
from scratch.sums import tree_sum


class LayerNormSaved(NamedTuple):
    """What layer_norm_backward needs, and nothing else. xhat = (x - mean) * rstd is recomputed."""

    x: np.ndarray  # (*, D)
    mean: np.ndarray  # (*, 1)
    rstd: np.ndarray  # (*, 1), 1 / sqrt(variance + eps)
    weight: np.ndarray | None  # (D)
    axes: tuple[int, ...]  # those of D


def normalized_axes(op: str, x, normalized_shape, **affine) -> tuple[int, ...]:
    """The trailing axes of x that normalized_shape names; ValueError where it does not fit x or weight and bias."""
    if isinstance(normalized_shape, (int, np.integer)):
        raise TypeError(f"{op}: normalized_shape must be a tuple of int, but is {normalized_shape}; use (n,) for n")
    shape = tuple(normalized_shape)
    if not shape or x.shape[-len(shape) :] != shape:
        raise ValueError(
            f"{op}: normalized_shape must be the last axes of x, at least one, "
            f"but normalized_shape is {shape} and x {x.shape}"
        )
    for name, array in affine.items():
        if array is not None and array.shape != shape:
            raise ValueError(f"{op}: {name} must have the shape normalized_shape {shape}, but is {array.shape}")
    return tuple(range(-len(shape), 0))


def moments(x, axes):
    """(mean, variance) of x along axes, which are kept as 1: two passes, so that a large mean does no harm."""
    count = max(math.prod(x.shape[a] for a in axes), 1)
    mean = tree_sum(x, axes, keepdims=True) / count
    mean = mean + tree_sum(x - mean, axes, keepdims=True) / count  # what rounding left in a long sum of large numbers
    var = tree_sum((x - mean) ** 2, axes, keepdims=True) / count
    return mean, var


def standardize_backward(dxhat, xhat, rstd, axes):
    """The backward of xhat = (x - mean) * rstd, where mean and rstd are x's own along axes.

    xhat has mean 0 and mean square 1 whatever x is. So the part of dxhat that would shift xhat as a whole and the part
    that would stretch it are taken out; the rest goes through the division.
    """
    count = max(math.prod(xhat.shape[a] for a in axes), 1)
    shift = tree_sum(dxhat, axes, keepdims=True) / count
    stretch = tree_sum(dxhat * xhat, axes, keepdims=True) / count
    return (dxhat - shift - xhat * stretch) * rstd


def layer_norm_forward(x, normalized_shape, weight=None, bias=None, eps=1e-5):
    """Layer normalization: y = (x - mean) / sqrt(var + eps) * weight + bias.

    mean and var (biased) are those of each sample over its last axes, `normalized_shape`.

    Parameters
    ----------
    x : (*, D) floating point, D the axes of normalized_shape. normalized_shape : tuple of int.
    weight, bias : (D) or None. eps : float.

    Returns
    -------
    y : as x. backward : dy -> dx as x, dweight (D), dbias (D).

    Raises
    ------
    ValueError : shapes do not fit. TypeError : not floating point, or not all of one dtype.

    Source: Ba, Kiros, Hinton, 2016.

    Examples
    --------
    >>> y, backward = layer_norm(np.array([[1.0, 3.0], [10.0, 30.0]]), (2,), eps=1e-12)
    >>> y.round(6)
    array([[-1.,  1.],
           [-1.,  1.]])
    """
    axes = normalized_axes("layer_norm", x, normalized_shape, weight=weight, bias=bias)
    mean, var = moments(x, axes)  # (*, 1)
    rstd = 1 / np.sqrt(var + eps)
    y = (x - mean) * rstd
    if weight is not None:
        y = y * weight
    if bias is not None:
        y = y + bias
    return y, LayerNormSaved(x, mean, rstd, weight, axes)


def layer_norm_backward(dy, saved):
    """dy (*, D) -> dx (*, D), dweight (D), dbias (D)"""
    x, mean, rstd, weight, axes = saved
    leading = tuple(range(x.ndim - len(axes)))
    xhat = (x - mean) * rstd
    # y = xhat * weight + bias, the same weight and bias for every sample
    dweight = tree_sum(dy * xhat, leading)  # (D)
    dbias = tree_sum(dy, leading)  # (D)
    dxhat = dy if weight is None else dy * weight
    # xhat = (x - mean) * rstd
    dx = standardize_backward(dxhat, xhat, rstd, axes)
    return dx, dweight, dbias


layer_norm = Op(layer_norm_forward, layer_norm_backward, arrays=("x", "weight", "bias"))


def as_shape(normalized_shape) -> tuple[int, ...]:
    """An int or a sequence of ints as a tuple."""
    if isinstance(normalized_shape, (int, np.integer)):
        return (int(normalized_shape),)
    return tuple(normalized_shape)


class LayerNorm(Module):
    """Layer normalization over the last axes, `normalized_shape` (an int or a tuple); see `layer_norm`.

    weight starts at 1, bias at 0; `elementwise_affine=False` leaves both out, `bias=False` the bias.
    """

    def __init__(
        self, normalized_shape, eps: float = 1e-5, elementwise_affine: bool = True, bias: bool = True,
        device=None, dtype=None,
    ):  # fmt: skip
        check_device(device)
        dtype = as_dtype(dtype)
        self.normalized_shape, self.eps = as_shape(normalized_shape), eps
        self.elementwise_affine = elementwise_affine
        self.weight = init.empty(*self.normalized_shape, dtype=dtype) if elementwise_affine else None
        self.bias = init.empty(*self.normalized_shape, dtype=dtype) if elementwise_affine and bias else None
        self.reset_parameters()

    def reset_parameters(self, rng=None) -> None:
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, x):
        return layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNormSaved(NamedTuple):
    """What rms_norm_backward needs, and nothing else. xhat = x * scale is recomputed."""

    x: np.ndarray  # (*, D)
    scale: np.ndarray  # (*, 1), 1 / sqrt(mean square + eps)
    weight: np.ndarray | None  # (D)
    axes: tuple[int, ...]  # those of D


def rms_norm_forward(x, normalized_shape, weight=None, eps=None):
    """Root-mean-square normalization: y = x / sqrt(mean(x²) + eps) * weight, layer norm without the shift.

    Parameters
    ----------
    x : (*, D) floating point, D the axes of normalized_shape. normalized_shape : tuple of int.
    weight : (D) or None. eps : float, or None for the machine epsilon of x's dtype.

    Returns
    -------
    y : as x. backward : dy -> dx as x, dweight (D).

    Raises
    ------
    ValueError : shapes do not fit. TypeError : not floating point, or not all of one dtype.

    Source: Zhang and Sennrich, 2019.

    Examples
    --------
    >>> y, backward = rms_norm(np.array([[1.0, 7.0]]), (2,))  # mean square (1 + 49) / 2 = 25
    >>> y.round(6)
    array([[0.2, 1.4]])
    """
    axes = normalized_axes("rms_norm", x, normalized_shape, weight=weight)
    eps = float(np.finfo(x.dtype).eps) if eps is None else eps
    count = max(math.prod(x.shape[a] for a in axes), 1)
    scale = 1 / np.sqrt((x * x).sum(axis=axes, keepdims=True) / count + eps)  # (*, 1)
    y = x * scale
    if weight is not None:
        y = y * weight
    return y, RMSNormSaved(x, scale, weight, axes)


def rms_norm_backward(dy, saved):
    """dy (*, D) -> dx (*, D), dweight (D)"""
    x, scale, weight, axes = saved
    count = max(math.prod(x.shape[a] for a in axes), 1)
    xhat = x * scale
    # y = xhat * weight, the same weight for every sample
    dweight = tree_sum(dy * xhat, tuple(range(x.ndim - len(axes))))  # (D)
    dxhat = dy if weight is None else dy * weight
    # xhat = x * scale has mean square 1 whatever x is: the part of dxhat that would stretch it is taken out
    dx = (dxhat - xhat * (dxhat * xhat).sum(axis=axes, keepdims=True) / count) * scale
    return dx, dweight


rms_norm = Op(rms_norm_forward, rms_norm_backward, arrays=("x", "weight"))


class RMSNorm(Module):
    """Root-mean-square normalization over the last axes, `normalized_shape` (an int or a tuple); see `rms_norm`.

    weight starts at 1; `elementwise_affine=False` leaves it out.
    """

    def __init__(
        self, normalized_shape, eps: float | None = None, elementwise_affine: bool = True, device=None, dtype=None
    ):
        check_device(device)
        self.normalized_shape, self.eps = as_shape(normalized_shape), eps
        self.elementwise_affine = elementwise_affine
        self.weight = init.empty(*self.normalized_shape, dtype=as_dtype(dtype)) if elementwise_affine else None
        self.reset_parameters()

    def reset_parameters(self, rng=None) -> None:
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, x):
        return rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self):
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNormSaved(NamedTuple):
    """What group_norm_backward needs, and nothing else. xhat = (x - mean) * rstd is recomputed."""

    x: np.ndarray  # (N, C, *)
    mean: np.ndarray  # (N, G, 1)
    rstd: np.ndarray  # (N, G, 1), 1 / sqrt(variance + eps)
    weight: np.ndarray | None  # (C,)


def check_group_norm(x, num_groups, weight, bias) -> None:
    """Raise ValueError for what group_norm does not accept."""
    if x.ndim < 2:
        raise ValueError(f"group_norm: x must be (N, C, *), but is {x.shape}")
    if num_groups < 1 or x.shape[1] % num_groups:
        raise ValueError(
            f"group_norm: num_groups must divide the number of channels, but is {num_groups} for x {x.shape}"
        )
    for name, array in {"weight": weight, "bias": bias}.items():
        if array is not None and array.shape != (x.shape[1],):
            raise ValueError(
                f"group_norm: {name} must be {(x.shape[1],)}, one value for each channel of x {x.shape}, "
                f"but is {array.shape}"
            )
    if x.size == num_groups:
        raise ValueError(f"group_norm: expected more than 1 value per group, but x is {x.shape}")


def in_groups(array, groups):
    """(N, C, *) -> (N, G, C/G · *): each group's values in one row."""
    return array.reshape(array.shape[0], groups, array.size // max(array.shape[0] * groups, 1))


def group_norm_forward(x, num_groups, weight=None, bias=None, eps=1e-5):
    """Group normalization: y = (x - mean) / sqrt(var + eps) * weight + bias.

    mean and var (biased) are those of each sample's groups of C/num_groups neighbouring channels with all their
    values. One group makes it a layer norm, C groups an instance norm. Where there are no values at all (a further axis
    of 0) dweight is 0, torch's nan.

    Parameters
    ----------
    x : (N, C, *) floating point. num_groups : int that divides C. weight, bias : (C,) or None. eps : float.

    Returns
    -------
    y : as x. backward : dy -> dx as x, dweight (C,), dbias (C,).

    Raises
    ------
    ValueError : shapes do not fit, or a batch of one has one value per group. TypeError : not floating point, or not
        all of one dtype.

    Source: Wu and He, 2018.

    Examples
    --------
    >>> y, backward = group_norm(np.array([[1.0, 3.0, 10.0, 30.0]]), 2, eps=1e-12)
    >>> y.round(6)
    array([[-1.,  1., -1.,  1.]])
    """
    check_group_norm(x, num_groups, weight, bias)
    per_channel = (1, -1) + (1,) * (x.ndim - 2)  # (C,) -> (1, C, 1...), which meets x's axes
    groups = in_groups(x, num_groups)
    mean, var = moments(groups, (2,))  # (N, G, 1)
    rstd = 1 / np.sqrt(var + eps)
    y = ((groups - mean) * rstd).reshape(x.shape)
    if weight is not None:
        y = y * weight.reshape(per_channel)
    if bias is not None:
        y = y + bias.reshape(per_channel)
    return y, GroupNormSaved(x, mean, rstd, weight)


def group_norm_backward(dy, saved):
    """dy (N, C, *) -> dx (N, C, *), dweight (C,), dbias (C,)"""
    x, mean, rstd, weight = saved
    num_groups = mean.shape[1]
    all_but_channels = (0, *range(2, x.ndim))
    xhat = (in_groups(x, num_groups) - mean) * rstd  # (N, G, C/G · *)
    # y = xhat * weight + bias
    dweight = tree_sum(dy * xhat.reshape(x.shape), all_but_channels)  # (C,)
    dbias = tree_sum(dy, all_but_channels)  # (C,)
    dxhat = dy if weight is None else dy * weight.reshape((1, -1) + (1,) * (x.ndim - 2))
    # xhat = (x - mean) * rstd, group by group
    dx = standardize_backward(in_groups(dxhat, num_groups), xhat, rstd, (2,)).reshape(x.shape)
    return dx, dweight, dbias


group_norm = Op(group_norm_forward, group_norm_backward, arrays=("x", "weight", "bias"))


class GroupNorm(Module):
    """Group normalization of (N, C, *) with C = num_channels; see `group_norm`. weight starts at 1, bias at 0."""

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True,
        device=None, dtype=None, *, bias: bool = True,
    ):  # fmt: skip
        check_device(device)
        if num_groups < 1 or num_channels % num_groups:
            raise ValueError(f"GroupNorm: num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        dtype = as_dtype(dtype)
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        self.weight = init.empty(num_channels, dtype=dtype) if affine else None
        self.bias = init.empty(num_channels, dtype=dtype) if affine and bias else None
        self.reset_parameters()

    def reset_parameters(self, rng=None) -> None:
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, x):
        return group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )
