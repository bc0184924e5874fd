"""Scaled dot-product attention with memory that grows with T, not with T · S.

All keys are taken for a block of query rows at a time, so only one block of scores is alive in each thread. Nothing of
it is kept: the backward computes the exponentials again, from the rows' maxima and sums that the forward saved. Scores
are made in units of log 2 for `exp2`, the faster exponential; the maxima are taken off only in blocks where one could
overflow or a row vanish. Where heads are short a block holds several. Causal attention leaves out the keys behind a
block's last row, nearly half of the work. Heads go to different threads.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from scratch.attention import (
    additive,
    check_attention,
    default_scale,
    scaled_dot_product_attention,
)
from scratch.kernels.activations import LOG2E
from scratch.kernels.blocks import multiply, over_rows
from scratch.kernels.products import dots, matmul, product
from scratch.op import unbroadcast

BLOCK = 128  # query rows a block
SCORES = 262144  # scores a block, where that takes several heads
LARGE = 65536  # scores of all heads: below, the textbook's whole matrices are fast enough
HARMLESS = 20  # exp2 of this is far from overflow, and so is its product with values
VANISHED = 1e-6  # a row whose sum is above has lost no digits


class AttentionSaved(NamedTuple):
    """Linear in T and S. The heads of all leading axes are one axis G; key and value have G / group of them."""

    query: np.ndarray  # (G, T, d)
    key: np.ndarray  # (G / group, S, d)
    value: np.ndarray  # (G / group, S, e)
    maxima: np.ndarray  # (G, T, 1) of the scores over log 2, 0 where they were not taken off
    sums: np.ndarray  # (G, T, 1)
    mask: np.ndarray | None  # additive, over log 2; its axes as they came
    is_causal: bool
    scale: float
    shapes: tuple  # of query, key, value


def attention_forward(
    query,
    key,
    value,
    attn_mask=None,
    dropout_p=0.0,
    is_causal=False,
    scale=None,
    enable_gqa=False,
    rng=None,
):
    check_attention(query, key, value, attn_mask, dropout_p, is_causal, enable_gqa)
    shapes = query.shape, key.shape, value.shape
    q, k, v = (a.reshape(-1, *a.shape[-2:]) for a in (query, key, value))
    (G, T, _), S, group = q.shape, k.shape[1], len(q) // len(k)
    if is_causal and not all_finite(q, k, v):  # 0 · inf is nan: no product may be left out
        attn_mask, is_causal = np.tri(T, S, dtype=bool), False
    mask = None if attn_mask is None else additive(attn_mask, q.dtype) * LOG2E
    scale = default_scale(query) if scale is None else scale
    y = np.empty((G, T, v.shape[-1]), q.dtype)
    maxima, sums = np.zeros((2, G, T, 1), q.dtype)
    step = min(BLOCK, T)
    together = heads_in_a_block(step * S, group)
    saved = AttentionSaved(q, k, v, maxima, sums, mask, is_causal, scale, shapes)

    def task(lo, hi):
        space = np.empty(together * step * S, q.dtype)
        for g in range(lo, hi, together):
            heads = slice(g, min(g + together, hi))
            kv = shared_by(heads, group)
            keys = turned(k[kv])
            for i in range(0, T, step):
                at = heads, slice(i, min(i + step, T))
                scores = block_of_scores(saved, *at, keys, space)  # (h, rows, n)
                if scores.max() < HARMLESS:  # false for nan too
                    total = row_sums(np.exp2(scores, out=scores))
                    harmless = total.min() > VANISHED
                else:
                    harmless = False
                if not harmless:
                    scores = block_of_scores(saved, *at, keys, space)
                    highest = scores.max(axis=2, keepdims=True)
                    highest[highest == -np.inf] = 0
                    maxima[at] = highest
                    scores -= highest
                    total = row_sums(np.exp2(scores, out=scores))
                    total[total == 0] = 1
                sums[at] = total
                matmul(scores, v[kv, : scores.shape[2]], y[at])
                y[at] /= total

    multiply(over_rows(task, S), G, G * T * S * (q.shape[2] + v.shape[2]))
    return y.reshape(*query.shape[:-1], -1), saved


def heads_in_a_block(scores: int, group: int) -> int:
    """How many heads of so many scores; one where several share their keys."""
    return max(1, SCORES // scores) if group == 1 else 1


def shared_by(heads: slice, group: int) -> slice:
    """Which keys and values these heads look at."""
    return heads if group == 1 else slice(heads.start // group, heads.start // group + 1)


def turned(a):
    """(h, S, d) -> (h, d, S), contiguous, as a product wants its second matrix"""
    return np.ascontiguousarray(a.swapaxes(1, 2))


def row_sums(exps):
    """(h, rows, n) -> (h, rows, 1)"""
    return np.einsum("hts->ht", exps)[..., None]


def block_of_scores(saved, heads, rows, keys, space):
    """(scale · query @ keys + mask) / log 2 for some rows of some heads and keys (h, d, S), in `space`.

    Returns (h, rows, keys that are seen).
    """
    q, S = saved.query[heads, rows], keys.shape[2]
    n = min(rows.stop, S) if saved.is_causal else S
    h, r, _ = q.shape
    scores = space[: h * r * n].reshape(h, r, n)
    matmul(q * (saved.scale * LOG2E), keys[..., :n], scores)
    if saved.is_causal:
        i = min(rows.start, n)
        scores[..., i:] += additive(np.tri(r, n - i, dtype=bool), q.dtype)
    if saved.mask is not None:
        leading = saved.shapes[0][:-2]
        masks = np.broadcast_to(saved.mask, (*leading, saved.query.shape[1], n))  # a view
        for j, g in enumerate(range(heads.start, heads.stop)):
            scores[j] += masks[np.unravel_index(g, leading)][rows]
    return scores


def attention_backward(dy, saved, needs=(True, True, True, True)):
    """dy (*, T, e) -> dquery (*, T, d), dkey (*, S, d), dvalue (*, S, e), dattn_mask"""
    q, k, v = saved.query, saved.key, saved.value
    (G, T, _), (shared_heads, S, _) = q.shape, k.shape
    group = G // shared_heads
    dy = dy.reshape(-1, *dy.shape[-2:])
    if saved.is_causal and not all_finite(dy, saved.sums):
        saved = saved._replace(is_causal=False, mask=additive(np.tri(T, S, dtype=bool), q.dtype))
    step = min(BLOCK, T)
    together = heads_in_a_block(step * S, group)
    dq, dk, dv = np.empty_like(q), np.zeros_like(k), np.zeros_like(v)
    dmask = np.zeros_like(saved.mask) if saved.mask is not None and needs[3] else None

    def task(lo, hi):
        space, dspace = np.empty((2, together * step * S), q.dtype)
        for g in range(lo * group, hi * group, together):
            heads = slice(g, min(g + together, hi * group))
            kv = shared_by(heads, group)
            keys, values = turned(k[kv]), turned(v[kv])
            dkeys, dvalues = np.zeros_like(keys), np.zeros_like(values)
            for i in range(0, T, step):
                at = heads, slice(i, min(i + step, T))
                scores = block_of_scores(saved, *at, keys, space)  # (h, rows, n)
                if saved.maxima[at].any():
                    scores -= saved.maxima[at]
                exps = np.exp2(scores, out=scores)
                n = exps.shape[2]
                # y = weights @ value with weights = exps / sums; the division is moved to the narrow dy
                d = dy[at] / saved.sums[at]
                dvalues[..., :n] += product(d.swapaxes(1, 2), exps)
                dscores = matmul(d, values[..., :n], dspace[: exps.size].reshape(exps.shape))
                # weights = softmax(scores)
                dscores -= dots(exps, dscores)[..., None] / saved.sums[at]
                dscores *= exps
                # scores = scale * query @ keyᵀ + mask
                matmul(dscores, k[kv, :n], dq[at])
                dkeys[..., :n] += product(q[at].swapaxes(1, 2), dscores)
                if dmask is not None:
                    for j, head in enumerate(range(heads.start, heads.stop)):
                        add_to_mask(saved, head, at[1], dmask, dscores[j])
            dk[kv] += dkeys.swapaxes(1, 2)
            dv[kv] += dvalues.swapaxes(1, 2)

    products = 0 if dmask is not None else G * T * S * (q.shape[2] + v.shape[2])
    multiply(over_rows(task, S), shared_heads, products)
    dq *= saved.scale
    dk *= saved.scale
    dq, dk, dv = (d.reshape(shape) for d, shape in zip((dq, dk, dv), saved.shapes))
    return dq, dk, dv, dmask


def add_to_mask(saved, g, rows, dmask, dscores):
    """Add a block's gradient into that of a mask, which may have been broadcast along any axis."""
    leading = saved.shapes[0][:-2]
    whole = dmask.reshape((1,) * (len(leading) + 2 - dmask.ndim) + dmask.shape)
    head = whole[tuple(i if n > 1 else 0 for i, n in zip(np.unravel_index(g, leading), whole.shape))]
    part = head[rows] if len(head) > 1 else head
    part += unbroadcast(dscores, part.shape)


def all_finite(*arrays) -> bool:
    """One pass and no temporary; a sum that overflows is taken for an infinity, which only costs time."""
    return all(math.isfinite(a.sum()) for a in arrays)


def suits(
    query,
    key,
    value,
    attn_mask=None,
    dropout_p=0.0,
    is_causal=False,
    scale=None,
    enable_gqa=False,
    rng=None,
) -> bool:
    """No dropout, one shape of leading axes, and enough scores."""
    q, k, v = query.shape, key.shape, value.shape
    return (
        len(q) == len(k) >= 2
        and (k[:-2] == q[:-2] or (enable_gqa and len(k) > 2 and k[:-3] == q[:-3]))
        and k[:-1] == v[:-1]
        and query.dtype in (np.float32, np.float64)
        and not dropout_p
        and math.prod(q[:-1]) * k[-2] >= LARGE
        and min(query.size, key.size, value.size) > 0
    )


scaled_dot_product_attention.register(attention_forward, attention_backward, when=suits)
