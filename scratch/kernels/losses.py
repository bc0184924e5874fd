"""Regression losses in cache-sized blocks, on all threads.

What is fast besides the blocks: a sum or mean adds up each block's losses as soon as they are there, so that nothing of
x's size is written in the forward; and both pieces of Huber's loss are one formula of min(|error|, delta).
"""

from __future__ import annotations

import numpy as np

from scratch.kernels.activations import by_blocks, large
from scratch.kernels.blocks import BLOCK, SMALL, parallel
from scratch.losses import ErrorSaved, HuberSaved, SmoothL1Saved, huber_loss, l1_loss, mse_loss, smooth_l1_loss
from scratch.reduction import checked_reduction, shared


def reduced_by_blocks(fill, reduction, *arrays, scratch=0):
    """The losses that `fill(*slices of arrays, losses, *scratch)` writes, or their sum or mean."""
    if reduction == "none":
        return by_blocks(fill, *arrays, scratch=scratch)
    flat = [np.ascontiguousarray(a).reshape(-1) for a in arrays]
    n, dtype = flat[0].size, flat[0].dtype
    sums = np.empty(-(-n // BLOCK))

    def task(first, last):
        space = np.empty((1 + scratch, min(BLOCK, n)), dtype)
        for k in range(first, last):
            part = slice(k * BLOCK, min((k + 1) * BLOCK, n))
            losses, *more = space[:, : part.stop - part.start]
            fill(*(a[part] for a in flat), losses, *more)
            sums[k] = losses.sum()

    parallel(task, len(sums), 1 if n < SMALL else None)
    return dtype.type(sums.sum() if reduction == "sum" else sums.sum() / n)


def gradients_by_blocks(fill, dy, reduction, *arrays, outputs=2, scratch=0):
    """What `fill(share, *slices of arrays, *gradients)` writes; share is dy for each loss of the slice."""
    share = shared(dy, reduction, arrays[0].size)
    if reduction == "none":
        return by_blocks(fill, share, *arrays, outputs=outputs, scratch=scratch)
    return by_blocks(lambda *parts: fill(share, *parts), *arrays, outputs=outputs, scratch=scratch)


def suits(x, target, size_average=None, reduce=None, reduction="mean", weight=None) -> bool:
    """Without weights; x and target of one shape and dtype."""
    return large(x) and x.size > 0 and x.shape == target.shape and x.dtype == target.dtype and weight is None


def mse_loss_forward(x, target, size_average=None, reduce=None, reduction="mean", weight=None):
    reduction = checked_reduction("mse_loss", size_average, reduce, reduction)

    def fill(x, target, losses):
        np.subtract(x, target, out=losses)
        np.multiply(losses, losses, out=losses)

    return reduced_by_blocks(fill, reduction, x, target), ErrorSaved(x, target, None, reduction)


def mse_loss_backward(dy, saved):
    def fill(share, x, target, dx, dtarget):
        np.subtract(x, target, out=dx)
        dx *= 2 * share
        np.negative(dx, out=dtarget)

    return *gradients_by_blocks(fill, dy, saved.reduction, saved.x, saved.target), None


def l1_loss_forward(x, target, size_average=None, reduce=None, reduction="mean", weight=None):
    reduction = checked_reduction("l1_loss", size_average, reduce, reduction)

    def fill(x, target, losses):
        np.subtract(x, target, out=losses)
        np.abs(losses, out=losses)

    return reduced_by_blocks(fill, reduction, x, target), ErrorSaved(x, target, None, reduction)


def l1_loss_backward(dy, saved):
    def fill(share, x, target, dx, dtarget):
        # the sign of the error as (x > target) - (x < target): 0 at nan
        np.greater(x, target, out=dx, casting="unsafe")
        np.less(x, target, out=dtarget, casting="unsafe")
        dx -= dtarget
        dx *= share
        np.negative(dx, out=dtarget)

    return *gradients_by_blocks(fill, dy, saved.reduction, saved.x, saved.target), None


mse_loss.register(mse_loss_forward, mse_loss_backward, when=suits)
l1_loss.register(l1_loss_forward, l1_loss_backward, when=suits)


def fill_huber(x, target, losses, small, delta):
    """losses = small (|error| - small / 2) with small = min(|error|, delta)"""
    np.subtract(x, target, out=losses)
    np.abs(losses, out=losses)
    np.clip(losses, 0, delta, out=small)
    small *= 0.5
    losses -= small
    small *= 2
    losses *= small


def fill_huber_slope(x, target, slope, delta):
    """The error itself, up to ±delta."""
    np.subtract(x, target, out=slope)
    np.clip(slope, -delta, delta, out=slope)


def huber_loss_forward(x, target, reduction="mean", delta=1.0, weight=None):
    reduction = checked_reduction("huber_loss", None, None, reduction)
    y = reduced_by_blocks(lambda *parts: fill_huber(*parts, delta), reduction, x, target, scratch=1)
    return y, HuberSaved(x, target, None, reduction, delta)


def huber_loss_backward(dy, saved):
    x, target, _, reduction, delta = saved

    def fill(share, x, target, dx, dtarget):
        fill_huber_slope(x, target, dx, delta)
        dx *= share
        np.negative(dx, out=dtarget)

    return *gradients_by_blocks(fill, dy, reduction, x, target), None


def suits_huber(x, target, reduction="mean", delta=1.0, weight=None) -> bool:
    return suits(x, target, weight=weight) and delta > 0


def smooth_l1_loss_forward(x, target, size_average=None, reduce=None, reduction="mean", beta=1.0):
    reduction = checked_reduction("smooth_l1_loss", size_average, reduce, reduction)

    def fill(x, target, losses, small):
        fill_huber(x, target, losses, small, beta)
        losses /= beta

    return reduced_by_blocks(fill, reduction, x, target, scratch=1), SmoothL1Saved(x, target, reduction, beta)


def smooth_l1_loss_backward(dy, saved):
    x, target, reduction, beta = saved

    def fill(share, x, target, dx, dtarget):
        fill_huber_slope(x, target, dx, beta)
        dx *= share / beta
        np.negative(dx, out=dtarget)

    return gradients_by_blocks(fill, dy, reduction, x, target)


def suits_smooth_l1(x, target, size_average=None, reduce=None, reduction="mean", beta=1.0) -> bool:
    """A beta so small that beta · error could underflow is left to the textbook, and so is 0."""
    return suits(x, target) and beta > 1e-6


huber_loss.register(huber_loss_forward, huber_loss_backward, when=suits_huber)
smooth_l1_loss.register(smooth_l1_loss_forward, smooth_l1_loss_backward, when=suits_smooth_l1)
