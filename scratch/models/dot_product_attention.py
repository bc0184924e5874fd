"""Multi-head attention whose scores may be weighted and masked, with and without projections of its inputs.

Axes: B batch, T queries, S keys and values, E embedding (d_model), h heads, k width of a key, v width of a value.
Twin: torch_ref/models/dot_product_attention.py. Pair: parity_tests/pairs/models/dot_product_attention.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from scratch import init, random
from scratch.attention import mix, scores, softmax_or_zeros
from scratch.containers import chain
from scratch.dropout import Dropout
from scratch.linear import Linear
from scratch.models.attention_parts import check_divides, check_tokens
from scratch.module import Module
from scratch.op import Op, unbroadcast

# ---------------------------------------------------------------------- the steps


class MultiplySaved(NamedTuple):
    """What multiply_backward needs, and nothing else."""

    a: np.ndarray
    b: np.ndarray


def multiply_forward(a, b):
    """y = a · b, where b broadcasts to a. backward : dy -> da, db."""
    return a * b, MultiplySaved(a, b)


def multiply_backward(dy, saved):
    a, b = saved
    # y = a * b
    return dy * b, unbroadcast(dy * a, b.shape)


multiply = Op(multiply_forward, multiply_backward)


def masked_softmax_forward(scores, attention_mask=None):
    """Softmax over the last axis of the scores that are not masked; the weight of a masked one is 0.

    scores : (*, T, S). attention_mask : bool, broadcasts to the scores, True = masked, or None.
    A row without any score left becomes zeros. backward : dweights -> dscores.
    """
    if attention_mask is not None:
        scores = np.where(attention_mask, -np.inf, scores)
    weights = softmax_or_zeros(scores)
    return weights, weights


def masked_softmax_backward(dweights, weights):
    # weights = eˢ / Σ eˢ: dw_i/ds_j = w_i (δ_ij - w_j), which is 0 where w is
    return weights * (dweights - (dweights * weights).sum(axis=-1, keepdims=True))


masked_softmax = Op(
    masked_softmax_forward, masked_softmax_backward, arrays=("scores", "attention_mask"), indices=("attention_mask",)
)


def attend(q, k, v, attention_mask, attention_weights, *, before=(), after=()):
    """y = after(softmax(before(scores(q, k)) · attention_weights, masked)) @ v.

    q (B, h, T, k), k (B, h, S, k), v (B, h, S, v) -> y (B, h, T, v). before, after : steps on (B, h, T, S).
    backward : dy -> dq, dk, dv, dattention_weights (None where there are none).
    """
    s, scores_backward = scores(q, k)  # (B, h, T, S)
    s, before_backward = chain(s, *before)
    if attention_weights is not None:
        s, multiply_backward = multiply(s, attention_weights)
    weights, softmax_backward = masked_softmax(s, attention_mask)
    weights, after_backward = chain(weights, *after)
    y, mix_backward = mix(weights, v)

    def backward(dy):
        dweights, dv = mix_backward(dy)
        ds, dattention_weights = softmax_backward(after_backward(dweights)), None
        if attention_weights is not None:
            ds, dattention_weights = multiply_backward(ds)
        dq, dk = scores_backward(before_backward(ds))
        return dq, dk, dv, dattention_weights

    return y, backward


def split_heads(x, heads: int):
    """(B, T, h·k) -> (B, h, T, k)"""
    B, T, width = x.shape
    return x.reshape(B, T, heads, width // heads).swapaxes(1, 2)


def join_heads(x):
    """(B, h, T, k) -> (B, T, h·k)"""
    B, h, T, k = x.shape
    return x.swapaxes(1, 2).reshape(B, T, h * k)


def check_masks(name: str, scores_shape: tuple, attention_mask, attention_weights) -> None:
    """Raise unless the mask is boolean and both broadcast to the scores."""
    if attention_mask is not None and attention_mask.dtype.kind != "b":
        raise TypeError(f"{name}: attention_mask must be boolean (True = masked), but has dtype {attention_mask.dtype}")
    for argument, array in (("attention_mask", attention_mask), ("attention_weights", attention_weights)):
        if array is not None and not broadcasts(array.shape, scores_shape):
            raise ValueError(f"{name}: {argument} must broadcast to (B, h, T, S) {scores_shape}, but is {array.shape}")


def broadcasts(shape: tuple, to: tuple) -> bool:
    return len(shape) <= len(to) and all(n in (1, m) for n, m in zip(shape[::-1], to[::-1]))


# ---------------------------------------------------------------------- the modules


class DotProductAttention(Module):
    """What both modules share: they are called alike, and differ in whether their inputs are projected first."""

    h: int
    dropout: Dropout
    fc_o: Linear

    def reset_parameters(self, rng=None) -> None:
        """Weights from N(0, 0.001²), biases 0."""
        rng = random.generator(rng)
        for layer in self.children():
            if isinstance(layer, Linear):
                init.normal_(layer.weight, std=0.001, rng=rng)
                init.zeros_(layer.bias)

    def project(self, queries, keys, values):
        """q (B, T, h·k), k (B, S, h·k), v (B, S, h·v), and the backward of all three."""
        raise NotImplementedError

    def attend(self, q, k, v, attention_mask, attention_weights):
        return attend(q, k, v, attention_mask, attention_weights, after=[self.dropout])

    def forward(self, queries, keys, values, attention_mask=None, attention_weights=None):
        """queries (B, T, E), keys and values (B, S, E) -> y (B, T, E).

        Parameters
        ----------
        attention_mask : bool, broadcasts to (B, h, T, S), True where a query must not look at a key.
        attention_weights : broadcasts to (B, h, T, S); the scores are multiplied by it, before they are masked.

        Returns
        -------
        y. backward : dy -> dqueries, dkeys, dvalues, and dattention_weights where they were given.

        A query all of whose keys are masked gets fc_o's bias, as if it had found zeros.
        """
        self._check(queries, keys, values)
        (q, k, v), project_backward = self.project(queries, keys, values)
        check_masks(type(self).__name__, (len(q), self.h, q.shape[1], k.shape[1]), attention_mask, attention_weights)
        heads = [split_heads(a, self.h) for a in (q, k, v)]  # (B, h, T, k), (B, h, S, k), (B, h, S, v)
        mixed, attend_backward = self.attend(*heads, attention_mask, attention_weights)
        y, out_backward = self.fc_o(join_heads(mixed))  # (B, T, h·v) -> (B, T, E)

        def backward(dy):
            # y = fc_o(join_heads(mixed))
            dmixed = split_heads(out_backward(dy), self.h)
            # mixed = attend(q, k, v)
            *dheads, dattention_weights = attend_backward(dmixed)
            # q, k, v = project(queries, keys, values)
            dinputs = project_backward(*map(join_heads, dheads))
            return dinputs if dattention_weights is None else (*dinputs, dattention_weights)

        return y, backward

    def _check(self, queries, keys, values) -> None:
        name = type(self).__name__
        check_tokens(name, self.fc_o.out_features, queries=queries, keys=keys, values=values)
        if keys.shape != values.shape or len(keys) != len(queries):
            raise ValueError(
                f"{name}: there must be one value for every key, and one batch size, "
                f"but got queries {queries.shape}, keys {keys.shape}, values {values.shape}"
            )


class ScaledDotProductAttention(DotProductAttention):
    """h attentions side by side, each on its own projections of queries, keys and values, projected once more.

    head_i = dropout(softmax(q_i k_iᵀ / sqrt(d_k) · attention_weights, masked)) v_i,
    y = fc_o([head_1, ..., head_h]), where q = fc_q(queries), k = fc_k(keys), v = fc_v(values).

    Parameters
    ----------
    d_model : E, the width of inputs and output. d_k, d_v : widths of a head's keys and values. h : number of heads.
    dropout : of the attention weights, in training. rng : for the initial values, and for the dropout.

    Source: Vaswani et al., "Attention Is All You Need", 2017.
    """

    def __init__(self, d_model: int, d_k: int, d_v: int, h: int, dropout: float = 0.1, *, rng=None):
        if min(d_k, d_v, h) < 1:
            raise ValueError(f"ScaledDotProductAttention: d_k, d_v and h must be positive, but are {d_k}, {d_v}, {h}")
        rng = random.generator(rng)
        self.d_model, self.d_k, self.d_v, self.h = d_model, d_k, d_v, h
        self.fc_q = Linear(d_model, h * d_k, rng=rng)
        self.fc_k = Linear(d_model, h * d_k, rng=rng)
        self.fc_v = Linear(d_model, h * d_v, rng=rng)
        self.fc_o = Linear(h * d_v, d_model, rng=rng)
        self.dropout = Dropout(dropout, rng=rng)
        self.reset_parameters(rng)

    def project(self, queries, keys, values):
        q, q_backward = self.fc_q(queries)
        k, k_backward = self.fc_k(keys)
        v, v_backward = self.fc_v(values)
        return (q, k, v), lambda dq, dk, dv: (q_backward(dq), k_backward(dk), v_backward(dv))


class SimplifiedScaledDotProductAttention(DotProductAttention):
    """The same without the projections of the inputs: every head takes its d_model / h features of them as they are.

    Parameters as ScaledDotProductAttention's; h divides d_model.
    """

    def __init__(self, d_model: int, h: int, dropout: float = 0.1, *, rng=None):
        self.d_k = self.d_v = check_divides("SimplifiedScaledDotProductAttention", "d_model", d_model, "h", h)
        rng = random.generator(rng)
        self.d_model, self.h = d_model, h
        self.fc_o = Linear(d_model, d_model, rng=rng)
        self.dropout = Dropout(dropout, rng=rng)
        self.reset_parameters(rng)

    def project(self, queries, keys, values):
        return (queries, keys, values), lambda *gradients: gradients
