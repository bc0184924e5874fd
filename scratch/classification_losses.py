"""Losses of a choice between classes: negative log-likelihood and cross-entropy.

Axes: N batch, C classes, * any further axes (pixels), each of which chooses for itself. x is (N, C, *), or (C,) for
one choice without a batch; class indices are (N, *), or a scalar.
Twin: torch_ref/classification_losses.py. Pair: parity_tests/pairs/classification_losses.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from scratch.op import Op, on_device_of
from scratch.reduction import WeightedLoss, checked_reduction, fitted, reduced, shared


class ClassTargets(NamedTuple):
    """Class indices made ready: which choices count, for which class, how much."""

    index: np.ndarray  # (N, 1, *) 0 where ignored
    keep: np.ndarray  # (N, *) bool
    weight: np.ndarray  # (N, *) the weight of the target's class, 0 where ignored


def class_targets(name, x, target, weight, ignore_index) -> ClassTargets:
    """Check class indices against x (N, C, *), or (C,), and look up their weights."""
    axis = class_axis(name, x)
    classes = x.shape[axis]
    shape = x.shape[:axis] + x.shape[axis + 1 :]
    if target.dtype not in (np.int64, np.uint8):
        raise TypeError(
            f"{name}: class indices must be int64 or uint8, but target has dtype {target.dtype}; "
            "convert it with target.astype(np.int64)"
        )
    if target.shape != shape and not (x.ndim == 1 and target.shape == (1,)):
        raise ValueError(
            f"{name}: target must hold one class index for each choice, {shape} for x {x.shape}, but is {target.shape}"
        )
    target = target.reshape(shape).astype(np.int64)
    keep = target != ignore_index
    index = np.where(keep, target, 0)
    if not ((index >= 0) & (index < classes)).all():
        raise ValueError(
            f"{name}: class indices must be from 0 to {classes - 1} or ignore_index={ignore_index}, "
            f"but target has {int(target.min())} to {int(target.max())}"
        )
    if weight is None:
        chosen = keep.astype(x.dtype)
    else:
        check_class_weight(name, x, weight, classes)
        chosen = np.where(keep, weight[index], 0)
    return ClassTargets(np.expand_dims(index, axis), keep, chosen)


def class_axis(name, x) -> int:
    """The axis of the classes: 1, or 0 for x (C,)."""
    if x.ndim == 0 or x.shape[min(1, x.ndim - 1)] == 0:
        raise ValueError(f"{name}: x must be (N, C, *) or (C,) with at least one class, but is {x.shape}")
    return min(1, x.ndim - 1)


def check_class_weight(name, x, weight, classes) -> None:
    if weight.shape != (classes,):
        raise ValueError(
            f"{name}: weight must have one number for each of {classes} classes (x {x.shape}), but is {weight.shape}"
        )
    if weight.dtype != x.dtype:
        raise TypeError(
            f"{name}: weight must have x's dtype {x.dtype}, but has {weight.dtype}; convert the module with .to(dtype)"
        )


def along_classes(weight, x, axis):
    """One number for each class, (C,), shaped to multiply (N, C, *)."""
    return weight.reshape((-1,) + (1,) * (x.ndim - axis - 1))


# ---------------------------------------------------------------------- negative log-likelihood


class NLLSaved(NamedTuple):
    """What nll_loss_backward needs; of x only its shape."""

    x: np.ndarray  # (N, C, *)
    targets: ClassTargets
    reduction: str


def nll_loss_forward(x, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"):
    """Negative log-likelihood of the right class: -weight[target] · x[target], with x the log-probabilities.

    The mean divides by the sum of the targets' weights; it is nan when every target is ignored (0 / 0).

    Parameters
    ----------
    x : (N, C, *) or (C,) floating point, log-probabilities. target : (N, *) or scalar, int64 or uint8 class indices.
    weight : (C,) or None. ignore_index : a target that does not count, and may be no class.
    size_average, reduce : deprecated, as in torch: they replace `reduction` ("mean", "sum", "none") when given.

    Returns
    -------
    y : scalar, or (N, *) for "none". backward : dy -> dx (N, C, *); weight has no gradient.

    Raises
    ------
    ValueError : shapes do not fit, a target is no class (torch: IndexError), unknown reduction.
    TypeError : target or weight of a wrong dtype.

    Examples
    --------
    >>> y, backward = nll_loss(np.log([[0.5, 0.25, 0.25]]), np.array([0]))
    >>> round(float(y), 4), backward()
    (0.6931, array([[-1.,  0.,  0.]]))
    """
    reduction = checked_reduction("nll_loss", size_average, reduce, reduction)
    targets = class_targets("nll_loss", x, target, weight, ignore_index)
    losses = right_class_losses(x, targets)
    return reduced(losses, reduction, targets.weight.sum()), NLLSaved(x, targets, reduction)


def nll_loss_backward(dy, saved):
    """dy -> dx (N, C, *), None, None"""
    x, targets, reduction = saved
    axis = min(1, x.ndim - 1)
    share = shared(dy, reduction, targets.weight.sum())
    # losses = -weight · x[target], or 0 where ignored
    dpicked = np.where(targets.keep, share * -targets.weight, 0)  # (N, *)
    dx = np.where(is_target(x, targets, axis), np.expand_dims(dpicked, axis), 0)  # (N, C, *)
    return dx, None, None


def right_class_losses(logp, targets):
    """-weight · logp[target], or 0 where ignored: (N, C, *) -> (N, *)"""
    axis = min(1, logp.ndim - 1)
    picked = np.take_along_axis(logp, targets.index, axis).squeeze(axis)  # (N, *)
    return np.where(targets.keep, -targets.weight * picked, 0)


def is_target(x, targets, axis):
    """One-hot targets as booleans: (N, C, *), True where the class is the target's."""
    classes = on_device_of(x, np.arange(x.shape[axis]))
    return targets.index == along_classes(classes, x, axis)


nll_loss = Op(
    nll_loss_forward,
    nll_loss_backward,
    arrays=("x", "target", "weight"),
    indices=("target",),
    constants=("weight",),
)


class NLLLoss(WeightedLoss):
    """Negative log-likelihood of log-probabilities, reduced. `weight` (C,) is a buffer."""

    def __init__(self, weight=None, size_average=None, ignore_index: int = -100, reduce=None, reduction: str = "mean"):
        WeightedLoss.__init__(self, weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, x, target):
        weight = self.frozen(weight=self.weight)
        return nll_loss(x, target, ignore_index=self.ignore_index, reduction=self.reduction, **weight)


# ---------------------------------------------------------------------- cross-entropy


class CrossEntropySaved(NamedTuple):
    """What cross_entropy_backward needs. The softmax is kept: exp(logp) would have logp's rounding in it."""

    softmax: np.ndarray  # (N, C, *)
    logp: np.ndarray | None  # (N, C, *) only where the targets are probabilities
    targets: ClassTargets | np.ndarray  # class indices made ready, or probabilities (N, C, *)
    weight: np.ndarray | None  # (C,)
    reduction: str
    label_smoothing: float


def cross_entropy_forward(
    x,
    target,
    weight=None,
    size_average=None,
    ignore_index=-100,
    reduce=None,
    reduction="mean",
    label_smoothing=0.0,
):
    """Cross-entropy of logits: Σ over classes of -q · log softmax(x), with q the wanted probabilities times weight.

    Class indices mean q = 1 for that class. With label smoothing ε the wanted probabilities are (1 - ε) of what the
    target says and ε / C for every class. The mean divides by the sum of the targets' weights for indices (nan when
    every target is ignored), and by the number of choices for probabilities.

    Parameters
    ----------
    x : (N, C, *) or (C,) floating point, logits.
    target : class indices (N, *) or scalar, int64 or uint8; or probabilities of x's shape.
    weight : (C,) or None. ignore_index : an index that does not count, and may be no class.
    size_average, reduce : deprecated, as in torch: they replace `reduction` ("mean", "sum", "none") when given.
    label_smoothing : ε in [0, 1].

    Returns
    -------
    y : scalar, or (N, *) for "none". backward : dy -> dx (N, C, *), and dtarget (N, C, *) for probabilities; weight
    has no gradient (torch has one for probabilities).

    Raises
    ------
    ValueError : shapes do not fit, an index is no class (torch: IndexError), label_smoothing outside of [0, 1],
    ignore_index with probabilities, unknown reduction. TypeError : target or weight of a wrong dtype.

    Examples
    --------
    >>> y, backward = cross_entropy(np.array([[0.0, 0.0]]), np.array([1]))
    >>> round(float(y), 4), backward()
    (0.6931, array([[ 0.5, -0.5]]))
    """
    reduction = checked_reduction("cross_entropy", size_average, reduce, reduction)
    axis = class_axis("cross_entropy", x)
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: label_smoothing must be from 0 to 1, but is {label_smoothing}")
    shifted = x - x.max(axis, keepdims=True)  # no exponential overflows
    exps = np.exp(shifted)
    sums = exps.sum(axis, keepdims=True)  # (N, 1, *)
    softmax, logp = exps / sums, shifted - np.log(sums)  # (N, C, *)
    if target.shape == x.shape:  # probabilities
        _check_probabilities(x, target, weight, ignore_index)
        saved = CrossEntropySaved(softmax, logp, target, weight, reduction, label_smoothing)
        losses = -(_wanted(saved, axis) * logp).sum(axis)  # (N, C, *) -> (N, *)
        return reduced(losses, reduction), saved
    targets = class_targets("cross_entropy", x, target, weight, ignore_index)
    losses = right_class_losses(logp, targets)
    if label_smoothing:
        every = logp if weight is None else logp * along_classes(weight, x, axis)
        smooth = np.where(targets.keep, -every.sum(axis), 0)  # (N, C, *) -> (N, *)
        losses = (1 - label_smoothing) * losses + label_smoothing / x.shape[axis] * smooth
    y = reduced(losses, reduction, targets.weight.sum())
    return y, CrossEntropySaved(softmax, None, targets, weight, reduction, label_smoothing)


def cross_entropy_backward(dy, saved):
    """dy -> dx (N, C, *), dtarget (N, C, *) or None, None"""
    softmax, logp, targets, weight, reduction, label_smoothing = saved
    axis = min(1, softmax.ndim - 1)
    if logp is None:  # class indices
        share = np.where(targets.keep, shared(dy, reduction, targets.weight.sum()), 0)  # (N, *)
    else:
        share = shared(dy, reduction, softmax.size // softmax.shape[axis])
    share = np.expand_dims(share, axis) if share.ndim else share  # (N, 1, *), or one number
    q = _wanted(saved, axis)
    # losses = -Σ q · logp
    # logp = x - log Σ exp x, and the derivative of log Σ exp x is softmax
    dx = share * (softmax * q.sum(axis, keepdims=True) - q)
    if logp is None:
        return dx, None, None
    # q = weight · ((1 - ε) · target + ε / C)
    dtarget = share * -logp * (1 - label_smoothing)
    if weight is not None:
        dtarget = dtarget * along_classes(weight, logp, axis)
    return fitted(dx, softmax), fitted(dtarget, targets), None


def _wanted(saved, axis):
    """q: how much each class's -logp counts, (N, C, *); weight · ((1 - ε) · target + ε / C)"""
    softmax, logp, targets, weight, _, smoothing = saved
    classes = softmax.shape[axis]
    weight = None if weight is None else along_classes(weight, softmax, axis)
    if logp is None:
        q = np.where(is_target(softmax, targets, axis), np.expand_dims(targets.weight, axis), 0)
        if smoothing:
            q = (1 - smoothing) * q + smoothing / classes * (1 if weight is None else weight)
        return q
    q = (1 - smoothing) * targets + smoothing / classes if smoothing else targets
    return q if weight is None else q * weight


def _check_probabilities(x, target, weight, ignore_index):
    if target.dtype.kind != "f":
        raise TypeError(
            f"cross_entropy: a target of x's shape {x.shape} must hold probabilities, floating point, but has dtype "
            f"{target.dtype}; class indices have no class axis"
        )
    if ignore_index >= 0:
        raise ValueError(f"cross_entropy: ignore_index={ignore_index} is for class indices, not for probabilities")
    if weight is not None:
        check_class_weight("cross_entropy", x, weight, x.shape[class_axis("cross_entropy", x)])


cross_entropy = Op(
    cross_entropy_forward,
    cross_entropy_backward,
    arrays=("x", "target", "weight"),
    indices=("target",),
    constants=("weight",),
    mixed=True,
)


class CrossEntropyLoss(WeightedLoss):
    """Cross-entropy of logits, reduced; targets are class indices or probabilities. `weight` (C,) is a buffer."""

    def __init__(
        self,
        weight=None,
        size_average=None,
        ignore_index: int = -100,
        reduce=None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ):
        WeightedLoss.__init__(self, weight, size_average, reduce, reduction)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def forward(self, x, target):
        return cross_entropy(
            x,
            target,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
            **self.frozen(weight=self.weight),
        )
