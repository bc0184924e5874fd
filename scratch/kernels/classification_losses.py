"""Negative log-likelihood with one number written a choice; cross-entropy with class indices in two passes.

Cross-entropy is fast because exp(x) is written once and kept: the forward needs its sums over the classes (products
with a vector of ones), the backward scales it. The textbook has six passes of exponentials. The largest value is
subtracted, as in softmax, only in blocks where a sum would overflow or vanish. Blocks stay in cache, and several
threads work on them. The number of the target's class is found by its place in the flattened x: NumPy reads and writes
at one index twice as fast as at several.

Axes: N C P as in kernels/softmax.py, P places, each of which chooses for itself.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from scratch.classification_losses import ClassTargets, class_targets, cross_entropy, nll_loss
from scratch.kernels.softmax import as_classes, exponentials, in_blocks
from scratch.reduction import checked_reduction, reduced, shared

VANISHED = 1e-30  # a probability below this has lost digits, or soon will


def right_places(shape, index):
    """Where x (N, C, *), flattened, has its target's class: the index (N, 1, *) as places (N, *)."""
    axis = min(1, len(shape) - 1)
    inner = math.prod(shape[axis + 1 :])
    first = np.arange(math.prod(shape[:axis]))[:, None] * (shape[axis] * inner) + np.arange(inner)
    return (index * inner + first.reshape(index.shape)).squeeze(axis)


class NLLKernelSaved(NamedTuple):
    """Of x only what dx needs: its shape and dtype."""

    shape: tuple[int, ...]
    dtype: np.dtype
    right: np.ndarray  # (N, *) places in the flattened x
    targets: ClassTargets
    reduction: str


def nll_loss_forward(x, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"):
    reduction = checked_reduction("nll_loss", size_average, reduce, reduction)
    targets = class_targets("nll_loss", x, target, weight, ignore_index)
    right = right_places(x.shape, targets.index)
    losses = np.where(targets.keep, -targets.weight * x.reshape(-1)[right], 0)
    saved = NLLKernelSaved(x.shape, x.dtype, right, targets, reduction)
    return reduced(losses, reduction, targets.weight.sum()), saved


def nll_loss_backward(dy, saved):
    """dy -> dx (N, C, *), None, None; one number written for each choice, into zeros that the system hands out."""
    shape, dtype, right, targets, reduction = saved
    dx = np.zeros(shape, dtype)
    # losses = -weight · x[target], or 0 where ignored
    share = shared(dy, reduction, targets.weight.sum())
    dx.reshape(-1)[right] = np.where(targets.keep, share * -targets.weight, 0)
    return dx, None, None


class CrossEntropyKernelSaved(NamedTuple):
    """exp(x - shift) and its sums over the classes: their quotient is the softmax."""

    exps: np.ndarray  # (N, C, *)
    sums: np.ndarray  # (N, *)
    right: np.ndarray  # (N, *) places in the flattened x
    targets: ClassTargets
    reduction: str


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
    """x (N, C, *), class indices (N, *) -> y, saved"""
    reduction = checked_reduction("cross_entropy", size_average, reduce, reduction)
    targets = class_targets("cross_entropy", x, target, weight, ignore_index)
    x = np.ascontiguousarray(x)
    exps, sums, shift = np.empty_like(x), np.empty(target.shape, x.dtype), np.zeros(target.shape, x.dtype)

    def fill(x, exps, sums, shift):
        sums[...], subtracted = exponentials(x, exps)
        if subtracted is not None:
            shift[...] = subtracted

    in_blocks(fill, *map(as_classes, (x, exps, sums[:, None], shift[:, None])))
    right = right_places(x.shape, targets.index)
    softmax = exps.reshape(-1)[right] / sums
    if softmax.min() > VANISHED:
        losses = -np.log(softmax)  # exact near 1
    else:
        there = softmax > VANISHED
        losses = np.log(sums) - (x.reshape(-1)[right] - shift)
        losses = np.where(there, -np.log(np.where(there, softmax, 1)), losses)
    losses = np.where(targets.keep, targets.weight * losses, 0)
    y = reduced(losses, reduction, targets.weight.sum())
    return y, CrossEntropyKernelSaved(exps, sums, right, targets, reduction)


def cross_entropy_backward(dy, saved):
    """dy -> dx (N, C, *), None, None"""
    exps, sums, right, targets, reduction = saved
    share = shared(dy, reduction, targets.weight.sum()) * targets.weight
    share = np.where(targets.keep, share, 0)  # (N, *)
    dx = np.empty_like(exps)
    scale = (share / sums)[:, None]
    # dx = share · (softmax - onehot)
    in_blocks(lambda exps, scale, dx: np.multiply(exps, scale, out=dx), *map(as_classes, (exps, scale, dx)))
    dx.reshape(-1)[right] -= share
    return dx, None, None


def suits(x, target, weight=None, *options, label_smoothing=0.0, **more) -> bool:
    """Class indices for x (N, C, *), without label smoothing."""
    return (
        x.ndim > 1
        and x.size > 0
        and x.shape[1] > 1  # of one class the textbook is exact: 0
        and x.dtype in (np.float32, np.float64)
        and target.dtype.kind in "iu"
        and target.ndim == x.ndim - 1
        and (options[4] if len(options) > 4 else label_smoothing) == 0
    )


nll_loss.register(nll_loss_forward, nll_loss_backward, when=lambda x, *_, **__: x.size > 0)
cross_entropy.register(cross_entropy_forward, cross_entropy_backward, when=suits)
