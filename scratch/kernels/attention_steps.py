"""The two products of attention, for layers that do more between them: every thread multiplies some of the heads.

BLAS would share each head's product among its threads, which have little to gain from so small ones, and which then
stay awake for a tenth of a second and take time from the kernels that follow.

Axes: * leading axes, T queries, S keys and values, d width of a query or key, e of a value.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from scratch.attention import MixSaved, ScoresSaved, default_scale, mix, scores
from scratch.kernels.blocks import ALONE, multiply, one_thread


def batched(*pairs):
    """[a @ b for a, b in pairs] of a (*, m, k) and b (*, k, n), the leading axes in parts on all threads."""
    leading = pairs[0][0].shape[:-2]
    flat = [[x.reshape(-1, *x.shape[-2:]) for x in pair] for pair in pairs]
    outs = [np.empty((len(a), a.shape[1], b.shape[2]), a.dtype) for a, b in flat]

    def task(lo, hi):
        for (a, b), out in zip(flat, outs):
            np.matmul(a[lo:hi], b[lo:hi], out=out[lo:hi])

    multiply(task, len(outs[0]), sum(a.size * b.shape[2] for a, b in flat))
    return [out.reshape(*leading, *out.shape[1:]) for out in outs]


def scores_kernel_forward(q, k):
    q = default_scale(q) * q
    return batched((q, k.mT))[0], ScoresSaved(q, k)


def scores_kernel_backward(dscores, saved):
    q, k = saved
    # scores = (scale * q) @ kᵀ
    dq, dk = batched((dscores, k), (dscores.mT, q))
    dq *= default_scale(q)
    return dq, dk


def mix_kernel_forward(weights, v):
    return batched((weights, v))[0], MixSaved(weights, v)


def mix_kernel_backward(dy, saved):
    weights, v = saved
    # y = weights @ v
    return tuple(batched((dy, v.mT), (weights.mT, dy)))


def suits(axis, a, b) -> bool:
    """Enough to do on more than one thread; the product is as wide as this axis of b."""
    return (
        a.ndim > 2
        and a.shape[:-2] == b.shape[:-2]
        and not one_thread()
        and a.size * b.shape[axis] > ALONE
        and a.dtype.char in "fd"
        and b.size > 0
    )


scores.register(scores_kernel_forward, scores_kernel_backward, when=partial(suits, -2))
mix.register(mix_kernel_forward, mix_kernel_backward, when=partial(suits, -1))
