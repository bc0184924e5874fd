"""Scaled dot-product attention: each query takes a weighted mean of the values, weighted by how its key matches.

Axes: * any leading axes (batch B, heads h), T queries, S keys and values, d width of a query or key, e of a value.
Twin: torch_ref/attention.py. Pair: parity_tests/pairs/attention.py.
Kernels: scratch/kernels/attention.py, scratch/kernels/attention_steps.py.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from scratch.dropout import checked_probability, keep_mask, keep_scale
from scratch.op import Op, on_device_of, unbroadcast


class AttentionSaved(NamedTuple):
    """What attention_backward needs. The scores are not kept: the weights stand for them."""

    query: np.ndarray  # (*, T, d)
    key: np.ndarray  # (*, S, d), the heads repeated if they are shared
    value: np.ndarray  # (*, S, e), likewise
    weights: np.ndarray  # (*, T, S), before dropout
    keep: np.ndarray | None  # (*, T, S) bool
    keep_scale: float
    scale: float
    shapes: tuple  # of key, value and a floating-point attn_mask (else None) as they came
    enable_gqa: bool


def scaled_dot_product_attention_forward(
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
    """y = dropout(softmax(scale · query @ keyᵀ + mask)) @ value, the softmax over the keys.

    Parameters
    ----------
    query : (*, T, d). key : (*, S, d). value : (*, S, e). The leading axes broadcast.
    attn_mask : broadcastable to (*, T, S). Boolean: True where a query may look at a key (the opposite of
        MultiheadAttention's masks). Floating point: added to the scores, and it gets a gradient.
    dropout_p : the probability with which a weight is dropped; applied whenever it is not 0.
    is_causal : query t sees the keys 0 to t, also when T is not S. Not together with attn_mask.
    scale : default 1 / sqrt(d).
    enable_gqa : key and value may have fewer heads (axis -3) than query; head i serves a group of
        (query heads / key heads) neighbouring query heads.
    rng : numpy.random.Generator, a seed or None, for the dropout.

    Returns
    -------
    y : (*, T, e). backward : dy -> dquery, dkey, dvalue, dattn_mask (None unless the mask is floating point).

    A query that may look at nothing (all its scores are -inf) gives zeros and passes no gradient on, as torch's does.
    A masked weight is exactly 0, but 0 · inf is nan: an infinite or nan value makes every query nan, also one that may
    not look at it. torch's does so too, except for is_causal, where that depends on its version of the routine.

    Raises
    ------
    ValueError : shapes that do not fit, both a mask and is_causal, a probability outside [0, 1]. TypeError : a mask of
    integers.

    Sources: Vaswani et al., "Attention Is All You Need", 2017; grouped queries: Ainslie et al., 2023.

    Examples
    --------
    >>> x = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> y, backward = scaled_dot_product_attention(x, x, x, is_causal=True)
    >>> y.round(2)  # the first query sees the first key only
    array([[1.  , 0.  ],
           [0.33, 0.67]])
    """
    check_attention(query, key, value, attn_mask, dropout_p, is_causal, enable_gqa)
    learned_mask = attn_mask is not None and attn_mask.dtype.kind == "f"
    shapes = key.shape, value.shape, attn_mask.shape if learned_mask else None
    if scale is None:
        scale = default_scale(query)
    if enable_gqa:
        key, value = repeat_heads(key, query.shape[-3]), repeat_heads(value, query.shape[-3])
    scores = scale * (query @ key.swapaxes(-1, -2))  # (*, T, d) @ (*, d, S) -> (*, T, S)
    if is_causal:
        attn_mask = on_device_of(query, np.tril(np.ones(scores.shape[-2:], bool)))
    if attn_mask is not None:
        scores = scores + additive(attn_mask, query.dtype)
    weights = softmax_or_zeros(scores)
    keep = on_device_of(query, keep_mask(weights.shape, dropout_p, rng)) if dropout_p else None
    saved = AttentionSaved(query, key, value, weights, keep, keep_scale(dropout_p), scale, shapes, enable_gqa)
    return dropped_weights(saved) @ value, saved  # (*, T, S) @ (*, S, e) -> (*, T, e)


def scaled_dot_product_attention_backward(dy, saved):
    """dy (*, T, e) -> dquery (*, T, d), dkey (*, S, d), dvalue (*, S, e), dattn_mask"""
    query, key, value, weights = saved[:4]
    # y = dropped @ value
    dvalue = dropped_weights(saved).swapaxes(-1, -2) @ dy  # (*, S, T) @ (*, T, e)
    dweights = dy @ value.swapaxes(-1, -2)  # (*, T, e) @ (*, e, S) -> (*, T, S)
    # dropped = weights * keep * keep_scale
    if saved.keep is not None:
        dweights = dweights * saved.keep * saved.keep_scale
    # weights = softmax(scores)
    dscores = weights * (dweights - (dweights * weights).sum(axis=-1, keepdims=True))
    # scores = scale * query @ keyᵀ + mask
    dquery = saved.scale * (dscores @ key)  # (*, T, S) @ (*, S, d)
    dkey = saved.scale * (dscores.swapaxes(-1, -2) @ query)  # (*, S, T) @ (*, T, d)
    key_shape, value_shape, mask_shape = saved.shapes
    if saved.enable_gqa:
        dkey, dvalue = sum_heads(dkey, key_shape[-3]), sum_heads(dvalue, value_shape[-3])
    dmask = None if mask_shape is None else unbroadcast(dscores, mask_shape)
    return unbroadcast(dquery, query.shape), unbroadcast(dkey, key_shape), unbroadcast(dvalue, value_shape), dmask


def dropped_weights(saved):
    """The weights after dropout; computed again in the backward, since the mask is a quarter of their size."""
    return saved.weights if saved.keep is None else saved.weights * saved.keep * saved.keep_scale


def default_scale(query) -> float:
    """1 / sqrt(d): a sum of d products of standard normal numbers has this much to be divided by for variance 1."""
    return 1 / math.sqrt(max(query.shape[-1], 1))


def additive(mask, dtype):
    """A boolean mask as what is added to the scores: 0 where True, -inf where not."""
    return np.where(mask, 0.0, -np.inf).astype(dtype) if mask.dtype.kind == "b" else mask


def softmax_or_zeros(scores):
    """Softmax over the last axis; zeros for a row of nothing but -inf."""
    if scores.shape[-1] == 0:
        return scores
    highest = scores.max(axis=-1, keepdims=True)
    exps = np.exp(scores - np.where(highest == -np.inf, 0, highest))
    sums = exps.sum(axis=-1, keepdims=True)
    return exps / np.where(sums == 0, 1, sums)


def repeat_heads(x, heads: int):
    """(*, g, S, d) -> (*, heads, S, d), each head repeated for its group of neighbouring query heads."""
    return np.repeat(x, heads // x.shape[-3], axis=-3)


def sum_heads(dx, groups: int):
    """The transpose of repeat_heads: the gradients of a group's copies add up."""
    *leading, heads, s, d = dx.shape
    return dx.reshape(*leading, groups, heads // groups, s, d).sum(axis=-3)


def check_attention(query, key, value, attn_mask, dropout_p, is_causal, enable_gqa) -> None:
    name = "scaled_dot_product_attention"
    checked_probability(name, dropout_p)
    q, k, v = query.shape, key.shape, value.shape
    got = f"query {q}, key {k}, value {v}"
    if min(len(q), len(k), len(v)) < 2:
        raise ValueError(f"{name}: query, key and value must be (*, T, d), (*, S, d), (*, S, e), but got {got}")
    if q[-1] != k[-1]:
        raise ValueError(f"{name}: query and key must have one width d, but have {q[-1]} and {k[-1]} ({got})")
    if k[-2] != v[-2]:
        raise ValueError(f"{name}: there must be as many keys as values, but there are {k[-2]} and {v[-2]} ({got})")
    if enable_gqa:
        if min(len(q), len(k), len(v)) < 3:
            raise ValueError(f"{name}: enable_gqa needs a heads axis, (*, h, T, d), but got {got}")
        if not k[-3] or not v[-3] or q[-3] % k[-3] or q[-3] % v[-3]:
            raise ValueError(
                f"{name}: with enable_gqa the heads of key and value must divide those of query, "
                f"but there are {k[-3]}, {v[-3]} and {q[-3]} ({got})"
            )
        k, v = (*k[:-3], q[-3], *k[-2:]), (*v[:-3], q[-3], *v[-2:])
    try:
        np.broadcast_shapes(q[:-2], k[:-2], v[:-2])
        scores = (*np.broadcast_shapes(q[:-2], k[:-2]), q[-2], k[-2])
    except ValueError:
        raise ValueError(
            f"{name}: the axes before the last two must broadcast, but got {got}; "
            "for fewer key heads than query heads set enable_gqa=True"
        ) from None
    if attn_mask is None:
        return
    if is_causal:
        raise ValueError(f"{name}: give attn_mask or is_causal=True, not both; put the triangle into the mask")
    if attn_mask.dtype.kind not in "bf":
        raise TypeError(f"{name}: attn_mask must be boolean or floating point, but has dtype {attn_mask.dtype}")
    shape = attn_mask.shape
    if len(shape) > len(scores) or any(n not in (1, m) for n, m in zip(shape[::-1], scores[::-1])):
        raise ValueError(f"{name}: attn_mask must broadcast to the scores {scores}, but is {shape} ({got})")


scaled_dot_product_attention = Op(
    scaled_dot_product_attention_forward,
    scaled_dot_product_attention_backward,
    arrays=("query", "key", "value", "attn_mask"),
    indices=("attn_mask",),
)


# ---------------------------------------------------------------------- its two products


class ScoresSaved(NamedTuple):
    """What scores_backward needs, and nothing else."""

    q: np.ndarray  # (*, T, d), scaled
    k: np.ndarray  # (*, S, d)


def scores_forward(q, k):
    """How well every query matches every key: q kᵀ / sqrt(d).

    q : (*, T, d). k : (*, S, d), with the same leading axes -> scores (*, T, S). backward : dscores -> dq, dk.
    """
    q = default_scale(q) * q
    return q @ k.swapaxes(-1, -2), ScoresSaved(q, k)


def scores_backward(dscores, saved):
    q, k = saved
    # scores = (scale * q) @ kᵀ
    dq = default_scale(q) * (dscores @ k)  # (*, T, S) @ (*, S, d)
    return dq, dscores.swapaxes(-1, -2) @ q  # (*, S, T) @ (*, T, d)


scores = Op(scores_forward, scores_backward)


class MixSaved(NamedTuple):
    """What mix_backward needs, and nothing else."""

    weights: np.ndarray  # (*, T, S)
    v: np.ndarray  # (*, S, e)


def mix_forward(weights, v):
    """y = weights @ v: (*, T, S), (*, S, e) -> (*, T, e). backward : dy -> dweights, dv."""
    return weights @ v, MixSaved(weights, v)


def mix_backward(dy, saved):
    weights, v = saved
    # y = weights @ v
    return dy @ v.swapaxes(-1, -2), weights.swapaxes(-1, -2) @ dy


mix = Op(mix_forward, mix_backward)
