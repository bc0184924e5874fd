"""Margin losses: nothing is lost once the right answer is ahead of the wrong one by a margin.

Axes: N batch, C classes or labels; any axes where the losses are taken element by element.
Twin: torch_ref/margin_losses.py. Pair: parity_tests/pairs/margin_losses.py.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from scratch.op import Op, on_device_of
from scratch.reduction import (
    Loss,
    WeightedLoss,
    as_float_like,
    check_broadcast,
    checked_reduction,
    fitted,
    reduced,
    shared,
)

# ---------------------------------------------------------------------- near or far, first or second


class HingeEmbeddingSaved(NamedTuple):
    """What hinge_embedding_loss_backward needs."""

    x: np.ndarray
    target: np.ndarray
    margin: float
    reduction: str


def hinge_embedding_loss_forward(x, target, margin=1.0, size_average=None, reduce=None, reduction="mean"):
    """Loss of a distance x between two that belong together or not: x for target 1, max(0, margin - x) for -1.

    Any other target adds both, as in torch. The slope at x = margin is -1, as in torch.

    Parameters
    ----------
    x : floating point. target : 1 or -1, any dtype, broadcasts with x.
    size_average, reduce : deprecated, as in torch: they replace `reduction` ("mean", "sum", "none") when given.

    Returns
    -------
    y : scalar, or the broadcast shape for "none". backward : dy -> dx; target has no gradient.

    Raises
    ------
    ValueError : shapes do not broadcast, unknown reduction.

    Examples
    --------
    >>> y, backward = hinge_embedding_loss(np.array([0.25, 0.25]), np.array([1, -1]), reduction="none")
    >>> y, backward(np.ones(2))
    (array([0.25, 0.75]), array([ 1., -1.]))
    """
    reduction = checked_reduction("hinge_embedding_loss", size_average, reduce, reduction)
    check_broadcast("hinge_embedding_loss", x=x, target=target)
    near, far = np.where(target != -1, x, 0), np.where(target != 1, np.maximum(margin - x, 0), 0)
    return reduced(near + far, reduction), HingeEmbeddingSaved(x, target, margin, reduction)


def hinge_embedding_loss_backward(dy, saved):
    """dy -> dx, None"""
    x, target, margin, reduction = saved
    near, far = target != -1, (target != 1) & (margin - x >= 0)
    share = shared(dy, reduction, far.size)
    # losses = x where near + (margin - x) where far
    dx = np.where(near, share, 0) - np.where(far, share, 0)
    return fitted(dx, x), None


hinge_embedding_loss = Op(
    hinge_embedding_loss_forward,
    hinge_embedding_loss_backward,
    arrays=("x", "target"),
    indices=("target",),
    constants=("target",),
    mixed=True,
)


class MarginRankingSaved(NamedTuple):
    """What margin_ranking_loss_backward needs."""

    input1: np.ndarray
    input2: np.ndarray
    target: np.ndarray
    margin: float
    reduction: str


def margin_ranking_loss_forward(input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"):
    """Loss of an order: max(0, margin - target · (input1 - input2)); target 1 wants input1 first, -1 input2.

    The slope at the kink is that of the rising side, as in torch.

    Parameters
    ----------
    input1, input2, target : as many axes each, broadcasting; the target may be integer.
    size_average, reduce : deprecated, as in torch: they replace `reduction` ("mean", "sum", "none") when given.

    Returns
    -------
    y : scalar, or the broadcast shape for "none". backward : dy -> dinput1, dinput2, dtarget.

    Raises
    ------
    ValueError : shapes do not fit, unknown reduction.

    Examples
    --------
    >>> y, backward = margin_ranking_loss(np.array([1.0]), np.array([3.0]), np.array([1]))
    >>> float(y), backward()
    (2.0, (array([-1.]), array([1.]), None))
    """
    reduction = checked_reduction("margin_ranking_loss", size_average, reduce, reduction)
    if not input1.ndim == input2.ndim == target.ndim:
        raise ValueError(
            "margin_ranking_loss: input1, input2 and target must have as many axes each, but got "
            f"{input1.shape}, {input2.shape}, {target.shape}"
        )
    check_broadcast("margin_ranking_loss", input1=input1, input2=input2, target=target)
    saved = MarginRankingSaved(input1, input2, as_float_like(target, input1), margin, reduction)
    return reduced(np.maximum(_rank_gap(saved), 0), reduction), saved


def _rank_gap(saved):
    return saved.margin - saved.target * (saved.input1 - saved.input2)


def margin_ranking_loss_backward(dy, saved):
    """dy -> dinput1, dinput2, dtarget"""
    input1, input2, target, _, reduction = saved
    gap = _rank_gap(saved)
    # losses = max(0, gap)
    dgap = np.where(gap >= 0, shared(dy, reduction, gap.size), 0)
    # gap = margin - target · (input1 - input2)
    ddifference = -target * dgap
    dtarget = -(input1 - input2) * dgap
    return fitted(ddifference, input1), fitted(-ddifference, input2), fitted(dtarget, target)


margin_ranking_loss = Op(
    margin_ranking_loss_forward,
    margin_ranking_loss_backward,
    arrays=("input1", "input2", "target"),
    indices=("target",),
    mixed=True,
)


class HingeEmbeddingLoss(Loss):
    """x for target 1, max(0, margin - x) for target -1, reduced."""

    def __init__(self, margin: float = 1.0, size_average=None, reduce=None, reduction: str = "mean"):
        Loss.__init__(self, size_average, reduce, reduction)
        self.margin = margin

    def forward(self, x, target):
        return hinge_embedding_loss(x, target, self.margin, reduction=self.reduction)


class MarginRankingLoss(Loss):
    """max(0, margin - target · (input1 - input2)), reduced."""

    def __init__(self, margin: float = 0.0, size_average=None, reduce=None, reduction: str = "mean"):
        Loss.__init__(self, size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1, input2, target):
        return margin_ranking_loss(input1, input2, target, self.margin, reduction=self.reduction)


# ---------------------------------------------------------------------- one right class


class MultiMarginSaved(NamedTuple):
    """What multi_margin_loss_backward needs; of x only its shape."""

    x: np.ndarray  # (N, C) or (C,)
    gaps: np.ndarray  # (N, C) 0 where nothing is lost
    right: np.ndarray  # (N, C) bool, one-hot
    weight: np.ndarray | None  # (N, 1) of the right classes
    p: int
    reduction: str


def multi_margin_loss_forward(
    x, target, p=1, margin=1.0, weight=None, size_average=None, reduce=None, reduction="mean"
):
    """Loss of each wrong class that is not behind the right one by the margin, the mean over C of

    weight[target] · max(0, margin - x[target] + x[c])^p for c ≠ target. The slope at a kink is 0.

    Parameters
    ----------
    x : (N, C) or (C,), floating point. target : (N,), or scalar for one choice, int64. p : 1 or 2. weight : (C,).
    size_average, reduce : deprecated, as in torch: they replace `reduction` ("mean", "sum", "none") when given.

    Returns
    -------
    y : scalar, or the target's shape for "none". backward : dy -> dx; weight has no gradient.

    Raises
    ------
    ValueError : shapes do not fit, a target is no class, p is neither 1 nor 2, unknown reduction.
    TypeError : target or weight of a wrong dtype.

    Examples
    --------
    >>> y, backward = multi_margin_loss(np.array([[1.0, 0.5]]), np.array([0]))
    >>> float(y), backward()
    (0.25, array([[-0.5,  0.5]]))
    """
    name = "multi_margin_loss"
    reduction = checked_reduction(name, size_average, reduce, reduction)
    if p not in (1, 2):
        raise ValueError(f"{name}: p must be 1 or 2, but is {p}")
    rows = _rows(name, x)
    _check_labels(name, target, 0, rows.shape[1])
    if target.ndim > 1 or target.size != len(rows):
        raise ValueError(f"{name}: target must hold one class for each of {len(rows)} rows, but is {target.shape}")
    if weight is not None:
        if weight.shape != rows.shape[1:]:
            raise ValueError(f"{name}: weight must be {rows.shape[1:]} for x {x.shape}, but is {weight.shape}")
        weight = weight[target.reshape(-1, 1)]  # (N, 1)
    index = target.reshape(-1, 1)  # (N, 1)
    right = index == on_device_of(x, np.arange(rows.shape[1]))  # (N, C)
    gaps = margin - np.take_along_axis(rows, index, 1) + rows  # (N, C)
    gaps = np.where(~right & (gaps > 0), gaps, 0)
    losses = gaps if p == 1 else gaps * gaps
    losses = losses if weight is None else losses * weight
    y = reduced((losses.sum(axis=1) / rows.shape[1]).reshape(target.shape), reduction)
    return y, MultiMarginSaved(x, gaps, right, weight, p, reduction)


def multi_margin_loss_backward(dy, saved):
    """dy -> dx (N, C), None, None"""
    x, gaps, right, weight, p, reduction = saved
    # y = mean over C of weight · gaps^p
    share = _share_of_rows(dy, reduction, gaps.shape)
    dgaps = np.where(gaps > 0, share, 0) if p == 1 else share * 2 * gaps
    if weight is not None:
        dgaps = dgaps * weight
    # gaps = margin - x[target] + x
    dx = dgaps - np.where(right, dgaps.sum(axis=1, keepdims=True), 0)
    return dx.reshape(x.shape), None, None


multi_margin_loss = Op(
    multi_margin_loss_forward,
    multi_margin_loss_backward,
    arrays=("x", "target", "weight"),
    indices=("target",),
    constants=("weight",),
)


# ---------------------------------------------------------------------- several right labels


class MultilabelMarginSaved(NamedTuple):
    """What multilabel_margin_loss_backward needs."""

    slope: np.ndarray  # (N, C): of C times the losses
    shape: tuple[int, ...]  # of x
    reduction: str


def multilabel_margin_loss_forward(x, target, size_average=None, reduce=None, reduction="mean"):
    """Loss of each class that is not named by the target and not behind a named one by 1:

    Σ over named l and other c of max(0, 1 - x[l] + x[c]), divided by C. The slope at a kink is 0.

    Parameters
    ----------
    x : (N, C) or (C,), floating point.
    target : x's shape, int64: the classes that are named, then -1; what follows the first -1 does not count.
    size_average, reduce : deprecated, as in torch: they replace `reduction` ("mean", "sum", "none") when given.

    Returns
    -------
    y : scalar, or (N,) for "none". backward : dy -> dx.

    Raises
    ------
    ValueError : shapes do not fit, a target is neither class nor -1, unknown reduction. TypeError : target not int64.

    Examples
    --------
    >>> y, backward = multilabel_margin_loss(np.array([1.0, 0.5]), np.array([0, -1]))
    >>> float(y), backward()
    (0.25, array([-0.5,  0.5]))
    """
    name = "multilabel_margin_loss"
    reduction = checked_reduction(name, size_average, reduce, reduction)
    rows = _rows(name, x)
    _check_labels(name, target, -1, rows.shape[1])
    if target.shape != x.shape:
        raise ValueError(f"{name}: target must have x's shape {x.shape}, but is {target.shape}")
    labels = target.reshape(rows.shape)  # (N, L), as many as classes
    counts = np.cumprod(labels >= 0, axis=1) == 1  # (N, L) before the first -1
    labels = np.where(counts, labels, 0)
    every = on_device_of(x, np.arange(len(rows)))
    # with these two a gap is open only between a label that counts and a class that is not named
    right = np.where(counts, np.take_along_axis(rows, labels, 1), np.inf)  # (N, L)
    others = rows.copy()  # (N, C)
    for l in range(labels.shape[1]):
        others[every, labels[:, l]] = np.where(counts[:, l], -np.inf, others[every, labels[:, l]])
    losses, slope = np.zeros_like(rows[:, 0]), np.zeros_like(rows)
    for l in range(labels.shape[1]):
        gaps = 1 - right[:, l : l + 1] + others  # (N, C)
        open = gaps > 0
        losses = losses + np.where(open, gaps, 0).sum(axis=1)
        # each open gap pushes its class down and its label up
        slope = slope + open
        slope[every, labels[:, l]] -= open.sum(axis=1)
    saved = MultilabelMarginSaved(slope, x.shape, reduction)
    return reduced((losses / rows.shape[1]).reshape(x.shape[:-1]), reduction), saved


def multilabel_margin_loss_backward(dy, saved):
    """dy -> dx (N, C), None"""
    slope, shape, reduction = saved
    # y = mean over C of the losses
    dx = _share_of_rows(dy, reduction, slope.shape) * slope
    return dx.reshape(shape), None


multilabel_margin_loss = Op(
    multilabel_margin_loss_forward, multilabel_margin_loss_backward, arrays=("x", "target"), indices=("target",)
)


def _rows(name, x):
    """x as (N, C)."""
    if x.ndim > 2 or 0 in x.shape[-1:]:
        raise ValueError(f"{name}: x must be (N, C) or (C,) with at least one class, but is {x.shape}")
    return x.reshape(math.prod(x.shape[:-1]), *x.shape[-1:] or (1,))


def _check_labels(name, target, least, classes):
    if target.dtype != np.int64:
        raise TypeError(
            f"{name}: target must be int64, but has dtype {target.dtype}; convert it with target.astype(np.int64)"
        )
    if not ((target >= least) & (target < classes)).all():
        raise ValueError(
            f"{name}: target must be from {least} to {classes - 1}, but has {int(target.min())} to {int(target.max())}"
        )


def _share_of_rows(dy, reduction, shape):
    """The upstream gradient of each term of a mean over C: (N, 1), or one number."""
    rows, classes = shape
    share = shared(dy, reduction, rows) / classes
    return share.reshape(rows, 1) if reduction == "none" else share


class MultiMarginLoss(WeightedLoss):
    """Margin loss of one right class, reduced. `weight` (C,) is a buffer."""

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight=None,
        size_average=None,
        reduce=None,
        reduction: str = "mean",
    ):
        WeightedLoss.__init__(self, weight, size_average, reduce, reduction)
        if p not in (1, 2):
            raise ValueError(f"MultiMarginLoss: p must be 1 or 2, but is {p}")
        if self.weight is not None and self.weight.ndim != 1:
            raise ValueError(f"MultiMarginLoss: weight must be (C,), but is {self.weight.shape}")
        self.p, self.margin = p, margin

    def forward(self, x, target):
        weight = self.frozen(weight=self.weight)
        return multi_margin_loss(x, target, self.p, self.margin, reduction=self.reduction, **weight)


class MultiLabelMarginLoss(Loss):
    """Margin loss of several right labels, reduced."""

    def forward(self, x, target):
        return multilabel_margin_loss(x, target, reduction=self.reduction)
