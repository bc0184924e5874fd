"""Losses of yes-or-no questions: binary cross-entropy, of one label or of many.

Axes: any; the losses are taken element by element, then reduced. C: the labels of multilabel_soft_margin_loss.
Twin: torch_ref/binary_losses.py. Pair: parity_tests/pairs/binary_losses.py.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from scratch.dtypes import as_array
from scratch.op import Op
from scratch.reduction import (
    Loss,
    WeightedLoss,
    as_float_like,
    check_broadcast,
    check_same_shape,
    check_weight_fits,
    checked_reduction,
    fitted,
    reduced,
    shared,
)

# ---------------------------------------------------------------------- binary cross-entropy

LEAST = float(np.float32(1e-12))  # the float32 nearest to 1e-12, also in float64, as in torch


class BinaryCrossEntropySaved(NamedTuple):
    """What binary_cross_entropy_backward needs."""

    x: np.ndarray
    target: np.ndarray
    weight: np.ndarray | float
    reduction: str


def binary_cross_entropy_forward(x, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    """Cross-entropy of a yes-or-no probability x: -(target · log x + (1 - target) · log(1 - x)) · weight.

    Each logarithm is at least -100, so that the loss at x = 0 and x = 1 is finite; the gradient of x has a denominator
    of at least 1e-12 there, and the gradient of the target is infinite, as torch's are.

    Parameters
    ----------
    x, target : floating point, one shape and dtype, in [0, 1]. weight : broadcasts to that shape, or None.
    size_average, reduce, reduction : as mse_loss's.

    Returns
    -------
    y : scalar, or x's shape for "none". backward : dy -> dx, dtarget (x's shape); weight has no gradient.

    Raises
    ------
    ValueError : shapes differ, values outside of [0, 1] or nan, unknown reduction.

    Examples
    --------
    >>> y, backward = binary_cross_entropy(np.array([0.5, 0.8]), np.array([1.0, 1.0]))
    >>> round(float(y), 4)
    0.4581
    """
    reduction = checked_reduction("binary_cross_entropy", size_average, reduce, reduction)
    check_same_shape("binary_cross_entropy", target=target, x=x)
    check_weight_fits("binary_cross_entropy", x, weight=weight)
    for name, a in (("x", x), ("target", target)):
        if not ((a >= 0) & (a <= 1)).all():
            hint = "; for logits use binary_cross_entropy_with_logits" if name == "x" else ""
            raise ValueError(f"binary_cross_entropy: {name} must be between 0 and 1, but is not{hint}")
    weight = 1 if weight is None else weight
    yes, no = np.maximum(np.log(x), -100), np.maximum(np.log1p(-x), -100)
    losses = -(target * yes + (1 - target) * no) * weight
    return reduced(losses, reduction), BinaryCrossEntropySaved(x, target, weight, reduction)


def binary_cross_entropy_backward(dy, saved):
    """dy -> dx, dtarget, None"""
    x, target, weight, reduction = saved
    share = shared(dy, reduction, x.size) * weight
    # losses = -(target · log x + (1 - target) · log(1 - x)):  -target / x + (1 - target) / (1 - x), on one denominator
    dx = share * (x - target) / np.maximum(x * (1 - x), LEAST)
    dtarget = share * (np.log1p(-x) - np.log(x))
    return dx, dtarget, None


binary_cross_entropy = Op(
    binary_cross_entropy_forward,
    binary_cross_entropy_backward,
    arrays=("x", "target", "weight"),
    constants=("weight",),
)


class BCEWithLogitsSaved(NamedTuple):
    """What binary_cross_entropy_with_logits_backward needs."""

    x: np.ndarray
    target: np.ndarray
    weight: np.ndarray | float
    pos_weight: np.ndarray | None
    reduction: str


def binary_cross_entropy_with_logits_forward(
    x, target, weight=None, size_average=None, reduce=None, reduction="mean", pos_weight=None
):
    """Binary cross-entropy of logits: -(pos_weight · target · log σ(x) + (1 - target) · log σ(-x)) · weight.

    Computed from log σ(x), which is exact where σ(x) rounds to 0 or 1. As log σ(-x) = log σ(x) - x, the sum is
    (1 - target) · x - (1 + (pos_weight - 1) · target) · log σ(x).

    Parameters
    ----------
    x, target : floating point, one shape. weight, pos_weight : broadcast to that shape, or None.
    size_average, reduce, reduction : as mse_loss's.

    Returns
    -------
    y : scalar, or x's shape for "none". backward : dy -> dx, dtarget (x's shape); the weights have no gradient.

    Raises
    ------
    ValueError : shapes differ or do not fit, unknown reduction.

    Examples
    --------
    >>> y, backward = binary_cross_entropy_with_logits(np.array([0.0]), np.array([1.0]))
    >>> dx, dtarget = backward()
    >>> round(float(y), 4), dx
    (0.6931, array([-0.5]))
    """
    name = "binary_cross_entropy_with_logits"
    reduction = checked_reduction(name, size_average, reduce, reduction)
    check_same_shape(name, target=target, x=x)
    check_weight_fits(name, x, weight=weight, pos_weight=pos_weight)
    weight = 1 if weight is None else weight
    log_weight = 1 if pos_weight is None else 1 + (pos_weight - 1) * target
    losses = ((1 - target) * x - log_weight * log_sigmoid(x)) * weight
    return reduced(losses, reduction), BCEWithLogitsSaved(x, target, weight, pos_weight, reduction)


def binary_cross_entropy_with_logits_backward(dy, saved):
    """dy -> dx, dtarget, None, None"""
    x, target, weight, pos_weight, reduction = saved
    share = shared(dy, reduction, x.size) * weight
    sigmoid = np.exp(log_sigmoid(x))
    if pos_weight is None:
        # losses = (1 - target) · x - log σ(x), and the derivative of log σ is 1 - σ
        dx = share * (sigmoid - target)
        dtarget = share * -x
    else:
        # losses = -(pos_weight · target · log σ(x) + (1 - target) · log σ(-x))
        positive = pos_weight * target
        dx = share * ((positive + 1 - target) * sigmoid - positive)
        dtarget = share * (log_sigmoid(-x) - pos_weight * log_sigmoid(x))
    return fitted(dx, x), fitted(dtarget, target), None, None


def log_sigmoid(x):
    """log(1 / (1 + exp(-x))), where the exponential never overflows."""
    return np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))


binary_cross_entropy_with_logits = Op(
    binary_cross_entropy_with_logits_forward,
    binary_cross_entropy_with_logits_backward,
    arrays=("x", "target", "weight", "pos_weight"),
    constants=("weight", "pos_weight"),
    mixed=True,
)


class BCELoss(WeightedLoss):
    """Binary cross-entropy of probabilities, reduced."""

    def forward(self, x, target):
        return binary_cross_entropy(x, target, reduction=self.reduction, **self.frozen(weight=self.weight))


class BCEWithLogitsLoss(WeightedLoss):
    """Binary cross-entropy of logits, reduced: more accurate than a sigmoid followed by BCELoss.

    `weight` and `pos_weight` are buffers; pos_weight > 1 makes a missed positive more expensive.
    """

    def __init__(self, weight=None, size_average=None, reduce=None, reduction: str = "mean", pos_weight=None):
        WeightedLoss.__init__(self, weight, size_average, reduce, reduction)
        self.register_buffer("pos_weight", None if pos_weight is None else as_array(pos_weight, "pos_weight"))

    def forward(self, x, target):
        weights = self.frozen(weight=self.weight, pos_weight=self.pos_weight)
        return binary_cross_entropy_with_logits(x, target, reduction=self.reduction, **weights)


# ---------------------------------------------------------------------- margins that are soft


class SoftMarginSaved(NamedTuple):
    """What soft_margin_loss_backward needs."""

    x: np.ndarray
    target: np.ndarray
    reduction: str


def soft_margin_loss_forward(x, target, size_average=None, reduce=None, reduction="mean"):
    """Logistic loss of a class 1 or -1: log(1 + exp(-target · x)).

    It is -target · x for a wrong and very sure x, where torch's exponential overflows to an infinite loss and a
    gradient nan.

    Parameters
    ----------
    x : floating point. target : any dtype, broadcasts to x's shape.
    size_average, reduce : deprecated, as in torch: they replace `reduction` ("mean", "sum", "none") when given.

    Returns
    -------
    y : scalar, or x's shape for "none". backward : dy -> dx; target has no gradient, as in torch.

    Raises
    ------
    ValueError : target does not broadcast to x's shape, unknown reduction.

    Examples
    --------
    >>> y, backward = soft_margin_loss(np.array([0.0]), np.array([1]))
    >>> round(float(y), 4), backward()
    (0.6931, array([-0.5]))
    """
    reduction = checked_reduction("soft_margin_loss", size_average, reduce, reduction)
    check_weight_fits("soft_margin_loss", x, target=target)
    target = target.astype(x.dtype)
    return reduced(-log_sigmoid(target * x), reduction), SoftMarginSaved(x, target, reduction)


def soft_margin_loss_backward(dy, saved):
    """dy -> dx, None"""
    x, target, reduction = saved
    # losses = -log σ(target · x), and the derivative of log σ(z) is σ(-z)
    dx = shared(dy, reduction, x.size) * -target * np.exp(log_sigmoid(-target * x))
    return dx, None


soft_margin_loss = Op(
    soft_margin_loss_forward,
    soft_margin_loss_backward,
    arrays=("x", "target"),
    indices=("target",),
    constants=("target",),
    mixed=True,
)


class MultilabelSoftMarginSaved(NamedTuple):
    """What multilabel_soft_margin_loss_backward needs."""

    x: np.ndarray
    target: np.ndarray
    weight: np.ndarray | None
    reduction: str


def multilabel_soft_margin_loss_forward(x, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    """Binary cross-entropy with logits for each of C labels, the mean over the labels of an example.

    y = mean over C of -(target · log σ(x) + (1 - target) · log σ(-x)) · weight.

    Parameters
    ----------
    x : (N, C) or (C,), floating point. target, weight : broadcast with x; the target may be integer.
    size_average, reduce : deprecated, as in torch: they replace `reduction` ("mean", "sum", "none") when given.

    Returns
    -------
    y : scalar, or (N,) for "none". backward : dy -> dx, dtarget, dweight.

    Raises
    ------
    ValueError : shapes do not broadcast, x has no axis, unknown reduction.

    Examples
    --------
    >>> y, backward = multilabel_soft_margin_loss(np.array([[0.0, 0.0]]), np.array([[1, 0]]))
    >>> round(float(y), 4), backward()
    (0.6931, array([[-0.25,  0.25]]))
    """
    reduction = checked_reduction("multilabel_soft_margin_loss", size_average, reduce, reduction)
    arrays = {"x": x, "target": target} | ({} if weight is None else {"weight": weight})
    check_broadcast("multilabel_soft_margin_loss", **arrays)
    if x.ndim == 0:
        raise ValueError("multilabel_soft_margin_loss: x must be (N, C) or (C,), but has no axis")
    saved = MultilabelSoftMarginSaved(x, as_float_like(target, x), weight, reduction)
    losses = _label_losses(saved)
    if weight is not None:
        losses = losses * weight
    labels = x.ndim - 1
    return reduced(losses.sum(axis=labels) / x.shape[labels], reduction), saved


def multilabel_soft_margin_loss_backward(dy, saved):
    """dy -> dx, dtarget, dweight"""
    x, target, weight, reduction = saved
    labels = x.ndim - 1
    losses = _label_losses(saved)
    shape = losses.shape if weight is None else np.broadcast_shapes(losses.shape, weight.shape)
    # y = mean over the labels of losses · weight
    share = shared(dy, reduction, math.prod(shape[:labels] + shape[labels + 1 :])) / x.shape[labels]
    if reduction == "none":
        share = np.expand_dims(share, labels)
    dlosses = share if weight is None else share * weight
    dweight = None if weight is None else fitted(share * losses, weight, shape)
    # losses = -(target · log σ(x) + (1 - target) · log σ(-x)), and the derivative of log σ(x) is σ(-x)
    log_yes, log_no = log_sigmoid(x), log_sigmoid(-x)
    dx = dlosses * ((1 - target) * np.exp(log_yes) - target * np.exp(log_no))
    dtarget = dlosses * (log_no - log_yes)
    return fitted(dx, x, shape), fitted(dtarget, target, shape), dweight


def _label_losses(saved):
    x, target = saved.x, saved.target
    return -(target * log_sigmoid(x) + (1 - target) * log_sigmoid(-x))


multilabel_soft_margin_loss = Op(
    multilabel_soft_margin_loss_forward,
    multilabel_soft_margin_loss_backward,
    arrays=("x", "target", "weight"),
    indices=("target",),
    mixed=True,
)


class SoftMarginLoss(Loss):
    """log(1 + exp(-target · x)) for targets 1 and -1, reduced."""

    def forward(self, x, target):
        return soft_margin_loss(x, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(WeightedLoss):
    """Binary cross-entropy of C labels, their mean, reduced. `weight` is a buffer."""

    def forward(self, x, target):
        return multilabel_soft_margin_loss(x, target, reduction=self.reduction, **self.frozen(weight=self.weight))
