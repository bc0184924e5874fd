"""Positional encodings: what tells a network that looks at all tokens alike where each of them stands.

Axes: B batch, T tokens, E embedding (d_model).
Twin: torch_ref/models/positional_encoding.py. Pairs: parity_tests/pairs/models/positional_encoding.py.
"""

from __future__ import annotations

import numpy as np

from scratch import init, random
from scratch.dropout import Dropout
from scratch.embedding import embedding
from scratch.module import Module
from scratch.op import on_device_of, unbroadcast


def sinusoids(length: int, d_model: int) -> np.ndarray:
    """(length, d_model): sin(t / 10000^(2i/E)) in the even columns 2i, the cosine in the odd ones behind them."""
    rates = 10000.0 ** (-np.arange(0, d_model, 2) / d_model)  # (⌈E/2⌉,)
    angles = np.arange(length)[:, None] * rates  # (T, ⌈E/2⌉)
    table = np.zeros((length, d_model))
    table[:, 0::2] = np.sin(angles)
    table[:, 1::2] = np.cos(angles[:, : d_model // 2])
    return table


def check_tokens(encoding, x) -> None:
    """Raise ValueError unless x is (B, T, E) or (T, E) with E = d_model and T at most max_len."""
    if x.ndim not in (2, 3) or x.shape[-2] > encoding.max_len or x.shape[-1] != encoding.d_model:
        raise ValueError(
            f"{type(encoding).__name__}: x must be (B, T, E) or (T, E) with E {encoding.d_model} and T at most max_len "
            f"{encoding.max_len}, but is {x.shape}"
        )


class PositionalEncoding(Module):
    """y = dropout(x + P), P[t, 2i] = sin(t / 10000^(2i/E)), P[t, 2i + 1] = cos(t / 10000^(2i/E)).

    Every pair of columns is a clock hand of its own speed, so that P[t + k] is P[t] turned by angles that depend on k
    alone. Nothing is learned: dx is dropout's.

    x : (B, T, d_model) or (T, d_model), T at most max_len. d_model may be odd. The table is no part of state_dict.
    Raises ValueError for another shape. Source: Vaswani et al., "Attention Is All You Need", 2017.
    """

    def __init__(self, d_model: int, max_len: int = 5000, dropout: float = 0.0, *, rng=None):
        self.d_model, self.max_len, self.dropout = d_model, max_len, Dropout(dropout, rng=rng)
        self.register_buffer("pe", sinusoids(max_len, d_model).astype(np.float32), persistent=False)

    def forward(self, x):
        check_tokens(self, x)
        return self.dropout(x + self.pe[: x.shape[-2]])

    def extra_repr(self):
        return f"{self.d_model}, max_len={self.max_len}"


class LearnedPositionalEncoding(Module):
    """y = dropout(x + weight[:T]), a learned row for each place, from N(0, 0.02²).

    x : (B, T, d_model) or (T, d_model), T at most max_len. backward : dy -> dx; a row learns from every sequence of the
    batch. Raises ValueError for another shape.
    Source: Gehring et al., "Convolutional Sequence to Sequence Learning", 2017.
    """

    def __init__(self, d_model: int, max_len: int = 512, dropout: float = 0.0, *, rng=None):
        rng = None if rng is None else random.generator(rng)
        self.d_model, self.max_len, self.dropout = d_model, max_len, Dropout(dropout, rng=rng)
        self.weight = init.empty(max_len, d_model, dtype=np.float32)
        self.reset_parameters(rng)

    def reset_parameters(self, rng=None) -> None:
        init.normal_(self.weight, std=0.02, rng=rng)

    def forward(self, x):
        check_tokens(self, x)
        rows, rows_backward = embedding(on_device_of(x, np.arange(x.shape[-2])), self.weight)  # (T, E)
        y, dropout_backward = self.dropout(x + rows)

        def backward(dy):
            # y = dropout(x + rows), the same rows for every sequence
            dx = dropout_backward(dy)
            rows_backward(unbroadcast(dx, rows.shape))
            return dx

        return y, backward

    def extra_repr(self):
        return f"{self.d_model}, max_len={self.max_len}"
