"""Normalization within one sample: layer norm.

Axes: * any leading axes (batch), D the normalized axes together.
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
    mean = x.sum(axis=axes, keepdims=True) / count
    mean = mean + (x - mean).sum(axis=axes, keepdims=True) / count  # what rounding left in a long sum of large numbers
    var = ((x - mean) ** 2).sum(axis=axes, keepdims=True) / count
    return mean, var


def standardize_backward(dxhat, xhat, rstd, axes):
    """The backward of xhat = (x - mean) * rstd, where mean and rstd are x's own along axes.

    xhat has mean 0 and mean square 1 whatever x is. So the part of dxhat that would shift xhat as a whole and the part
    that would stretch it are taken out; the rest goes through the division.
    """
    count = max(math.prod(xhat.shape[a] for a in axes), 1)
    shift = dxhat.sum(axis=axes, keepdims=True) / count
    stretch = (dxhat * xhat).sum(axis=axes, keepdims=True) / count
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
    dweight = (dy * xhat).sum(axis=leading)  # (D)
    dbias = dy.sum(axis=leading)  # (D)
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
