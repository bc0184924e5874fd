"""The multi-label soft margin loss in cache-sized blocks, on all threads: one exponential each way instead of four.

What is fast besides the blocks: both logarithms of the forward have log(1 + e^-|x|) in them, both sigmoids of the
backward e^-x, and the gradient of the target is x itself, as log σ(-x) = log σ(x) - x.
"""

from __future__ import annotations

import numpy as np

from scratch.binary_losses import MultilabelSoftMarginSaved, multilabel_soft_margin_loss
from scratch.kernels.activations import LOG2E, large, log1p_exp_of_minus_abs
from scratch.kernels.losses import gradients_by_blocks, reduced_by_blocks
from scratch.reduction import as_float_like, checked_reduction

SURE = {"f": 43, "d": 350}  # e to this is far from overflow, a product with it too, and one more or less makes no odds


def multilabel_soft_margin_loss_forward(x, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    reduction = checked_reduction("multilabel_soft_margin_loss", size_average, reduce, reduction)
    target = as_float_like(target, x)

    def fill(x, target, losses, part, other):
        # losses = log(1 + e^-|x|) - target min(x, 0) + (1 - target) max(x, 0)
        log1p_exp_of_minus_abs(x, losses)
        np.clip(x, -np.inf, 0, out=part)
        part *= target
        losses -= part
        np.clip(x, 0, np.inf, out=part)
        np.subtract(1, target, out=other)
        part *= other
        losses += part

    losses = reduced_by_blocks(fill, reduction, x, target, scratch=2)
    if reduction == "none":
        losses = losses @ np.ones(x.shape[-1], x.dtype)
    if reduction != "mean":
        losses = losses / x.shape[-1]
    return losses, MultilabelSoftMarginSaved(x, target, None, reduction)


def multilabel_soft_margin_loss_backward(dy, saved):
    """dy -> dx, dtarget, None"""
    x, target, _, reduction = saved
    if reduction != "mean":
        dy = dy / x.shape[-1]
    if reduction == "none":
        dy = np.broadcast_to(dy[..., None], x.shape)
    sure = SURE[x.dtype.char]

    def fill(share, x, target, dx, dtarget, part):
        # dx = share ((1 - target) σ(x) - target σ(-x)) with σ(x) = 1 / (1 + e^-x), σ(-x) = e^-x σ(x)
        exps = np.clip(x, -sure, sure, out=dtarget)
        exps *= -LOG2E
        np.exp2(exps, out=exps)
        np.subtract(1, target, out=dx)
        dx -= np.multiply(target, exps, out=part)
        exps += 1
        dx /= exps
        dx *= share
        np.multiply(x, -share, out=dtarget)

    return *gradients_by_blocks(fill, dy, reduction, x, target, scratch=1), None


def suits(x, target, weight=None, *_, **__) -> bool:
    """Without a weight; a target of x's shape, and of its dtype or of integers."""
    alike = x.shape == target.shape and (target.dtype == x.dtype or target.dtype.kind in "biu")
    return weight is None and alike and large(x) and x.size > 0


multilabel_soft_margin_loss.register(
    multilabel_soft_margin_loss_forward, multilabel_soft_margin_loss_backward, when=suits
)
