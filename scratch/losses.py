"""Regression losses, of the difference between a prediction and its target: squared, absolute, and between the two.

Axes: any; the losses are taken element by element, then reduced.
Twin: torch_ref/losses.py. Pair: parity_tests/pairs/losses.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from scratch.op import Op
from scratch.reduction import (
    Loss,
    as_float_like,
    check_same_shape,
    checked_reduction,
    fitted,
    reduced,
    shared,
    warn_of_broadcast,
)


class ErrorSaved(NamedTuple):
    """What the backward of a loss of x - target needs; the difference itself is recomputed."""

    x: np.ndarray
    target: np.ndarray
    weight: np.ndarray | None
    reduction: str


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
    (array([-2.,  1.]), array([ 2., -1.]))
    """
    saved = _error_arguments("mse_loss", x, target, size_average, reduce, reduction, weight)
    error = x - saved.target
    return _weighted(error * error, saved), saved


def mse_loss_backward(dy, saved):
    """dy -> dx, dtarget, dweight"""
    error = saved.x - saved.target
    dweight = None if saved.weight is None else _dweight(dy, error * error, saved)
    # losses = error²
    derror = 2 * error * _dlosses(dy, error.size, saved)
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
    (array([-0.5,  0.5]), array([ 0.5, -0.5]))
    """
    saved = _error_arguments("l1_loss", x, target, size_average, reduce, reduction, weight)
    return _weighted(np.abs(x - saved.target), saved), saved


def l1_loss_backward(dy, saved):
    """dy -> dx, dtarget, dweight"""
    error = saved.x - saved.target
    dweight = None if saved.weight is None else _dweight(dy, np.abs(error), saved)
    # losses = |error|
    derror = _sign(error) * _dlosses(dy, error.size, saved)
    # error = x - target
    return fitted(derror, saved.x), fitted(-derror, saved.target), dweight


def _sign(error):
    """The slope of |error|: 1 or -1; 0 at 0, and at nan as in torch."""
    return np.where(np.isnan(error), 0, np.sign(error))


def _error_arguments(name, x, target, size_average, reduce, reduction, weight):
    """The checked arguments of both, as they are saved."""
    reduction = checked_reduction(name, size_average, reduce, reduction)
    warn_of_broadcast(name, x, target)
    if weight is not None:
        check_same_shape(name, weight=weight, x=x)
    return ErrorSaved(x, as_float_like(target, x), weight, reduction)


def _weighted(losses, saved):
    """losses * weight, reduced; the weighted mean is Σ weight · losses / Σ weight."""
    if saved.weight is None:
        return reduced(losses, saved.reduction)
    return reduced(losses * saved.weight, saved.reduction, saved.weight.sum())


def _dlosses(dy, n, saved):
    """The gradient of the n losses."""
    if saved.weight is None:
        return shared(dy, saved.reduction, n)
    # y = Σ weight · losses / Σ weight
    return shared(dy, saved.reduction, saved.weight.sum()) * saved.weight


def _dweight(dy, losses, saved):
    """The gradient of the weight; in a mean a larger weight also divides more."""
    total = saved.weight.sum()
    if saved.reduction == "mean":
        # y = Σ weight · losses / Σ weight
        losses = losses - (losses * saved.weight).sum() / total
    return fitted(shared(dy, saved.reduction, total) * losses, saved.weight)


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


# ---------------------------------------------------------------------- squared near 0, absolute further out


class SmoothL1Saved(NamedTuple):
    """What smooth_l1_loss_backward needs."""

    x: np.ndarray
    target: np.ndarray
    reduction: str
    beta: float


def smooth_l1_loss_forward(x, target, size_average=None, reduce=None, reduction="mean", beta=1.0):
    """Absolute error with a rounded tip: error² / (2 beta) where |error| < beta, else |error| - beta / 2.

    With beta = 0 it is l1_loss.

    Parameters
    ----------
    x, target : floating point, of one shape; other shapes are broadcast with a warning. The target may be integer.
    size_average, reduce : deprecated, as in torch: they replace `reduction` ("mean", "sum", "none") when given.
    beta : where the parabola ends, at least 0.

    Returns
    -------
    y : scalar, or the broadcast shape for "none". backward : dy -> dx, dtarget, in their arguments' shapes.

    Raises
    ------
    ValueError : shapes do not broadcast, beta < 0, unknown reduction. Source: Girshick, 2015 (Fast R-CNN).

    Examples
    --------
    >>> y, backward = smooth_l1_loss(np.array([0.5, 3.0]), np.array([0.0, 0.0]), reduction="none")
    >>> y, backward(np.ones(2))[0]
    (array([0.125, 2.5  ]), array([0.5, 1. ]))
    """
    reduction = checked_reduction("smooth_l1_loss", size_average, reduce, reduction)
    warn_of_broadcast("smooth_l1_loss", x, target)
    if beta < 0:
        raise ValueError(f"smooth_l1_loss: beta must not be negative, but is {beta}")
    target = as_float_like(target, x)
    size = np.abs(x - target)
    losses = size if beta == 0 else np.where(size < beta, size * size / (2 * beta), size - 0.5 * beta)
    return reduced(losses, reduction), SmoothL1Saved(x, target, reduction, beta)


def smooth_l1_loss_backward(dy, saved):
    """dy -> dx, dtarget"""
    x, target, reduction, beta = saved
    error = x - target
    # losses = error² / (2 beta), whose slope error / beta ends at ±1
    slope = _sign(error) if beta == 0 else np.clip(error / beta, -1, 1)
    derror = shared(dy, reduction, error.size) * slope
    return fitted(derror, x), fitted(-derror, target)


smooth_l1_loss = Op(
    smooth_l1_loss_forward, smooth_l1_loss_backward, arrays=("x", "target"), indices=("target",), mixed=True
)


class HuberSaved(NamedTuple):
    """What huber_loss_backward needs."""

    x: np.ndarray
    target: np.ndarray
    weight: np.ndarray | None
    reduction: str
    delta: float


def huber_loss_forward(x, target, reduction="mean", delta=1.0, weight=None):
    """Squared error near 0: error² / 2 where |error| < delta, else delta (|error| - delta / 2); times weight.

    It is delta times smooth_l1_loss with beta = delta. The mean of weighted losses divides by their number.

    Parameters
    ----------
    x, target : floating point, of one shape; other shapes are broadcast with a warning. The target may be integer.
    reduction : "mean", "sum" or "none". delta : where the parabola ends, above 0. weight : x's shape, or None.

    Returns
    -------
    y : scalar, or the broadcast shape for "none". backward : dy -> dx, dtarget, dweight, in their arguments' shapes.

    Raises
    ------
    ValueError : shapes do not fit, delta <= 0, unknown reduction. Source: Huber, 1964.

    Examples
    --------
    >>> y, backward = huber_loss(np.array([0.5, 3.0]), np.array([0.0, 0.0]), reduction="none", delta=2.0)
    >>> y, backward(np.ones(2))[0]
    (array([0.125, 4.   ]), array([0.5, 2. ]))
    """
    reduction = checked_reduction("huber_loss", None, None, reduction)
    warn_of_broadcast("huber_loss", x, target)
    if weight is not None:
        check_same_shape("huber_loss", weight=weight, x=x)
    if not delta > 0:
        raise ValueError(f"huber_loss: delta must be positive, but is {delta}")
    target = as_float_like(target, x)
    losses = _huber(x - target, delta)
    if weight is not None:
        losses = losses * weight
    y = reduced(losses, reduction).astype(x.dtype)
    return y, HuberSaved(x, target, weight, reduction, delta)


def _huber(error, delta):
    size = np.abs(error)
    return np.where(size < delta, 0.5 * size * size, delta * (size - 0.5 * delta))


def huber_loss_backward(dy, saved):
    """dy -> dx, dtarget, dweight"""
    x, target, weight, reduction, delta = saved
    error = x - target
    share = shared(dy, reduction, error.size)
    # losses = huber(error) · weight
    dweight = None if weight is None else fitted(share * _huber(error, delta), weight)
    # huber's slope is the error itself, up to ±delta
    derror = share * np.clip(error, -delta, delta)
    if weight is not None:
        derror = derror * weight
    return fitted(derror, x), fitted(-derror, target), dweight


huber_loss = Op(
    huber_loss_forward, huber_loss_backward, arrays=("x", "target", "weight"), indices=("target",), mixed=True
)


class SmoothL1Loss(Loss):
    """A parabola where |x - target| < beta, straight further out, reduced."""

    def __init__(self, size_average=None, reduce=None, reduction: str = "mean", beta: float = 1.0):
        Loss.__init__(self, size_average, reduce, reduction)
        self.beta = beta

    def forward(self, x, target):
        return smooth_l1_loss(x, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(Loss):
    """Half the squared error where |x - target| < delta, straight further out, reduced."""

    def __init__(self, reduction: str = "mean", delta: float = 1.0):
        Loss.__init__(self, reduction=reduction)
        self.delta = delta

    def forward(self, x, target):
        return huber_loss(x, target, reduction=self.reduction, delta=self.delta)
