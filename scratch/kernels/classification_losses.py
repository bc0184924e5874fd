"""Negative log-likelihood with one number written a choice; cross-entropy of x (N, C) with class indices in two passes.

Cross-entropy is fast because exp(x) is written once and kept: the forward needs its row sums (a matrix-vector product),
the backward scales its rows. The textbook has six passes of exponentials. Subtracting the row maximum, two more passes,
is left out in blocks where no exponential can overflow or vanish. Rows are worked on in blocks that stay in cache, by
several threads.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from scratch.classification_losses import ClassTargets, class_targets, cross_entropy, nll_loss, nll_loss_forward
from scratch.kernels.blocks import SMALL, parallel
from scratch.reduction import checked_reduction, reduced, shared

LARGE = 1024  # items: below, the textbook's comparison of all classes takes no longer
ITEMS = 4 * 131072  # items a block: 512 rows of 1000 classes
LARGEST = 20  # exp of this is far from overflow, and so is the sum of many
SMALLEST = 1e-12  # a row sum above this has not vanished
VANISHED = 1e-30  # an exponential below this has lost digits, or soon will


class CrossEntropyKernelSaved(NamedTuple):
    """exp(x - shift) and its row sums: their quotient is the softmax."""

    exps: np.ndarray  # (N, C)
    sums: np.ndarray  # (N,)
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
    """x (N, C), class indices (N,) -> y, saved"""
    reduction = checked_reduction("cross_entropy", size_average, reduce, reduction)
    targets = class_targets("cross_entropy", x, target, weight, ignore_index)
    rows, classes = x.shape
    exps, sums, shift = np.empty(x.shape, x.dtype), np.empty(rows, x.dtype), np.zeros(rows, x.dtype)
    ones = np.ones(classes, x.dtype)

    def block(x, exps, sums, shift):
        if x.max() < LARGEST:
            np.exp(x, out=exps)
            np.matmul(exps, ones, out=sums)
            if sums.min() > SMALLEST:
                return
        np.max(x, axis=1, out=shift)
        np.subtract(x, shift[:, None], out=exps)
        np.exp(exps, out=exps)
        np.matmul(exps, ones, out=sums)

    _in_blocks(block, x, exps, sums, shift)
    losses = np.where(targets.keep, targets.weight * _minus_log(x, exps, sums, shift, targets.index[:, 0]), 0)
    return reduced(losses, reduction, targets.weight.sum()), CrossEntropyKernelSaved(exps, sums, targets, reduction)


def _minus_log(x, exps, sums, shift, index):
    """-log softmax(x)[index]: of the quotient, which is exact near 1, unless the exponential has vanished."""
    rows = np.arange(len(x))
    right = exps[rows, index]
    there = right > VANISHED
    quotient = np.where(there, right, 1) / sums
    return np.where(there, -np.log(quotient), np.log(sums) - (x[rows, index] - shift))


def cross_entropy_backward(dy, saved):
    """dy -> dx (N, C), None, None"""
    exps, sums, targets, reduction = saved
    share = shared(dy, reduction, targets.weight.sum()) * targets.weight
    share = np.where(targets.keep, share, 0)  # (N,)
    dx = np.empty_like(exps)
    # dx = share · (softmax - onehot)
    _in_blocks(lambda exps, scale, dx: np.multiply(exps, scale[:, None], out=dx), exps, share / sums, dx)
    dx[np.arange(len(dx)), targets.index[:, 0]] -= share
    return dx, None, None


def _in_blocks(fn, *arrays):
    """fn on blocks of rows of all arrays, in several threads if it pays."""
    rows, classes = arrays[0].shape
    step = max(1, ITEMS // classes)

    def task(lo, hi):
        for i in range(lo, hi, step):
            fn(*(a[i : min(i + step, hi)] for a in arrays))

    parallel(task, rows, 1 if rows * classes < SMALL else None)


def suits(x, target, weight=None, *options, label_smoothing=0.0, **more) -> bool:
    """Class indices for x (N, C), without label smoothing."""
    return (
        x.ndim == 2
        and x.shape[1] > 1  # of one class the textbook is exact: 0
        and x.dtype in (np.float32, np.float64)
        and target.dtype.kind in "iu"
        and target.ndim == 1
        and (options[4] if len(options) > 4 else label_smoothing) == 0
    )


def nll_loss_backward(dy, saved):
    """dy -> dx (N, C, *), None, None; one number written for each choice, into zeros that the system hands out."""
    x, targets, reduction = saved
    axis = min(1, x.ndim - 1)
    dx = np.zeros(x.shape, x.dtype)
    # losses = -weight · x[target], or 0 where ignored
    dpicked = np.where(targets.keep, shared(dy, reduction, targets.weight.sum()) * -targets.weight, 0)
    np.put_along_axis(dx, targets.index, np.expand_dims(dpicked, axis), axis)
    return dx, None, None


nll_loss.register(nll_loss_forward, nll_loss_backward, when=lambda x, *_, **__: x.size >= LARGE)
cross_entropy.register(cross_entropy_forward, cross_entropy_backward, when=suits)
