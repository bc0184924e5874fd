"""TextCNN: convolutions over the words of a sentence, the largest answer of each filter, a linear classifier.

Axes: B batch, T tokens, E embedding, F filters of each width, K widths, C classes.
Twin: torch_ref/models/text_cnn.py. Pair: parity_tests/pairs/models/text_cnn.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scratch import random
from scratch.adaptive_pooling import adaptive_max_pool1d
from scratch.containers import ModuleList, chain
from scratch.convolution import Conv1d
from scratch.dropout import Dropout
from scratch.embedding import Embedding
from scratch.linear import Linear
from scratch.module import Module
from scratch.rectifiers import relu
from scratch.reshaping import flatten


class TextCNN(Module):
    """logits = W · dropout(max over time of relu(conv_k(embedding)), for every width k) + b.

    Parameters
    ----------
    vocab_size, embed_dim, num_classes : the table is (vocab_size, embed_dim), the logits (B, num_classes).
    kernel_sizes : the widths k, in words. num_channels : filters of each width. dropout : before the classifier.
    padding_idx : the token of the padding, whose row stays as it is.

    Call: tokens (B, T) integers -> logits (B, C); `backward(dlogits)` is None, tokens have no gradient.
    Raises ValueError where the sentence is shorter than the widest filter: pad it.

    Source: Kim, "Convolutional Neural Networks for Sentence Classification", 2014 (one table, learned).
    """

    def __init__(
        self, vocab_size: int, embed_dim: int, num_classes: int, kernel_sizes: Sequence[int] = (3, 4, 5),
        num_channels: int = 100, dropout: float = 0.5, padding_idx: int | None = None, *, rng=None,
    ):  # fmt: skip
        if not kernel_sizes or min(kernel_sizes) < 1:
            raise ValueError(f"TextCNN: kernel_sizes must be positive, and at least one, but are {kernel_sizes}")
        rng = None if rng is None else random.generator(rng)
        self.kernel_sizes = tuple(kernel_sizes)
        self.embedding = Embedding(vocab_size, embed_dim, padding_idx, rng=rng)
        self.convs = ModuleList(Conv1d(embed_dim, num_channels, k, rng=rng) for k in kernel_sizes)
        self.dropout = Dropout(dropout, rng=rng)
        self.fc = Linear(len(kernel_sizes) * num_channels, num_classes, rng=rng)

    def forward(self, tokens):
        if tokens.ndim != 2 or tokens.shape[1] < max(self.kernel_sizes):
            raise ValueError(
                f"TextCNN: tokens must be (B, T) with T at least {max(self.kernel_sizes)}, the widest filter, "
                f"but are {tokens.shape}; pad the sentences"
            )
        return chain(tokens, self.embedding, self.features, self.dropout, self.fc)

    def features(self, x):
        """(B, T, E) -> (B, K·F): of each filter only where in the sentence it answers most."""
        words = x.swapaxes(1, 2)  # (B, T, E) -> (B, E, T)
        branches = [chain(words, conv, relu, max_over_time) for conv in self.convs]  # (B, F) each
        y = np.concatenate([y for y, _ in branches], axis=1)

        def backward(dy):
            # y = concatenate(branches), and every branch read the same words
            parts = np.split(dy, len(branches), axis=1)
            dwords = sum(branch_backward(part) for part, (_, branch_backward) in zip(parts, branches))
            return dwords.swapaxes(1, 2)

        return y, backward


def max_over_time(x):
    """(B, F, T) -> (B, F). The gradient goes to the largest element, the first of several."""
    return chain(x, lambda x: adaptive_max_pool1d(x, 1), flatten_filters)


def flatten_filters(x):
    return flatten(x, start_dim=1)  # (B, F, 1) -> (B, F)
