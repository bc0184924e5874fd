"""Dropout of whole channels: a factor for each of the N · C, with alpha dropout a summand too, in one go.

Fast because the passes, x · factor and + summand, run over a block of channels that is still in the cache, over rows
where they lie, and on all threads. The mask is the textbook's.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from scratch.dropout import dropout1d, dropout2d, dropout3d, feature_alpha_dropout
from scratch.kernels.activations import large
from scratch.kernels.blocks import over_rows
from scratch.kernels.pooling import by_planes


def channels_of(x):
    """The shape of one number for each channel, (N, C, 1, ...)"""
    return x.shape[:2] + (1,) * (x.ndim - 2)


def channel_dropout_forward(op, x, p=0.5, training=True, inplace=False, rng=None):
    # what becomes of a 1 in each channel is its factor
    _, saved = op.forward(np.ones(channels_of(x), x.dtype), p, training, inplace, rng)
    return in_blocks(x, *saved), saved


def feature_alpha_dropout_forward(x, p=0.5, training=False, inplace=False, rng=None):
    # what becomes of a 0 in each channel is its summand
    summand, saved = feature_alpha_dropout.forward(np.zeros(channels_of(x), x.dtype), p, training, inplace, rng)
    (factor,) = saved
    return in_blocks(x, factor, summand), saved


def channel_dropout_backward(dy, saved):
    # y = x * factor + summand
    return in_blocks(dy, *saved)


def in_blocks(x, factor, summand=None):
    """x (N, C, *) times, and plus, one number of each channel."""
    channels = np.ascontiguousarray(x).reshape(factor.size, -1)
    factor, summand = factor.reshape(-1, 1), None if summand is None else summand.reshape(-1, 1)
    y = np.empty_like(channels)

    def some(part):
        np.multiply(channels[part], factor[part], out=y[part])
        if summand is not None:
            y[part] += summand[part]

    by_planes(over_rows(some, y.shape[1]), len(y), y.shape[1])
    return y.reshape(x.shape)


def suits(axes, x, p=0.5, training=True, inplace=False, rng=None) -> bool:
    """In training; x (N, C, *) with so many axes, or any number if None."""
    return training and 0 < p <= 1 and large(x) and x.ndim > 2 and axes in (None, x.ndim) and x.size > 0


def suits_feature_alpha(x, p=0.5, training=False, inplace=False, rng=None) -> bool:
    return suits(None, x, p, training)


for op, axes in ((dropout1d, 3), (dropout2d, 4), (dropout3d, 5)):
    op.register(partial(channel_dropout_forward, op), channel_dropout_backward, when=partial(suits, axes))
feature_alpha_dropout.register(feature_alpha_dropout_forward, channel_dropout_backward, when=suits_feature_alpha)
