"""Attention as a weighted mean of values: Gaussian, additive (Bahdanau) and dot product (Luong) scores.

Each returns `(output, weights)`, and its backward takes `(doutput, dweights)`, None for either without an upstream
gradient.

Axes: B batch, * any leading axes, T queries, S keys and values, d width of a query or key, e of a value, A hidden.
Twin: torch_ref/models/attention_pooling.py. Pairs: parity_tests/pairs/models/attention_pooling.py.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from scratch import init, random
from scratch.dropout import Dropout
from scratch.linear import Linear
from scratch.module import Module
from scratch.op import Op, on_device_of, unbroadcast
from scratch.softmax import softmax

# ------------------------------------------------------------------ scores


class GaussianSaved(NamedTuple):
    """What gaussian_scores_backward needs, and nothing else: the differences are computed again."""

    query: np.ndarray  # (*, T, d)
    key: np.ndarray  # (*, S, d)
    w: np.ndarray  # (1,)


def gaussian_scores_forward(query, key, w):
    """The exponent of a Gaussian around every query: scores = -w² |query - key|² / 2.

    query (*, T, d), key (*, S, d), whose leading axes broadcast, w (1,) -> scores (*, T, S).
    backward : dscores -> dquery, dkey, dw.
    """
    return -0.5 * w * w * squares(differences(query, key)), GaussianSaved(query, key, w)


def differences(query, key):
    """query_t - key_s, (*, d, T, S): with d in front, NumPy's inner loop runs over the many keys."""
    return query.swapaxes(-1, -2)[..., :, None] - key.swapaxes(-1, -2)[..., None, :]


def squares(difference):
    return (difference * difference).sum(axis=-3)  # (*, d, T, S) -> (*, T, S)


def gaussian_scores_backward(dscores, saved):
    query, key, w = saved
    difference = differences(query, key)
    # scores = -w² / 2 * squares
    dw = -w * (dscores * squares(difference)).sum()
    dsquares = -0.5 * w * w * dscores
    # squares = difference² summed over d, difference = query - key: each query met S keys, each key T queries
    dquery = 2 * np.einsum("...ts,...dts->...td", dsquares, difference)
    dkey = -2 * np.einsum("...ts,...dts->...sd", dsquares, difference)
    return unbroadcast(dquery, query.shape), unbroadcast(dkey, key.shape), dw


gaussian_scores = Op(gaussian_scores_forward, gaussian_scores_backward)


class AdditiveSaved(NamedTuple):
    """What additive_scores_backward needs, and nothing else."""

    features: np.ndarray  # (B, T, S, A)
    weight: np.ndarray  # (1, A)


def additive_scores_forward(query, key, weight):
    """A network with one hidden layer for every pair of query and key: scores = weight · tanh(query + key).

    query (B, T, A) and key (B, S, A) are already projected to the hidden layer, weight (1, A) -> scores (B, T, S).
    backward : dscores -> dquery, dkey, dweight.
    """
    features = np.tanh(query[:, :, None, :] + key[:, None, :, :])  # (B, T, 1, A) + (B, 1, S, A)
    return features @ weight[0], AdditiveSaved(features, weight)  # (B, T, S, A) @ (A,) -> (B, T, S)


def additive_scores_backward(dscores, saved):
    features, weight = saved
    # scores = features @ weight[0]
    dweight = dscores.reshape(1, -1) @ features.reshape(-1, weight.shape[1])  # (1, B·T·S) @ (B·T·S, A)
    dfeatures = dscores[..., None] * weight[0]  # (B, T, S, A)
    # features = tanh(query + key): each query met S keys, each key T queries
    dsum = dfeatures * (1 - features * features)
    return dsum.sum(axis=2), dsum.sum(axis=1), dweight


additive_scores = Op(additive_scores_forward, additive_scores_backward)


# ------------------------------------------------------------------ the weighted mean


def weighted_mean(scores, value, dropout: Module, mask=None):
    """weights = softmax(scores over the keys), output = dropout(weights) @ value.

    scores (*, T, S), value (*, S, e). mask : bool, broadcasts to the scores, True where a key may be seen; every query
    sees one at least. Returns (output (*, T, e), weights (*, T, S)) and a backward: (doutput, dweights) -> dscores,
    dvalue.
    """
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)  # e^-inf = 0: a hidden key has no weight and gets no gradient
    weights, softmax_backward = softmax(scores, -1)
    dropped, dropout_backward = dropout(weights)
    output = dropped @ value  # (*, T, S) @ (*, S, e) -> (*, T, e)

    def backward(dy):
        doutput, dweights = dy
        if doutput is None:
            doutput = np.zeros_like(output)
        # output = dropped @ value, whose leading axes may have been broadcast
        dvalue = unbroadcast(dropped.swapaxes(-1, -2) @ doutput, value.shape)
        through_output = dropout_backward(unbroadcast(doutput @ value.swapaxes(-1, -2), weights.shape))
        # weights = softmax(scores); they were given out too
        dscores = softmax_backward(through_output if dweights is None else through_output + dweights)
        return dscores, dvalue

    return (output, weights), backward


def valid_keys(name: str, valid_lens, query, key):
    """Which keys a query may see, (B, 1 or T, S) bool: the first valid_lens of each sequence; None for all."""
    if valid_lens is None:
        return None
    B, T, S = *query.shape[:2], key.shape[1]
    if valid_lens.shape not in ((B,), (B, T)):
        raise ValueError(f"{name}: valid_lens must be {(B,)} or {(B, T)}, but is {valid_lens.shape}")
    if valid_lens.dtype.kind not in "iu":
        raise TypeError(f"{name}: valid_lens must hold integers, but has dtype {valid_lens.dtype}")
    if valid_lens.size and not 1 <= int(valid_lens.min()) <= int(valid_lens.max()) <= S:
        raise ValueError(
            f"{name}: valid_lens must be from 1 to {S}, the number of keys, but go from {int(valid_lens.min())} to "
            f"{int(valid_lens.max())}; leave out sequences without any token"
        )
    return on_device_of(key, np.arange(S)) < valid_lens.reshape(B, -1, 1)  # (B, 1 or T, S)


def check_sequences(name: str, query, key, value, widths: tuple[int | None, int | None]) -> None:
    """Raise ValueError unless query (B, T, d), key (B, S, d) and value (B, S, e) fit, d as given or both the same."""
    got = f"query {query.shape}, key {key.shape}, value {value.shape}"
    if not query.ndim == key.ndim == value.ndim == 3 or not len(query) == len(key) == len(value):
        raise ValueError(f"{name}: query, key and value must be (B, T, d), (B, S, d), (B, S, e), but got {got}")
    if key.shape[1] != value.shape[1] or not key.shape[1]:
        raise ValueError(f"{name}: there must be as many keys as values, and at least one, but got {got}")
    for argument, array, width in zip(("query", "key"), (query, key), widths):
        if width is not None and array.shape[2] != width:
            raise ValueError(f"{name}: {argument} must have width {width}, but has {array.shape[2]} ({got})")
    if None in widths and query.shape[2] != key.shape[2]:
        raise ValueError(f"{name}: query and key must have one width, but got {got}")


# ------------------------------------------------------------------ modules


class NadarayaWatson(Module):
    """Kernel regression: the mean of the values, the nearest weighing most, with weights softmax(-(w |q - k|)² / 2).

    Parameters
    ----------
    w : the inverse width of the Gaussian; the larger, the fewer neighbours count. learn : whether w is learned
    (attention with a parameter), or stays as it is (Nadaraya's and Watson's own, which has none).

    Call: query (*, T, d), key (*, S, d), value (*, S, e) -> (output (*, T, e), weights (*, T, S)); the leading axes
    broadcast. For numbers d = e = 1. backward : (doutput, dweights) -> dquery, dkey, dvalue.

    Sources: Nadaraya, "On Estimating Regression", 1964; Watson, "Smooth Regression Analysis", 1964.
    """

    def __init__(self, w: float = 1.0, learn: bool = True):
        self.w = init.empty(1, dtype=np.float32).requires_grad_(learn)
        init.constant_(self.w, w)

    def forward(self, query, key, value):
        q, k, v = query.shape, key.shape, value.shape
        if min(map(len, (q, k, v))) < 2 or q[-1] != k[-1] or k[-2] != v[-2] or not k[-2]:
            raise ValueError(
                f"NadarayaWatson: query, key and value must be (*, T, d), (*, S, d), (*, S, e) with S at least 1, "
                f"but are {q}, {k}, {v}; for numbers add an axis of one: x[:, None]"
            )
        scores, scores_backward = gaussian_scores(query, key, self.w)
        y, mean_backward = weighted_mean(scores, value, Dropout(0.0))

        def backward(dy):
            dscores, dvalue = mean_backward(dy)
            return *scores_backward(dscores), dvalue

        return y, backward

    def extra_repr(self):
        return "" if self.w.requires_grad else "learn=False"


class AdditiveAttention(Module):
    """Bahdanau's attention: score(q, k) = w_vᵀ tanh(W_q q + W_k k); query and key may have different widths.

    Parameters
    ----------
    query_size, key_size : their widths. num_hiddens : A, of the network that scores. dropout : of the weights.

    Call: query (B, T, query_size), key (B, S, key_size), value (B, S, e), valid_lens : (B,) or (B, T) integers from 1
    to S, how many of the keys are no padding, or None -> (output (B, T, e), weights (B, T, S), before dropout).
    backward : (doutput, dweights) -> dquery, dkey, dvalue.

    Source: Bahdanau, Cho, Bengio, "Neural Machine Translation by Jointly Learning to Align and Translate", 2015.
    """

    def __init__(self, query_size: int, key_size: int, num_hiddens: int, dropout: float = 0.0, *, rng=None):
        rng = None if rng is None else random.generator(rng)
        self.W_q = Linear(query_size, num_hiddens, bias=False, rng=rng)
        self.W_k = Linear(key_size, num_hiddens, bias=False, rng=rng)
        self.w_v = Linear(num_hiddens, 1, bias=False, rng=rng)
        self.dropout = Dropout(dropout, rng=rng)

    def forward(self, query, key, value, valid_lens=None):
        check_sequences("AdditiveAttention", query, key, value, (self.W_q.in_features, self.W_k.in_features))
        mask = valid_keys("AdditiveAttention", valid_lens, query, key)
        hidden_key, key_backward = self.W_k(key)  # (B, S, A)
        y, attend_backward = self.attend(query, hidden_key, value, mask)

        def backward(dy):
            dquery, dhidden_key, dvalue = attend_backward(dy)
            return dquery, key_backward(dhidden_key), dvalue

        return y, backward

    def attend(self, query, hidden_key, value, mask=None):
        """The same with keys that W_k has already projected, (B, S, A): a decoder does that once for all its steps."""
        hidden_query, query_backward = self.W_q(query)  # (B, T, A)
        scores, scores_backward = additive_scores(hidden_query, hidden_key, self.w_v.weight)
        y, mean_backward = weighted_mean(scores, value, self.dropout, mask)

        def backward(dy):
            dscores, dvalue = mean_backward(dy)
            dhidden_query, dhidden_key = scores_backward(dscores)
            return query_backward(dhidden_query), dhidden_key, dvalue

        return y, backward


class DotProductAttention(Module):
    """Luong's attention: score(q, k) = qᵀk, or qᵀk / sqrt(d) with `scaled`, which a wide d needs.

    Call: query (B, T, d), key (B, S, d), value (B, S, e), valid_lens as AdditiveAttention's -> (output (B, T, e),
    weights (B, T, S), before dropout). backward : (doutput, dweights) -> dquery, dkey, dvalue.

    Sources: Luong, Pham, Manning, "Effective Approaches to Attention-based Neural Machine Translation", 2015; scaled:
    Vaswani et al., 2017.
    """

    def __init__(self, dropout: float = 0.0, scaled: bool = True, *, rng=None):
        self.dropout, self.scaled = Dropout(dropout, rng=rng), scaled

    def forward(self, query, key, value, valid_lens=None):
        check_sequences("DotProductAttention", query, key, value, (None, None))
        mask = valid_keys("DotProductAttention", valid_lens, query, key)
        scale = 1 / math.sqrt(max(query.shape[2], 1)) if self.scaled else 1.0
        scores = scale * (query @ key.swapaxes(1, 2))  # (B, T, d) @ (B, d, S) -> (B, T, S)
        y, mean_backward = weighted_mean(scores, value, self.dropout, mask)

        def backward(dy):
            dscores, dvalue = mean_backward(dy)
            # scores = scale * query @ keyᵀ
            return scale * (dscores @ key), scale * (dscores.swapaxes(1, 2) @ query), dvalue

        return y, backward

    def extra_repr(self):
        return "" if self.scaled else "scaled=False"
