"""Scaled dot-product attention with memory that grows with T, not with T · S.

All keys are taken for a block of query rows at a time, so only one block of scores is alive in each thread. Nothing of
it is kept: the backward computes exp(scores - maximum) again, from the rows' maxima and sums that the forward saved.
Causal attention leaves out the keys behind a block's last row, nearly half of the work. Heads go to different threads.
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
from scratch.kernels.blocks import parallel
from scratch.op import unbroadcast

BLOCK = 256  # query rows a block
LARGE = 128 * 256  # scores of a head: below, the textbook's whole matrices are fast enough


def rows_in_a_block(is_causal: bool) -> int:
    """Long products are faster; short blocks leave out more of the triangle."""
    return BLOCK // 2 if is_causal else BLOCK


class AttentionSaved(NamedTuple):
    """Linear in T and S. The heads of all leading axes are one axis G; key and value have G / group of them."""

    query: np.ndarray  # (G, T, d)
    key: np.ndarray  # (G / group, S, d)
    value: np.ndarray  # (G / group, S, e)
    maxima: np.ndarray  # (G, T, 1)
    sums: np.ndarray  # (G, T, 1)
    mask: np.ndarray | None  # additive, as it came
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
    mask = None if attn_mask is None else additive(attn_mask, q.dtype)
    scale = default_scale(query) if scale is None else scale
    y = np.empty((G, T, v.shape[-1]), q.dtype)
    maxima, sums = np.empty((2, G, T, 1), q.dtype)
    step = rows_in_a_block(is_causal)
    saved = AttentionSaved(q, k, v, maxima, sums, mask, is_causal, scale, shapes)

    def task(lo, hi):
        space = np.empty(min(step, T) * S, q.dtype)
        for g in range(lo, hi):
            for i in range(0, T, step):
                rows = slice(i, min(i + step, T))
                scores = block_of_scores(saved, g, rows, space)
                highest = scores.max(axis=1, keepdims=True)
                highest[highest == -np.inf] = 0
                maxima[g, rows] = highest
                scores -= highest
                exps = np.exp(scores, out=scores)
                total = np.einsum("ts->t", exps)[:, None]
                total[total == 0] = 1
                sums[g, rows] = total
                np.matmul(exps, v[g // group, : exps.shape[1]], out=y[g, rows])
                y[g, rows] /= total

    parallel(task, G)
    return y.reshape(*query.shape[:-1], -1), saved


def block_of_scores(saved, g, rows, space):
    """scale · query @ keyᵀ + mask for some rows of one head, in `space`; (rows, keys that the last row may see)."""
    group = len(saved.query) // len(saved.key)
    q, key = saved.query[g, rows], saved.key[g // group]
    n = min(rows.stop, len(key)) if saved.is_causal else len(key)
    scores = np.matmul(q * saved.scale, key[:n].T, out=space[: len(q) * n].reshape(len(q), n))
    if saved.is_causal:
        i = min(rows.start, n)
        scores[:, i:] += additive(np.tri(len(q), n - i, dtype=bool), q.dtype)
    if saved.mask is not None:
        leading = saved.shapes[0][:-2]
        masks = np.broadcast_to(saved.mask, (*leading, saved.query.shape[1], len(key)))  # a view
        scores += masks[np.unravel_index(g, leading)][rows]
    return scores


def attention_backward(dy, saved, needs=(True, True, True, True)):
    """dy (*, T, e) -> dquery (*, T, d), dkey (*, S, d), dvalue (*, S, e), dattn_mask"""
    q, k, v = saved.query, saved.key, saved.value
    T, (heads, S, _), group = q.shape[1], k.shape, len(q) // len(k)
    dy = dy.reshape(-1, *dy.shape[-2:])
    if saved.is_causal and not all_finite(dy, saved.sums):
        saved = saved._replace(is_causal=False, mask=additive(np.tri(T, S, dtype=bool), q.dtype))
    step = rows_in_a_block(saved.is_causal)
    dq, dk, dv = np.empty_like(q), np.zeros_like(k), np.zeros_like(v)
    dmask = np.zeros_like(saved.mask) if saved.mask is not None and needs[3] else None

    def task(lo, hi):
        space, dspace = np.empty((2, min(step, T) * S), q.dtype)
        for kv in range(lo, hi):
            for g in range(kv * group, (kv + 1) * group):
                for i in range(0, T, step):
                    rows = slice(i, min(i + step, T))
                    scores = block_of_scores(saved, g, rows, space)
                    scores -= saved.maxima[g, rows]
                    exps = np.exp(scores, out=scores)
                    n = exps.shape[1]
                    # y = weights @ value with weights = exps / sums; the division is moved to the narrow dy
                    d = dy[g, rows] / saved.sums[g, rows]
                    dv[kv, :n] += exps.T @ d
                    dscores = np.matmul(d, v[kv, :n].T, out=dspace[: exps.size].reshape(exps.shape))
                    # weights = softmax(scores)
                    dscores -= np.vecdot(exps, dscores)[:, None] / saved.sums[g, rows]
                    dscores *= exps
                    # scores = scale * query @ keyᵀ + mask
                    np.matmul(dscores, k[kv, :n], out=dq[g, rows])
                    dk[kv, :n] += dscores.T @ q[g, rows]
                    if dmask is not None:
                        add_to_mask(saved, g, rows, dmask, dscores)

    parallel(task, heads, 1 if dmask is not None else None)
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
        and q[-2] * k[-2] >= LARGE
        and min(query.size, key.size, value.size) > 0
    )


scaled_dot_product_attention.register(attention_forward, attention_backward, when=suits)
