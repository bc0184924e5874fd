"""Ops whose samples do not see each other: the textbook itself, a few samples at a time, on all threads.

What is fast: the parts go to different threads, and all passes of the textbook's formula over a part find it in the
cache. A sum or mean of losses is made of those of the parts, and the gradient of a weight is their sum.

Axes: N samples, the first axis of the arguments that are cut into parts and of y, unless that is one number.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from scratch import (
    binary_losses,
    distances,
    interpolation,
    likelihood_losses,
    local_response_norm,
    lp_pooling,
    margin_losses,
    normalization,
    reshaping,
    unfold,
    unpooling,
)
from scratch.kernels.blocks import BLOCK, one_thread, parallel
from scratch.op import Op
from scratch.reduction import legacy_reduction

LARGE = 2 * BLOCK  # items: below, parts win too little for what it costs to put them together


class SamplesSaved(NamedTuple):
    """What the textbook saved of each part, and what is needed to put gradients together."""

    parts: list[tuple[slice, Any]]
    like: list[tuple]  # (shape, dtype) of the arguments that were cut
    reduction: str  # "none" where y has samples


def on_parts(op: Op, cut: int) -> tuple[Callable, Callable]:
    """A kernel, forward and backward, for an op whose first `cut` arguments have samples."""

    def forward(*arguments, **options):
        arrays, rest = arguments[:cut], arguments[cut:]
        samples, items = len(arrays[0]), arrays[0].size
        reduction, parts = reduction_of(op, dict(zip(op.names, arguments)) | options), []
        y = None

        def textbook(part):
            return op.forward(*(a[part] for a in arrays), *rest, **options)

        def task(lo, hi):
            step = max(1, BLOCK * samples // max(items, 1))
            for i in range(lo, hi, step):
                part = slice(i, min(i + step, hi))
                of_part, saved = textbook(part)
                if y is not None:
                    y[part], of_part = of_part, None
                parts.append((part, saved, of_part))

        try:
            if reduction == "none":
                empty, _ = textbook(slice(0, 0))
                y = np.empty((samples, *empty.shape[1:]), empty.dtype)
            parallel(task, samples)
        except (ValueError, TypeError):
            op.forward(*arguments, **options)  # its message is about all samples
            raise
        parts.sort(key=lambda part: part[0].start)
        if y is None:
            y = parts[0][2].dtype.type(
                sum(share(reduction, part, samples) * float(of_part) for part, _, of_part in parts)
            )
        return y, SamplesSaved([part[:2] for part in parts], [(a.shape, a.dtype) for a in arrays], reduction)

    def backward(dy, saved):
        samples = saved.like[0][0][0]
        gradients = [np.empty(*like) if like[1].kind == "f" else None for like in saved.like]
        rest = [None] * len(saved.parts)  # of each part: what is to be summed, and ... for what stands in `gradients`

        def task(lo, hi):
            for k, (part, needed) in enumerate(saved.parts[lo:hi], lo):
                d = dy[part] if saved.reduction == "none" else dy * share(saved.reduction, part, samples)
                found = op.backward(d, needed)
                found = list(found) if type(found) is tuple else [found]
                for i, gradient in enumerate(gradients):
                    if gradient is None:
                        found[i] = None  # of an integer target
                    elif found[i] is not None:
                        gradient[part], found[i] = found[i], ...
                rest[k] = found

        parallel(task, len(saved.parts))
        whole = tuple(
            gradients[i] if some[0] is ... else None if some[0] is None else sum(some)
            for i, some in enumerate(zip(*rest))
        )
        return whole if len(op.arrays) > 1 else whole[0]

    return forward, backward


def share(reduction, part, samples):
    """What a part's mean or sum counts for in that of all."""
    return 1 if reduction == "sum" else (part.stop - part.start) / samples


def reduction_of(op, arguments):
    if "reduction" not in op.names:
        return "none"
    return legacy_reduction(
        *(arguments.get(name) for name in ("size_average", "reduce")), arguments.get("reduction", "mean")
    )


def register(op: Op, cut: int = 1, when: Callable[..., bool] | None = None) -> None:
    """Take the textbook in parts on more than one thread, if all arguments to be cut have samples, and `when` says so.

    `when` gets the op's arguments.
    """

    def suits(x, *others, **options):
        return (
            x.size >= LARGE
            and not one_thread()
            and x.ndim > 1 < len(x)
            and all(a.shape[:1] == x.shape[:1] for a in others[: cut - 1])
            and (when is None or when(x, *others, **options))
        )

    op.register(*on_parts(op, cut), when=suits)


def of_one_shape(x, *others, **_):
    return all(a.shape == x.shape for a in others if isinstance(a, np.ndarray))


def of_axes(n):
    return lambda x, *_, **__: x.ndim == n


register(interpolation.interpolate)
for n, op in enumerate((unpooling.max_unpool1d, unpooling.max_unpool2d, unpooling.max_unpool3d), start=1):
    register(op, 2, of_axes(2 + n))
register(reshaping.pixel_shuffle, when=of_axes(4))
register(reshaping.pixel_unshuffle, when=of_axes(4))
register(unfold.unfold, when=of_axes(4))
register(unfold.fold, when=of_axes(3))
register(local_response_norm.local_response_norm)
for n, op in enumerate((lp_pooling.lp_pool1d, lp_pooling.lp_pool2d, lp_pooling.lp_pool3d), start=1):
    register(op, when=of_axes(2 + n))
register(
    normalization.rms_norm,
    when=lambda x, normalized_shape, *_, **__: (
        isinstance(normalized_shape, (tuple, list)) and math.prod(normalized_shape) < x.size
    ),
)
register(distances.normalize, when=lambda x, p=2.0, dim=1, eps=1e-12: type(dim) is int and dim % x.ndim > 0)
register(
    distances.cosine_similarity,
    2,
    when=lambda x1, x2, dim=1, eps=1e-8: type(dim) is int and dim % x1.ndim > 0 and x1.shape == x2.shape,
)
register(binary_losses.binary_cross_entropy, 2, when=lambda x, target, weight=None, *_, **__: weight is None)
register(margin_losses.hinge_embedding_loss, 2, of_one_shape)
register(margin_losses.margin_ranking_loss, 3, of_one_shape)
register(margin_losses.multi_margin_loss, 2)
register(likelihood_losses.poisson_nll_loss, 2, of_one_shape)
register(likelihood_losses._gaussian_nll_loss, 3, of_one_shape)
register(
    likelihood_losses.kl_div,
    2,
    when=lambda x, target, *_, reduction="mean", **__: reduction != "mean" and x.shape == target.shape,
)  # a mean warns whoever has called, once
