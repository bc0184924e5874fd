"""Binary losses of logits in cache-sized blocks, on all threads, with one exponential each way.

What is fast besides the blocks: in the multi-label soft margin loss both logarithms of the forward have log(1 + e^-|x|)
in them, both sigmoids of the backward e^-x, and the gradient of the target is x itself, as log σ(-x) = log σ(x) - x.
"""

from __future__ import annotations

import numpy as np

from scratch.binary_losses import (
    BCEWithLogitsSaved,
    MultilabelSoftMarginSaved,
    SoftMarginSaved,
    binary_cross_entropy_with_logits,
    multilabel_soft_margin_loss,
    soft_margin_loss,
)
from scratch.kernels.activations import LOG2E, fill_sigmoid, large, log1p_exp_of_minus_abs
from scratch.kernels.losses import gradients_by_blocks, reduced_by_blocks
from scratch.reduction import as_float_like, checked_reduction

# ---------------------------------------------------------------------- with logits, and of a class 1 or -1


def fill_minus_log_sigmoid(x, losses, part):
    """losses = -log σ(x) = log(1 + e^-|x|) - min(x, 0)"""
    log1p_exp_of_minus_abs(x, losses)
    losses -= np.clip(x, -np.inf, 0, out=part)


def binary_cross_entropy_with_logits_forward(
    x, target, weight=None, size_average=None, reduce=None, reduction="mean", pos_weight=None
):
    reduction = checked_reduction("binary_cross_entropy_with_logits", size_average, reduce, reduction)

    def fill(x, target, losses, part):
        fill_minus_log_sigmoid(x, losses, part)
        np.subtract(1, target, out=part)
        part *= x
        losses += part

    losses = reduced_by_blocks(fill, reduction, x, target, scratch=1)
    return losses, BCEWithLogitsSaved(x, target, 1, None, reduction)


def binary_cross_entropy_with_logits_backward(dy, saved):
    """dy -> dx, dtarget, None, None"""

    def fill(share, x, target, dx, dtarget):
        fill_sigmoid(x, dx)
        dx -= target
        dx *= share
        np.multiply(x, -share, out=dtarget)

    return *gradients_by_blocks(fill, dy, saved.reduction, saved.x, saved.target), None, None


def suits_with_logits(
    x, target, weight=None, size_average=None, reduce=None, reduction="mean", pos_weight=None
) -> bool:
    """Without weights; x and target of one shape and dtype."""
    alike = x.shape == target.shape and x.dtype == target.dtype
    return weight is None and pos_weight is None and alike and large(x) and x.size > 0


def soft_margin_loss_forward(x, target, size_average=None, reduce=None, reduction="mean"):
    reduction, target = checked_reduction("soft_margin_loss", size_average, reduce, reduction), target.astype(x.dtype)

    def fill(x, target, losses, margin, part):
        fill_minus_log_sigmoid(np.multiply(x, target, out=margin), losses, part)

    return reduced_by_blocks(fill, reduction, x, target, scratch=2), SoftMarginSaved(x, target, reduction)


def soft_margin_loss_backward(dy, saved):
    """dy -> dx, None"""

    def fill(share, x, target, dx):
        np.multiply(x, target, out=dx)
        fill_sigmoid(dx, dx, beta=-1)  # the derivative of log σ(z) is σ(-z)
        dx *= target
        dx *= -share

    return gradients_by_blocks(fill, dy, saved.reduction, saved.x, saved.target, outputs=1), None


def suits_soft_margin(x, target, *_, **__) -> bool:
    return x.shape == target.shape and large(x) and x.size > 0


binary_cross_entropy_with_logits.register(
    binary_cross_entropy_with_logits_forward, binary_cross_entropy_with_logits_backward, when=suits_with_logits
)
soft_margin_loss.register(soft_margin_loss_forward, soft_margin_loss_backward, when=suits_soft_margin)

# ---------------------------------------------------------------------- several labels

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
