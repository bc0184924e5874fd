"""What all losses share: how the losses of the elements become one number, and how its gradient is shared out again.

y = losses             reduction="none"
y = losses.sum()       reduction="sum"
y = losses.mean()      reduction="mean", the default
"""

from __future__ import annotations

import warnings

import numpy as np

from scratch.dtypes import as_array
from scratch.module import Module
from scratch.op import unbroadcast
from scratch.parameter import Parameter


def legacy_reduction(size_average, reduce, reduction: str) -> str:
    """torch's rule for its two deprecated arguments, which win over `reduction` as soon as one of them is given."""
    if size_average is None and reduce is None:
        return reduction
    if reduce is False:
        return "none"
    return "sum" if size_average is False else "mean"


def checked_reduction(name: str, size_average, reduce, reduction, allowed=("none", "mean", "sum")) -> str:
    """The reduction that is meant, if it is one."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    if reduction not in allowed:
        raise ValueError(f"{name}: reduction must be one of {', '.join(map(repr, allowed))}, but is {reduction!r}")
    return reduction


def reduced(losses, reduction: str, divisor=None):
    """All losses, their sum, or their mean; `divisor` is what a mean divides by where that is not their number."""
    if reduction == "none":
        return losses
    total = losses.sum()
    if reduction == "sum":
        return total
    return total / (losses.size if divisor is None else divisor)


def shared(dy, reduction: str, divisor):
    """The upstream gradient of each element's loss; for "sum" and "mean" one number that all of them have."""
    return dy / divisor if reduction == "mean" else dy


def fitted(gradient, argument, shape=None):
    """A gradient in the shape and dtype of its argument, which may have been broadcast or of lower precision.

    `shape` is that of the losses, where the gradient may not have it yet: every element of the losses then has it.
    """
    if shape is not None and gradient.shape != shape:
        gradient = np.broadcast_to(gradient, shape).copy()
    return unbroadcast(gradient, argument.shape).astype(argument.dtype, copy=False)


def as_float_like(target, x):
    """A target of integers or booleans in x's dtype; a floating-point one as it is."""
    return target if target.dtype.kind == "f" else target.astype(x.dtype)


def check_same_shape(name: str, **arrays) -> None:
    """Refuse arguments of different shapes."""
    shapes = [a.shape for a in arrays.values()]
    if any(shape != shapes[0] for shape in shapes):
        listed = ", ".join(f"{key} {a.shape}" for key, a in arrays.items())
        raise ValueError(f"{name}: {' and '.join(arrays)} must have the same shape, but got {listed}; reshape one")


def check_broadcast(name: str, **arrays) -> None:
    """Refuse arguments that do not broadcast."""
    try:
        np.broadcast_shapes(*(a.shape for a in arrays.values()))
    except ValueError:
        listed = ", ".join(f"{key} {a.shape}" for key, a in arrays.items())
        raise ValueError(f"{name}: the shapes of {' and '.join(arrays)} do not broadcast: {listed}") from None


def warn_of_broadcast(name: str, x, target) -> None:
    """Regression losses broadcast a target of another shape, with a warning: it is seldom what was meant."""
    check_broadcast(name, x=x, target=target)
    if x.shape != target.shape:
        warnings.warn(
            f"{name}: target {target.shape} has not the shape of x {x.shape} and is broadcast, which is seldom what "
            "was meant; reshape one of them",
            stacklevel=4,
        )


def check_weight_fits(name: str, x, **weights) -> None:
    """A weight may be broadcast to x's shape, not beyond it."""
    for key, weight in weights.items():
        if weight is None:
            continue
        check_broadcast(name, x=x, **{key: weight})
        if np.broadcast_shapes(x.shape, weight.shape) != x.shape:
            raise ValueError(f"{name}: {key} {weight.shape} must broadcast to the shape of x {x.shape}")


class Loss(Module):
    """Base of the losses: holds `reduction`, with torch's deprecated `size_average` and `reduce` worked in."""

    def __init__(self, size_average=None, reduce=None, reduction: str = "mean"):
        self.reduction = legacy_reduction(size_average, reduce, reduction)


class WeightedLoss(Loss):
    """Base of the losses with a weight, a buffer: a NumPy array (or a torch tensor), or None."""

    def __init__(self, weight=None, size_average=None, reduce=None, reduction: str = "mean"):
        Loss.__init__(self, size_average, reduce, reduction)
        self.register_buffer("weight", None if weight is None else as_array(weight, "weight"))

    def frozen(self, **buffers):
        """The weights that are there, as Parameters that learn nothing: a loss's gradients are those of its inputs."""
        return {name: Parameter(b, requires_grad=False) for name, b in buffers.items() if b is not None}
