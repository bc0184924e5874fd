"""Losses of embeddings: what belongs together shall be near, what does not shall be far.

Axes: N batch, M the entries of an embedding; * any leading axes.
Twin: torch_ref/similarity_losses.py. Pair: parity_tests/pairs/similarity_losses.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from scratch.distances import pairwise_distance
from scratch.module import Module
from scratch.op import Op
from scratch.reduction import Loss, check_broadcast, checked_reduction, fitted, reduced, shared

# ---------------------------------------------------------------------- angles between two


LEAST = float(np.float32(1e-12))  # the float32 nearest to 1e-12, also in float64, as in torch


class CosineEmbeddingSaved(NamedTuple):
    """What cosine_embedding_loss_backward needs; the cosine is recomputed."""

    input1: np.ndarray  # (N, M) or (M,)
    input2: np.ndarray  # (N, M) or (M,)
    target: np.ndarray  # (N,) or a scalar
    margin: float
    reduction: str


def cosine_embedding_loss_forward(input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"):
    """Loss of the angle between two that belong together or not: 1 - cos for target 1, max(0, cos - margin) for -1.

    Any other target gives 0, as in torch. cos = x1 · x2 / sqrt((‖x1‖² + 1e-12) (‖x2‖² + 1e-12)). The slope at
    cos = margin is that of the rising side, as in torch.

    Parameters
    ----------
    input1, input2 : (N, M) or (M,), broadcast. target : (N,), or a scalar for (M,); 1 or -1, any dtype.
    size_average, reduce : deprecated, as in torch: they replace `reduction` ("mean", "sum", "none") when given.

    Returns
    -------
    y : scalar, or (N,) for "none". backward : dy -> dinput1, dinput2; target has no gradient.

    Raises
    ------
    ValueError : shapes do not fit, unknown reduction.

    Examples
    --------
    >>> y, backward = cosine_embedding_loss(np.array([3.0, 4.0]), np.array([2.0, 0.0]), np.array(1))
    >>> round(float(y), 4)
    0.4
    """
    name = "cosine_embedding_loss"
    reduction = checked_reduction(name, size_average, reduce, reduction)
    if target.ndim > 1 or not input1.ndim == input2.ndim == target.ndim + 1:
        raise ValueError(
            f"{name}: input1 and input2 must be (N, M) with a target (N,), or (M,) with a scalar, but got "
            f"{input1.shape}, {input2.shape} and {target.shape}"
        )
    check_broadcast(name, input1=input1, input2=input2, target=target[..., None])
    saved = CosineEmbeddingSaved(input1, input2, target, margin, reduction)
    return reduced(losses_of_cosine(_cosine(saved)[0][..., 0], target, margin), reduction), saved


def cosine_embedding_loss_backward(dy, saved):
    """dy -> dinput1, dinput2, None"""
    input1, input2, target, margin, reduction = saved
    cosine, length, square1, square2 = _cosine(saved)  # (N, 1) each
    dcosine = gradient_of_cosine(dy, cosine[..., 0], target, margin, reduction)[..., None]
    # cosine = input1 · input2 / length, length = sqrt(square1 · square2)
    dinput1 = dcosine * (input2 / length - cosine * input1 / square1)
    dinput2 = dcosine * (input1 / length - cosine * input2 / square2)
    return fitted(dinput1, input1), fitted(dinput2, input2), None


def losses_of_cosine(cosine, target, margin):
    return np.where(target == 1, 1 - cosine, np.where(target == -1, np.maximum(cosine - margin, 0), 0))


def gradient_of_cosine(dy, cosine, target, margin, reduction):
    # losses = 1 - cosine, or max(0, cosine - margin)
    slope = np.where(target == -1, (cosine >= margin).astype(cosine.dtype), 0) - (target == 1)
    return shared(dy, reduction, slope.size) * slope.astype(cosine.dtype)


def _cosine(saved):
    """cosine, the product of the lengths, and their squares, all (N, 1)."""
    input1, input2 = saved.input1, saved.input2
    square1 = (input1 * input1).sum(axis=-1, keepdims=True) + LEAST
    square2 = (input2 * input2).sum(axis=-1, keepdims=True) + LEAST
    length = np.sqrt(square1 * square2)
    return (input1 * input2).sum(axis=-1, keepdims=True) / length, length, square1, square2


cosine_embedding_loss = Op(
    cosine_embedding_loss_forward,
    cosine_embedding_loss_backward,
    arrays=("input1", "input2", "target"),
    indices=("target",),
    constants=("target",),
    mixed=True,
)


class CosineEmbeddingLoss(Loss):
    """1 - cos for target 1, max(0, cos - margin) for target -1, reduced."""

    def __init__(self, margin: float = 0.0, size_average=None, reduce=None, reduction: str = "mean"):
        Loss.__init__(self, size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1, input2, target):
        return cosine_embedding_loss(input1, input2, target, self.margin, reduction=self.reduction)


# ---------------------------------------------------------------------- triplets


class TripletSaved(NamedTuple):
    """What triplet_hinge_backward needs: where the loss is not 0, and how the negative distance is shared out."""

    open: np.ndarray  # (*) bool
    near: np.ndarray | None  # (*) how much of the negative distance is that from the anchor: 1, 0, or 1/2 for a tie
    reduction: str


def triplet_hinge_forward(positive, negative, swapped=None, margin=1.0, reduction="mean"):
    """max(0, margin + positive - min(negative, swapped)) of three distances (*), reduced."""
    nearest, near = negative, None
    if swapped is not None:
        nearest = np.minimum(negative, swapped)
        near = ((negative < swapped) + 0.5 * (negative == swapped)).astype(positive.dtype)
    gap = margin + positive - nearest
    return reduced(np.maximum(gap, 0), reduction), TripletSaved(gap >= 0, near, reduction)


def triplet_hinge_backward(dy, saved):
    """dy -> dpositive (*), dnegative (*), dswapped (*) or None"""
    open, near, reduction = saved
    # losses = max(0, margin + positive - nearest); at 0 it has the slope of the rising side
    dgap = np.where(open, shared(dy, reduction, open.size), 0)
    if near is None:
        return dgap, -dgap, None
    # nearest = min(negative, swapped)
    return dgap, -dgap * near, -dgap * (1 - near)


triplet_hinge = Op(triplet_hinge_forward, triplet_hinge_backward, mixed=True)


def triplet_margin_with_distance_loss(
    anchor, positive, negative, *, distance_function=None, margin=1.0, swap=False, reduction="mean"
):
    """Loss of an anchor that is not nearer to its positive than to its negative by the margin:

    max(0, margin + d(anchor, positive) - d(anchor, negative)). With `swap`, d(positive, negative) takes the place of
    d(anchor, negative) where it is smaller; where they tie, each has half of the gradient.

    Parameters
    ----------
    anchor, positive, negative : arrays with as many axes each.
    distance_function : `d, backward = distance_function(a, b)` with `da, db = backward(dd)`, as any op or module of two
        arrays. Default: pairwise_distance.
    margin : above 0. reduction : "mean", "sum" or "none".

    Returns
    -------
    y : scalar, or the distances' shape for "none". backward : dy -> danchor, dpositive, dnegative.

    Raises
    ------
    ValueError : margin <= 0, different numbers of axes, unknown reduction. Source: Balntas et al., 2016.
    """
    return _triplet_margin(
        "triplet_margin_with_distance_loss",
        (anchor, positive, negative),
        distance_function or pairwise_distance,
        margin,
        swap,
        reduction,
    )


def triplet_margin_loss(
    anchor,
    positive,
    negative,
    margin=1.0,
    p=2,
    eps=1e-6,
    swap=False,
    size_average=None,
    reduce=None,
    reduction="mean",
):
    """triplet_margin_with_distance_loss with the p-norm of the difference + eps along the last axis.

    anchor, positive and negative are (*, M) and broadcast; y is (*) for "none". `size_average` and `reduce` are
    deprecated, as in torch: they replace `reduction` when given.

    Examples
    --------
    >>> anchor, positive, negative = np.array([[0.0, 0.0]]), np.array([[0.0, 1.0]]), np.array([[1.5, 0.0]])
    >>> y, backward = triplet_margin_loss(anchor, positive, negative, eps=0.0)
    >>> float(y), backward()[2]
    (0.5, array([[-1.,  0.]]))
    """

    def distance(a, b):
        return pairwise_distance(a, b, p, eps)

    reduction = checked_reduction("triplet_margin_loss", size_average, reduce, reduction)
    return _triplet_margin("triplet_margin_loss", (anchor, positive, negative), distance, margin, swap, reduction)


def _triplet_margin(name, arrays, distance, margin, swap, reduction):
    anchor, positive, negative = arrays
    reduction = checked_reduction(name, None, None, reduction)
    if margin <= 0:
        raise ValueError(f"{name}: margin must be positive, but is {margin}")
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise ValueError(
            f"{name}: anchor, positive and negative must have as many axes each, but got "
            f"{anchor.shape}, {positive.shape}, {negative.shape}"
        )
    to_positive, positive_backward = distance(anchor, positive)
    to_negative, negative_backward = distance(anchor, negative)
    swapped, swapped_backward = distance(positive, negative) if swap else (None, None)
    y, hinge_backward = triplet_hinge(to_positive, to_negative, swapped, margin, reduction)

    def backward(dy=None):
        dto_positive, dto_negative, dswapped = hinge_backward(dy)
        danchor, dpositive = positive_backward(dto_positive)
        danchor_too, dnegative = negative_backward(dto_negative)
        if swapped_backward is not None:
            dpositive_too, dnegative_too = swapped_backward(dswapped)
            dpositive, dnegative = dpositive + dpositive_too, dnegative + dnegative_too
        return danchor + danchor_too, dpositive, dnegative

    return y, backward


class TripletMarginLoss(Loss):
    """max(0, margin + ‖anchor - positive‖ - ‖anchor - negative‖), reduced."""

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average=None,
        reduce=None,
        reduction: str = "mean",
    ):
        Loss.__init__(self, size_average, reduce, reduction)
        if margin <= 0:
            raise ValueError(f"TripletMarginLoss: margin must be positive, but is {margin}")
        self.margin, self.p, self.eps, self.swap = margin, p, eps, swap

    def forward(self, anchor, positive, negative):
        return triplet_margin_loss(
            anchor, positive, negative, self.margin, self.p, self.eps, self.swap, reduction=self.reduction
        )


class TripletMarginWithDistanceLoss(Module):
    """max(0, margin + d(anchor, positive) - d(anchor, negative)) for any distance function, reduced."""

    def __init__(self, *, distance_function=None, margin: float = 1.0, swap: bool = False, reduction: str = "mean"):
        if margin <= 0:
            raise ValueError(f"TripletMarginWithDistanceLoss: margin must be positive, but is {margin}")
        self.distance_function = pairwise_distance if distance_function is None else distance_function
        self.margin, self.swap, self.reduction = margin, swap, reduction

    def forward(self, anchor, positive, negative):
        return triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )
