"""Losses between arrays of one shape: mean squared and absolute error, binary cross-entropy.

Axes: any; the losses are taken element by element, then reduced.
Twin: torch_ref/losses.py. Pair: parity_tests/pairs/losses.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from scratch.dtypes import as_array
from scratch.op import Op
from scratch.reduction import (
    Loss,
    WeightedLoss,
    as_float_like,
    check_same_shape,
    check_weight_fits,
    checked_reduction,
    fitted,
    reduced,
    shared,
    warn_of_broadcast,
)

# ---------------------------------------------------------------------- squared and absolute error


class ErrorSaved(NamedTuple):
    """What the backward of a loss of x - target needs; the difference itself is recomputed."""

    x: np.ndarray
    target: np.ndarray
    weight: np.ndarray | None
    reduction: str
    y: np.ndarray  # the weighted mean needs it


def mse_loss_forward(x, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """Squared error: (x - target)², each times its weight; the mean of weighted losses divides by the weights' sum.

    Parameters
    ----------
    x, target : floating point, of one shape; other shapes are broadcast with a warning. The target may be integer.
    size_average, reduce : deprecated, as in torch: they replace `reduction` when given.
    reduction : "mean", "sum" or "none".
    weight : x's shape, or None.

    Returns
    -------
    y : scalar, or the broadcast shape for "none". backward : dy -> dx, dtarget, dweight, in their arguments' shapes;
    None for an argument that is None or of integers.

    Raises
    ------
    ValueError : shapes do not broadcast, weight has not x's shape, unknown reduction.

    Examples
    --------
    >>> y, backward = mse_loss(np.array([1.0, 3.0]), np.array([3.0, 2.0]))
    >>> float(y)
    2.5
    >>> backward()
    (array([-2.,  1.]), array([ 2., -1.]), None)
    """
    saved = _error_arguments("mse_loss", x, target, size_average, reduce, reduction, weight)
    error = x - saved.target
    y = _weighted(error * error, saved)
    return y, saved._replace(y=y)


def mse_loss_backward(dy, saved):
    """dy -> dx, dtarget, dweight"""
    error = saved.x - saved.target
    dlosses, dweight = _weighted_backward(dy, error * error, saved)
    # losses = error²
    derror = 2 * error * dlosses
    # error = x - target
    return fitted(derror, saved.x), fitted(-derror, saved.target), dweight


def l1_loss_forward(x, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """Absolute error: |x - target|, each times its weight; the mean of weighted losses divides by the weights' sum.

    The derivative is 0 where x = target, and at nan. Arguments, results and errors: as mse_loss's.

    Examples
    --------
    >>> y, backward = l1_loss(np.array([1.0, 3.0]), np.array([3.0, 2.0]))
    >>> float(y)
    1.5
    >>> backward()
    (array([-0.5,  0.5]), array([ 0.5, -0.5]), None)
    """
    saved = _error_arguments("l1_loss", x, target, size_average, reduce, reduction, weight)
    y = _weighted(np.abs(x - saved.target), saved)
    return y, saved._replace(y=y)


def l1_loss_backward(dy, saved):
    """dy -> dx, dtarget, dweight"""
    error = saved.x - saved.target
    dlosses, dweight = _weighted_backward(dy, np.abs(error), saved)
    # losses = |error|
    derror = np.where(np.isnan(error), 0, np.sign(error)) * dlosses
    # error = x - target
    return fitted(derror, saved.x), fitted(-derror, saved.target), dweight


def _error_arguments(name, x, target, size_average, reduce, reduction, weight):
    """The checked arguments of both, as they are saved."""
    reduction = checked_reduction(name, size_average, reduce, reduction)
    warn_of_broadcast(name, x, target)
    if weight is not None:
        check_same_shape(name, weight=weight, x=x)
    return ErrorSaved(x, as_float_like(target, x), weight, reduction, None)


def _weighted(losses, saved):
    """losses * weight, reduced; the weighted mean is Σ weight · losses / Σ weight."""
    if saved.weight is None:
        return reduced(losses, saved.reduction)
    return reduced(losses * saved.weight, saved.reduction, saved.weight.sum())


def _weighted_backward(dy, losses, saved):
    """dy -> dlosses, dweight"""
    weight = saved.weight
    if weight is None:
        return shared(dy, saved.reduction, losses.size), None
    share = shared(dy, saved.reduction, weight.sum())
    # y = Σ weight · losses / Σ weight: a larger weight also divides more
    dweight = share * (losses - saved.y if saved.reduction == "mean" else losses)
    return share * weight, fitted(dweight, weight)


_error_arrays = {"arrays": ("x", "target", "weight"), "indices": ("target",), "mixed": True}
mse_loss = Op(mse_loss_forward, mse_loss_backward, **_error_arrays)
l1_loss = Op(l1_loss_forward, l1_loss_backward, **_error_arrays)


class MSELoss(Loss):
    """(x - target)², reduced."""

    def forward(self, x, target):
        return mse_loss(x, target, reduction=self.reduction)


class L1Loss(Loss):
    """|x - target|, reduced."""

    def forward(self, x, target):
        return l1_loss(x, target, reduction=self.reduction)


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
    >>> dx, dtarget, _, _ = backward()
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
        return binary_cross_entropy(x, target, self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(WeightedLoss):
    """Binary cross-entropy of logits, reduced: more accurate than a sigmoid followed by BCELoss.

    `weight` and `pos_weight` are buffers; pos_weight > 1 makes a missed positive more expensive.
    """

    def __init__(self, weight=None, size_average=None, reduce=None, reduction: str = "mean", pos_weight=None):
        WeightedLoss.__init__(self, weight, size_average, reduce, reduction)
        self.register_buffer("pos_weight", None if pos_weight is None else as_array(pos_weight, "pos_weight"))

    def forward(self, x, target):
        return binary_cross_entropy_with_logits(
            x, target, self.weight, reduction=self.reduction, pos_weight=self.pos_weight
        )
