"""Losses that compare distributions: negative log-likelihood of counts and of numbers, Kullback-Leibler divergence.

Axes: any; the losses are taken element by element, arguments broadcast, then reduced.
Twin: torch_ref/likelihood_losses.py. Pair: parity_tests/pairs/likelihood_losses.py.
"""

from __future__ import annotations

import math
import warnings
from typing import NamedTuple

import numpy as np

from scratch.op import Op
from scratch.reduction import Loss, as_float_like, check_broadcast, checked_reduction, fitted, reduced, shared

# ---------------------------------------------------------------------- counts


class PoissonSaved(NamedTuple):
    """What poisson_nll_loss_backward needs."""

    x: np.ndarray
    target: np.ndarray
    log_input: bool
    full: bool
    eps: float
    reduction: str


def poisson_nll_loss_forward(
    x, target, log_input=True, full=False, size_average=None, eps=1e-8, reduce=None, reduction="mean"
):
    """Negative log-likelihood of counts: exp(x) - target · x, or x - target · log(x + eps) if x is no logarithm.

    `full` adds Stirling's approximation of log(target!), target log target - target + log(2π target) / 2, where the
    target is above 1. Its gradient with respect to a target of 0 or less is nan, as torch's.

    Parameters
    ----------
    x : the expected count, or with log_input its logarithm. target : broadcasts with x; may be integer.
    size_average, reduce : deprecated, as in torch: they replace `reduction` ("mean", "sum", "none") when given.

    Returns
    -------
    y : scalar, or the broadcast shape for "none". backward : dy -> dx, dtarget, in their arguments' shapes.

    Raises
    ------
    ValueError : shapes do not broadcast, unknown reduction.

    Examples
    --------
    >>> y, backward = poisson_nll_loss(np.array([0.0]), np.array([2]))
    >>> float(y), backward()
    (1.0, array([-1.]))
    """
    reduction = checked_reduction("poisson_nll_loss", size_average, reduce, reduction)
    check_broadcast("poisson_nll_loss", x=x, target=target)
    target = as_float_like(target, x)
    losses = np.exp(x) - target * x if log_input else x - target * np.log(x + eps)
    if full:
        count = np.where(target > 1, target, 1)
        stirling = count * np.log(count) - count + 0.5 * np.log(2 * math.pi * count)
        losses = losses + np.where(target > 1, stirling, 0)
    return reduced(losses, reduction), PoissonSaved(x, target, log_input, full, eps, reduction)


def poisson_nll_loss_backward(dy, saved):
    """dy -> dx, dtarget"""
    x, target, log_input, full, eps, reduction = saved
    shape = np.broadcast_shapes(x.shape, target.shape)
    share = shared(dy, reduction, math.prod(shape))
    if log_input:
        # losses = exp(x) - target · x
        dx, dtarget = np.exp(x) - target, -x
    else:
        # losses = x - target · log(x + eps)
        dx, dtarget = 1 - target / (x + eps), -np.log(x + eps)
    if full:
        # target log target - target + log(2π target) / 2, where the target is above 1; nan where it has no logarithm
        dtarget = dtarget + (target > 1) * (np.log(target) + 0.5 / target)
    return fitted(share * dx, x, shape), fitted(share * dtarget, target, shape)


poisson_nll_loss = Op(
    poisson_nll_loss_forward, poisson_nll_loss_backward, arrays=("x", "target"), indices=("target",), mixed=True
)


class PoissonNLLLoss(Loss):
    """Negative log-likelihood of counts, reduced."""

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average=None,
        eps: float = 1e-8,
        reduce=None,
        reduction: str = "mean",
    ):
        Loss.__init__(self, size_average, reduce, reduction)
        self.log_input, self.full, self.eps = log_input, full, eps

    def forward(self, x, target):
        return poisson_nll_loss(x, target, self.log_input, self.full, eps=self.eps, reduction=self.reduction)


# ---------------------------------------------------------------------- numbers with a variance


class GaussianSaved(NamedTuple):
    """What gaussian_nll_loss_backward needs; var is clamped."""

    x: np.ndarray
    target: np.ndarray
    var: np.ndarray
    var_like: np.ndarray  # var as it came
    reduction: str


def gaussian_nll_loss_forward(x, target, var, full=False, eps=1e-6, reduction="mean"):
    """Negative log-likelihood of normal distributions: (log var + (x - target)² / var) / 2, var being at least eps.

    The gradient passes through that bound as if it were not there, as in torch.

    Parameters
    ----------
    x : the means. target : broadcasts with x; may be integer.
    var : the variances: a float; x's shape; x's shape without its last axis; or x's shape with one axis of size 1.
    full : whether the constant log(2π) / 2 is added. reduction : "mean", "sum" or "none".

    Returns
    -------
    y : scalar, or the broadcast shape for "none". backward : dy -> dx, dtarget, dvar, in their arguments' shapes.

    Raises
    ------
    ValueError : shapes do not fit, a negative variance, unknown reduction. Source: Nix and Weigend, 1994.

    Examples
    --------
    >>> y, backward = gaussian_nll_loss(np.array([1.0]), np.array([3.0]), np.array([2.0]))
    >>> round(float(y), 4), backward()
    (1.3466, (array([-1.]), array([1.]), array([-0.25])))
    """
    name = "gaussian_nll_loss"
    if (var < 0).any():
        raise ValueError(f"{name}: var must not be negative, but is in places; use its exp or softplus")
    wide = var
    if var.shape != x.shape:
        if var.shape == x.shape[:-1]:
            wide = var[..., None]
        elif var.ndim != x.ndim or [v for n, v in zip(x.shape, var.shape) if n != v] != [1]:
            raise ValueError(
                f"{name}: var must have x's shape {x.shape}, without its last axis, or with one axis of size 1, "
                f"but is {var.shape}"
            )
    check_broadcast(name, x=x, target=target)
    reduction = checked_reduction(name, None, None, reduction)
    target = as_float_like(target, x)
    wide = np.maximum(wide, eps)
    losses = 0.5 * (np.log(wide) + (x - target) ** 2 / wide)
    if full:
        losses = losses + 0.5 * math.log(2 * math.pi)
    return reduced(losses, reduction), GaussianSaved(x, target, wide, var, reduction)


def gaussian_nll_loss_backward(dy, saved):
    """dy -> dx, dtarget, dvar"""
    x, target, var, var_like, reduction = saved
    error = x - target
    share = shared(dy, reduction, error.size)
    # losses = (log var + error² / var) / 2
    derror = share * error / var
    dvar = share * 0.5 * (1 - error * error / var) / var
    dvar = fitted(dvar, var).reshape(var_like.shape).astype(var_like.dtype, copy=False)
    return fitted(derror, x), fitted(-derror, target), dvar


_gaussian_nll_loss = Op(
    gaussian_nll_loss_forward,
    gaussian_nll_loss_backward,
    arrays=("x", "target", "var"),
    indices=("target",),
    mixed=True,
)


def gaussian_nll_loss(x, target, var, full=False, eps=1e-6, reduction="mean"):
    if isinstance(var, float):
        needs = (True, True, False)
        return _gaussian_nll_loss(x, target, np.full_like(x, var), full, eps, reduction, needs=needs)
    return _gaussian_nll_loss(x, target, var, full, eps, reduction)


gaussian_nll_loss.__doc__ = gaussian_nll_loss_forward.__doc__


class GaussianNLLLoss(Loss):
    """Negative log-likelihood of normal distributions with given variances, reduced."""

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean"):
        Loss.__init__(self, reduction=reduction)
        self.full, self.eps = full, eps

    def forward(self, x, target, var):
        return gaussian_nll_loss(x, target, var, self.full, self.eps, self.reduction)


# ---------------------------------------------------------------------- Kullback-Leibler divergence


class KLDivSaved(NamedTuple):
    """What kl_div_backward needs."""

    x: np.ndarray
    target: np.ndarray
    reduction: str
    log_target: bool


def kl_div_forward(x, target, size_average=None, reduce=None, reduction="mean", log_target=False):
    """Kullback-Leibler divergence of log-probabilities x from a target: target · (log target - x).

    0 log 0 is 0; the gradient of a target of 0 is nan, as torch's. With log_target the target is given by its
    logarithm: exp(target) · (target - x).

    Parameters
    ----------
    x : log-probabilities. target : probabilities, or with log_target log-probabilities; broadcasts with x.
    size_average, reduce : deprecated, as in torch: they replace `reduction` when given.
    reduction : "batchmean" is the divergence's definition, the sum divided by the first axis; "mean" divides by the
        number of elements and warns, as torch does; "sum"; "none".

    Returns
    -------
    y : scalar, or the broadcast shape for "none". backward : dy -> dx, dtarget, in their arguments' shapes.

    Raises
    ------
    ValueError : shapes do not broadcast, unknown reduction. TypeError : an integer target.

    Examples
    --------
    >>> y, backward = kl_div(np.log([[0.5, 0.5]]), np.array([[1.0, 0.0]]), reduction="batchmean")
    >>> round(float(y), 4), backward()[0]
    (0.6931, array([[-1., -0.]]))
    """
    if size_average is None and reduce is None and reduction == "mean":
        warnings.warn(
            'kl_div: reduction "mean" divides by the number of elements; "batchmean" divides by the batch size only, '
            "as the divergence is defined",
            stacklevel=3,
        )
    reduction = checked_reduction("kl_div", size_average, reduce, reduction, ("none", "mean", "sum", "batchmean"))
    check_broadcast("kl_div", x=x, target=target)
    saved = KLDivSaved(x, target, reduction, log_target)
    if log_target:
        losses = np.exp(target) * (target - x)
    else:
        losses = target * np.log(np.where(target == 0, 1, target)) - target * x
    if reduction == "batchmean":
        return losses.sum() / _batch(x), saved
    return reduced(losses, reduction), saved


def kl_div_backward(dy, saved):
    """dy -> dx, dtarget"""
    x, target, reduction, log_target = saved
    shape = np.broadcast_shapes(x.shape, target.shape)
    share = dy / _batch(x) if reduction == "batchmean" else shared(dy, reduction, math.prod(shape))
    if log_target:
        # losses = exp(target) · (target - x)
        probability = np.exp(target)
        dx, dtarget = -probability, probability * (target - x + 1)
    else:
        # losses = target · log target - target · x; target / target is 1, or nan at 0
        dx, dtarget = -target, np.log(target) + target / target - x
    return fitted(share * dx, x, shape), fitted(share * dtarget, target, shape)


def _batch(x):
    return x.shape[0] if x.ndim else 1


kl_div = Op(kl_div_forward, kl_div_backward, arrays=("x", "target"), mixed=True)


class KLDivLoss(Loss):
    """Kullback-Leibler divergence of log-probabilities, reduced."""

    def __init__(self, size_average=None, reduce=None, reduction: str = "mean", log_target: bool = False):
        Loss.__init__(self, size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, x, target):
        return kl_div(x, target, reduction=self.reduction, log_target=self.log_target)
