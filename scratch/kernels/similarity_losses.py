"""The cosine embedding loss in blocks of rows: every sum is a product of rows, every quotient one number a row.

Axes: N rows, M numbers in each.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from scratch.kernels.activations import large
from scratch.kernels.blocks import over_rows
from scratch.kernels.pooling import by_planes
from scratch.reduction import checked_reduction, reduced
from scratch.similarity_losses import LEAST, cosine_embedding_loss, gradient_of_cosine, losses_of_cosine


class CosineKernelSaved(NamedTuple):
    input1: np.ndarray  # (N, M)
    input2: np.ndarray  # (N, M)
    cosine: np.ndarray  # (N,)
    square1: np.ndarray  # (N,)
    square2: np.ndarray  # (N,)
    target: np.ndarray  # (N,)
    margin: float
    reduction: str


def cosine_kernel_forward(input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"):
    reduction = checked_reduction("cosine_embedding_loss", size_average, reduce, reduction)
    cosine, square1, square2 = np.empty((3, len(input1)), input1.dtype)

    def products(rows):
        x1, x2 = input1[rows], input2[rows]
        for a, b, out in ((x1, x1, square1), (x2, x2, square2), (x1, x2, cosine)):
            np.vecdot(a, b, out=out[rows])

    by_planes(over_rows(products, input1.shape[1]), *input1.shape)
    square1 += LEAST
    square2 += LEAST
    cosine /= np.sqrt(square1 * square2)
    saved = CosineKernelSaved(input1, input2, cosine, square1, square2, target, margin, reduction)
    return reduced(losses_of_cosine(cosine, target, margin), reduction), saved


def cosine_kernel_backward(dy, saved):
    """dy -> dinput1, dinput2, None"""
    input1, input2, cosine, square1, square2, *options = saved
    dcosine = gradient_of_cosine(dy, cosine, *options)
    # cosine = input1 · input2 / sqrt(square1 · square2)
    across = (dcosine / np.sqrt(square1 * square2))[:, None]
    along1, along2 = ((dcosine * cosine / square)[:, None] for square in (square1, square2))
    dinput1, dinput2 = np.empty_like(input1), np.empty_like(input2)

    def some(rows):
        x1, x2, d1, d2 = input1[rows], input2[rows], dinput1[rows], dinput2[rows]
        part = np.empty_like(x1)
        for x, other, along, d in ((x1, x2, along1, d1), (x2, x1, along2, d2)):
            np.multiply(other, across[rows], out=d)
            d -= np.multiply(x, along[rows], out=part)

    by_planes(over_rows(some, input1.shape[1]), *input1.shape)
    return dinput1, dinput2, None


def suits(input1, input2, target, *_, **__) -> bool:
    alike = input1.shape == input2.shape and input1.dtype == input2.dtype and input1.ndim == 2
    return alike and target.shape == input1.shape[:1] and large(input1) and input1.size > 0


cosine_embedding_loss.register(cosine_kernel_forward, cosine_kernel_backward, when=suits)
