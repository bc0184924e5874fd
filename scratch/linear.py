"""Linear (fully connected) layer.

Axes: * any leading axes (batch), I in_features, O out_features.
Twin: torch_ref/linear.py. Pair: parity_tests/pairs/linear.py.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from scratch import init
from scratch.dtypes import as_dtype, check_device
from scratch.module import Module
from scratch.op import Op, unbroadcast
from scratch.sums import tree_sum


class LinearSaved(NamedTuple):
    """What linear_backward needs, and nothing else."""

    x: np.ndarray  # (*, I)
    weight: np.ndarray  # (O, I)
    bias_shape: tuple[int, ...]


def check_linear(x, weight, bias) -> None:
    if weight.ndim not in (1, 2) or x.ndim == 0:
        raise ValueError(
            f"linear: x must be (*, I) and weight (O, I) or (I,), but got x {x.shape}, weight {weight.shape}"
        )
    if x.shape[-1] != weight.shape[-1]:
        raise ValueError(
            f"linear: weight expects {weight.shape[-1]} input features (weight {weight.shape}), "
            f"but x has {x.shape[-1]} (x {x.shape})"
        )
    if bias is not None and bias.shape not in (weight.shape[:-1], (1,), ()):
        raise ValueError(f"linear: bias must be {weight.shape[:-1]} for weight {weight.shape}, but is {bias.shape}")


def linear_forward(x, weight, bias=None):
    """Linear map: y = x @ weightᵀ + bias.

    Parameters
    ----------
    x : (*, I) floating point. weight : (O, I), or (I,) for one output without an axis.
    bias : (O,), one number for all outputs, or None.

    Returns
    -------
    y : (*, O), or (*) for a weight (I,). backward : dy -> dx (*, I), dweight, dbias.

    Raises
    ------
    ValueError : shapes do not fit. TypeError : not floating point, or not all of one dtype.

    Examples
    --------
    >>> y, backward = linear(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]), np.array([0.5]))
    >>> y
    array([[11.5]])
    >>> backward(np.array([[1.0]]))
    (array([[3., 4.]]), array([[1., 2.]]), array([1.]))
    """
    check_linear(x, weight, bias)
    y = x @ weight.T  # (*, I) @ (I, O) -> (*, O)
    if bias is not None:
        y = y + bias
    return y, LinearSaved(x, weight, () if bias is None else bias.shape)


def linear_backward(dy, saved, needs=(True, True, True)):
    """dy (*, O) -> dx (*, I), dweight (O, I), dbias (O,)"""
    x, weight, bias_shape = saved
    dx = dweight = dbias = None
    if weight.ndim == 1:  # one output without an axis: y = x · w
        dy, weight = dy[..., None], weight[None]  # (*, 1), (1, I)
    n = math.prod(x.shape[:-1])
    rows = dy.reshape(n, dy.shape[-1])  # (n, O)
    if needs[0]:
        # y = x @ weight.T
        dx = dy @ weight  # (*, O) @ (O, I) -> (*, I)
    if needs[1]:
        # every row of x met the same weight: sum over rows
        dweight = rows.T @ x.reshape(n, x.shape[-1])  # (O, n) @ (n, I) -> (O, I)
        dweight = dweight.reshape(saved.weight.shape)
    if needs[2]:
        # y = ... + bias
        dbias = unbroadcast(tree_sum(rows), bias_shape)  # (O,)
    return dx, dweight, dbias


linear = Op(linear_forward, linear_backward)


class Linear(Module):
    """y = x @ weightᵀ + bias, with weight (out_features, in_features) and bias (out_features,).

    Both start from U(-1/sqrt(in_features), 1/sqrt(in_features)), as torch's.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, device=None, dtype=None, *, rng=None):
        check_device(device)
        self.in_features, self.out_features = in_features, out_features
        dtype = as_dtype(dtype)
        self.weight = init.empty(out_features, in_features, dtype=dtype)
        self.bias = init.empty(out_features, dtype=dtype) if bias else None
        self.reset_parameters(rng)

    def reset_parameters(self, rng=None) -> None:
        init.default_weight_(self.weight, rng)
        if self.bias is not None:
            init.default_bias_(self.bias, self.weight, rng)

    def forward(self, x):
        return linear(x, self.weight, self.bias)

    def extra_repr(self):
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
