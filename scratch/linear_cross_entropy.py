"""Linear layer and cross-entropy in one: what the last layer of a language model computes.

Axes: N samples (may be left out), I in_features, C classes, * further axes, each of which chooses a class for itself.
Twin: torch_ref/linear_cross_entropy.py. Pair: parity_tests/pairs/linear_cross_entropy.py.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from scratch.classification_losses import CrossEntropySaved, cross_entropy_backward, cross_entropy_forward
from scratch.linear import Linear, LinearSaved, linear_backward, linear_forward
from scratch.op import Op
from scratch.reduction import WeightedLoss


class LinearCrossEntropySaved(NamedTuple):
    """What the two parts need."""

    linear: LinearSaved
    cross_entropy: CrossEntropySaved


def linear_cross_entropy_forward(
    x,
    linear_weight,
    target,
    linear_bias=None,
    weight=None,
    reduction="mean",
    ignore_index=None,
    label_smoothing=0.0,
    options=None,
):
    """Cross-entropy of a linear layer's logits: cross_entropy(x @ linear_weightᵀ + linear_bias, target).

    Parameters
    ----------
    x : (N, I) or (I,) floating point. linear_weight : (C, *, I). target : class indices (N, *), or probabilities
        (N, C, *). linear_bias : (C, *) or None.
    weight, reduction, ignore_index, label_smoothing : as in `cross_entropy`; ignore_index None is -100.
    options : None. torch's chunking strategy, which changes memory and no result, has no counterpart here.

    Returns
    -------
    y : scalar, or (N, *) for "none". backward : dy -> dx, dlinear_weight, dtarget, dlinear_bias, None, in the shapes of
    x, linear_weight, target, linear_bias, weight; None for class indices and for what was None.

    Raises
    ------
    ValueError : shapes do not fit, ignore_index with probabilities, and what `cross_entropy` refuses.

    Examples
    --------
    >>> import numpy as np
    >>> y, backward = linear_cross_entropy(np.array([[1.0]]), np.array([[2.0], [2.0]]), np.array([0]))
    >>> round(float(y), 4), backward()[0]
    (0.6931, array([[0.]]))
    """
    name = "linear_cross_entropy"
    if x.ndim not in (1, 2) or linear_weight.ndim < 2 or (x.ndim == 1 and linear_weight.ndim > 2):
        raise ValueError(
            f"{name}: x must be (N, I), or (I,) with linear_weight (C, I), and linear_weight (C, *, I), "
            f"but got x {x.shape}, linear_weight {linear_weight.shape}"
        )
    if x.shape[-1] != linear_weight.shape[-1]:
        raise ValueError(
            f"{name}: linear_weight expects {linear_weight.shape[-1]} input features (linear_weight "
            f"{linear_weight.shape}), but x has {x.shape[-1]} (x {x.shape})"
        )
    choices = linear_weight.shape[:-1]  # (C, *)
    if linear_bias is not None and linear_bias.shape != choices:
        raise ValueError(f"{name}: linear_bias must be {choices}, but is {linear_bias.shape}")
    if options is not None:
        raise ValueError(f"{name}: options must be None, but is {options!r}")
    if target.shape == (*x.shape[:-1], *choices) and ignore_index is not None:
        raise ValueError(f"{name}: ignore_index={ignore_index} needs class indices, but target holds probabilities")
    flat = linear_weight.reshape(math.prod(choices), x.shape[-1])  # (C · prod(*), I)
    logits, saved = linear_forward(x, flat, None if linear_bias is None else linear_bias.reshape(-1))
    y, loss_saved = cross_entropy_forward(
        logits.reshape(*x.shape[:-1], *choices),  # (N, C · prod(*)) -> (N, C, *)
        target,
        weight,
        ignore_index=-100 if ignore_index is None else ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )
    return y, LinearCrossEntropySaved(saved, loss_saved)


def linear_cross_entropy_backward(dy, saved, needs=(True,) * 5):
    """dy -> dx (N, I), dlinear_weight (C, *, I), dtarget (N, C, *) or None, dlinear_bias (C, *), None"""
    dlogits, dtarget, _ = cross_entropy_backward(dy, saved.cross_entropy)  # (N, C, *)
    x = saved.linear.x
    choices = dlogits.shape[x.ndim - 1 :]
    # logits = x @ linear_weight.T + linear_bias
    rows = dlogits.reshape(*x.shape[:-1], math.prod(choices))  # (N, C · prod(*))
    dx, dweight, dbias = linear_backward(rows, saved.linear, (needs[0], needs[1], needs[3]))
    if dweight is not None:
        dweight = dweight.reshape(*choices, x.shape[-1])
    if dbias is not None:
        dbias = dbias.reshape(choices)
    return dx, dweight, dtarget, dbias, None


linear_cross_entropy = Op(
    linear_cross_entropy_forward,
    linear_cross_entropy_backward,
    arrays=("x", "linear_weight", "target", "linear_bias", "weight"),
    indices=("target",),
    constants=("weight",),
)


class LinearCrossEntropyLoss(WeightedLoss):
    """A Linear layer (`linear.weight`, `linear.bias`) and cross-entropy over its outputs.

    `out_features` are the further axes * of the target; `weight` (num_classes,) is a buffer.
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device=None,
        dtype=None,
        reduction: str = "mean",
        weight=None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options=None,
        rng=None,
    ):
        WeightedLoss.__init__(self, weight, reduction=reduction)
        if self.weight is not None and self.weight.shape != (num_classes,):
            raise ValueError(
                f"LinearCrossEntropyLoss: weight must have one number for each of {num_classes} classes, "
                f"but is {self.weight.shape}"
            )
        if not 0 <= label_smoothing <= 1:
            raise ValueError(f"LinearCrossEntropyLoss: label_smoothing must be in [0, 1], but is {label_smoothing}")
        if options is not None:
            raise ValueError(f"LinearCrossEntropyLoss: options must be None, but is {options!r}")
        self.num_classes, self.out_features = num_classes, out_features
        self.ignore_index, self.label_smoothing, self.options = ignore_index, label_smoothing, options
        self.linear = Linear(in_features, math.prod(out_features, start=num_classes), bias, device, dtype, rng=rng)

    def forward(self, x, target):
        choices = (self.num_classes, *self.out_features)
        weights = self.frozen(weight=self.weight)
        if self.linear.bias is not None:
            weights["linear_bias"] = self.linear.bias.reshape(*choices)
        return linear_cross_entropy(
            x,
            self.linear.weight.reshape(*choices, self.linear.in_features),
            target,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            **weights,
        )

    def extra_repr(self):
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, "
            f"out_features={self.out_features}, bias={self.linear.bias is not None}, reduction={self.reduction}, "
            f"ignore_index={self.ignore_index}, label_smoothing={self.label_smoothing}, options={self.options}"
        )
