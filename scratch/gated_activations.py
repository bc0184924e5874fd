"""Gated linear units: one half of the features decides how much of the other half passes.

Twin: torch_ref/gated_activations.py. Pair: parity_tests/pairs/gated_activations.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from scratch.activations import sigmoid_of
from scratch.module import Module
from scratch.op import Op


class GLUSaved(NamedTuple):
    """What glu_backward needs, and nothing else; the sigmoid is computed again."""

    a: np.ndarray  # first half of x along the axis
    b: np.ndarray  # second half: the gate
    axis: int


def check_halves(x, dim) -> None:
    """Raise ValueError where x has no two halves along dim."""
    if not -x.ndim <= dim < x.ndim:
        raise ValueError(f"glu: dim {dim} is out of range for x {x.shape}")
    if x.shape[dim] % 2:
        raise ValueError(f"glu: x must have an even length along dim {dim} to be halved, but x is {x.shape}")


def glu_forward(x, dim=-1):
    """Gated linear unit: y = a · sigmoid(b), where a and b are the halves of x along `dim`.

    Parameters
    ----------
    x : any shape with at least one axis, of even length along dim.

    Returns
    -------
    y : as x, half as long along dim. backward : dy -> dx as x.

    Raises
    ------
    ValueError : x has no axis dim, or one of odd length.
    Source: Dauphin, Fan, Auli, Grangier, 2016.

    Examples
    --------
    >>> y, backward = glu(np.array([4.0, 0.0]))
    >>> y, backward(np.ones(1))
    (array([2.]), array([0.5, 1. ]))
    """
    check_halves(x, dim)
    a, b = np.split(x, 2, axis=dim)
    return a * sigmoid_of(b), GLUSaved(a, b, dim)


def glu_backward(dy, saved):
    a, b, axis = saved
    s = sigmoid_of(b)
    # y = a s
    da = dy * s
    db = dy * a * s * (1 - s)
    # a, b = split(x)
    return np.concatenate([da, db], axis=axis)


glu = Op(glu_forward, glu_backward)


class GLU(Module):
    """y = a · sigmoid(b), where a and b are the halves of x along dim."""

    def __init__(self, dim: int = -1):
        self.dim = dim

    def forward(self, x):
        return glu(x, self.dim)

    def extra_repr(self):
        return f"dim={self.dim}"
