"""Bilinear layer: every output is a weighted sum of all products of the two inputs' features.

Axes: * any leading axes (batch), I features of input1, J features of input2, O outputs.
Twin: torch_ref/bilinear.py. Pair: parity_tests/pairs/bilinear.py.
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

# the first two factors, then the third: two matrix products, where one sum over all pairs i, j would round more
TWO_AT_A_TIME = ["einsum_path", (0, 1), (0, 1)]


class BilinearSaved(NamedTuple):
    """What bilinear_backward needs, and nothing else."""

    input1: np.ndarray  # (*, I)
    input2: np.ndarray  # (*, J)
    weight: np.ndarray  # (O, I, J)


def bilinear_forward(input1, input2, weight, bias=None):
    """Bilinear map: y_o = Σ_ij input1_i · weight_oij · input2_j + bias_o.

    Parameters
    ----------
    input1 : (*, I). input2 : (*, J), the same leading axes. weight : (O, I, J). bias : (O,) or None.

    Returns
    -------
    y : (*, O). backward : dy -> dinput1, dinput2, dweight, dbias.

    Raises
    ------
    ValueError : shapes do not fit.

    Examples
    --------
    >>> y, backward = bilinear(np.array([1.0, 2.0]), np.array([3.0]), np.array([[[10.0], [1.0]]]))
    >>> y  # 1 · 10 · 3 + 2 · 1 · 3
    array([36.])
    """
    got = f"input1 {input1.shape}, input2 {input2.shape}, weight {weight.shape}"
    if weight.ndim != 3 or not input1.ndim or input1.shape[:-1] != input2.shape[:-1] or not input2.ndim:
        raise ValueError(
            "bilinear: input1 must be (*, I), input2 (*, J) with the same leading axes, weight (O, I, J), "
            f"but got {got}"
        )
    if (input1.shape[-1], input2.shape[-1]) != weight.shape[1:]:
        raise ValueError(
            f"bilinear: weight expects {weight.shape[1]} features of input1 and {weight.shape[2]} of input2, "
            f"but got {got}"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"bilinear: bias must be {weight.shape[:1]} for weight {weight.shape}, but is {bias.shape}")
    y = np.einsum("...i,oij,...j->...o", input1, weight, input2, optimize=TWO_AT_A_TIME)
    if bias is not None:
        y = y + bias
    return y, BilinearSaved(input1, input2, weight)


def bilinear_backward(dy, saved, needs=(True, True, True, True)):
    """dy (*, O) -> dinput1 (*, I), dinput2 (*, J), dweight (O, I, J), dbias (O,)"""
    input1, input2, weight = saved
    dinput1 = dinput2 = dweight = dbias = None
    # y_o = Σ_ij input1_i weight_oij input2_j: each factor's gradient is dy times the other two
    if needs[0]:
        dinput1 = np.einsum("...j,oij,...o->...i", input2, weight, dy, optimize=TWO_AT_A_TIME)
    if needs[1]:
        dinput2 = np.einsum("...i,oij,...o->...j", input1, weight, dy, optimize=TWO_AT_A_TIME)
    if needs[2]:
        # every row met the same weight: sum over the n rows
        rows = [a.reshape(math.prod(a.shape[:-1]), a.shape[-1]) for a in (dy, input1, input2)]
        dweight = np.einsum("no,ni,nj->oij", *rows, optimize=TWO_AT_A_TIME)
    if needs[3]:
        # y = ... + bias
        dbias = tree_sum(dy, tuple(range(dy.ndim - 1)))
    return dinput1, dinput2, dweight, dbias


bilinear = Op(bilinear_forward, bilinear_backward)


class Bilinear(Module):
    """y = input1ᵀ weight input2 + bias, with weight (out_features, in1_features, in2_features).

    Both start from U(-1/sqrt(in1_features), 1/sqrt(in1_features)), as torch's.
    """

    def __init__(
        self, in1_features: int, in2_features: int, out_features: int, bias: bool = True, device=None, dtype=None,
        *, rng=None,
    ):  # fmt: skip
        check_device(device)
        if in1_features <= 0:
            raise ValueError(f"Bilinear: in1_features must be positive, but is {in1_features}")
        self.in1_features, self.in2_features, self.out_features = in1_features, in2_features, out_features
        dtype = as_dtype(dtype)
        self.weight = init.empty(out_features, in1_features, in2_features, dtype=dtype)
        self.bias = init.empty(out_features, dtype=dtype) if bias else None
        self.reset_parameters(rng)

    def reset_parameters(self, rng=None) -> None:
        bound = 1 / math.sqrt(self.in1_features)
        init.uniform_(self.weight, -bound, bound, rng)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound, rng)

    def forward(self, input1, input2):
        return bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self):
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )
