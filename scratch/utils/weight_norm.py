"""Weight normalisation: length and direction of each filter learned apart."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from scratch.module import Module
from scratch.op import Op
from scratch.parameter import Parameter
from scratch.utils.reparametrization import find, reparametrize, restore, taken_out


class WeightNormSaved(NamedTuple):
    """What normed_backward needs, and nothing else."""

    v: np.ndarray
    g: np.ndarray
    length: np.ndarray  # of each slice of v, in g's shape
    axes: tuple[int, ...]  # those that are summed over


def norm_except(v, dim: int):
    """The length of every slice v[..., i, ...] along the axis dim, other axes kept with length 1; -1: of all of v."""
    axes = tuple(i for i in range(v.ndim) if dim == -1 or i != dim % v.ndim)
    return np.sqrt((v * v).sum(axis=axes, keepdims=dim != -1)), axes


def normed_forward(v, g, dim=0):
    """w = g · v / ‖v‖, with one length g for each index of the axis dim (or one for all: dim=-1).

    v : any shape with axes. g : the same shape with 1 in all other axes, () for dim=-1. w : as v.

    Examples
    --------
    >>> normed(np.array([[3.0, 4.0]]), np.array([[10.0]]))[0]
    array([[6., 8.]])
    """
    length, axes = norm_except(v, dim)
    if g.shape != length.shape:
        raise ValueError(f"weight_norm: g must have shape {length.shape} for v {v.shape} and dim {dim}, not {g.shape}")
    return v * (g / length), WeightNormSaved(v, g, length, axes)


def normed_backward(dw, saved):
    """dw as v -> dv as v, dg as g"""
    v, g, length, axes = saved
    # w = g * u, u = v / length
    dg = (dw * v).sum(axis=axes, keepdims=g.ndim > 0).reshape(g.shape) / length
    # length = sqrt(sum v²): moving along v itself changes nothing
    dv = (g / length) * (dw - v * (dg / length))
    return dv, dg


normed = Op(normed_forward, normed_backward)


class WeightNorm:
    """Computes name from name_g and name_v."""

    def __init__(self, dim: int):
        self.dim = dim

    def weight(self, module, name, look=False):
        return normed(getattr(module, f"{name}_v"), getattr(module, f"{name}_g"), self.dim)


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Replace module.weight by weight_g and weight_v: weight = g · v / ‖v‖, computed at every forward.

    dim : the axis that keeps a length for each index (0: each filter); None: one length for the whole weight.
    The keys are torch.nn.utils.weight_norm's. Returns the module.

    Source: Salimans and Kingma, "Weight Normalization: A Simple Reparameterization to Accelerate Training of Deep
    Neural Networks", 2016.
    """
    dim = -1 if dim is None else dim
    weight = taken_out(module, name, "weight_norm")
    length = np.array(norm_except(weight.data, dim)[0])
    setattr(module, f"{name}_g", Parameter(length, weight.requires_grad))
    setattr(module, f"{name}_v", weight)
    reparametrize(module, name, WeightNorm(dim))
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """The other way: an ordinary weight with the present value. Returns the module."""
    find(module, name, WeightNorm, "weight_norm")
    restore(module, name)
    del module.__dict__[f"{name}_g"], module.__dict__[f"{name}_v"]
    return module
