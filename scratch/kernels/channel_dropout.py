"""Alpha dropout of whole channels: a factor and a summand for each of the N · C, in one go.

Fast because both passes, x · factor and + summand, run over a block of channels that is still in the cache, and on all
threads; the textbook reads and writes the whole array for each. The mask is the textbook's.
"""

from __future__ import annotations

import numpy as np

from scratch.dropout import feature_alpha_dropout
from scratch.kernels.activations import large
from scratch.kernels.pooling import by_planes


def feature_alpha_dropout_forward(x, p=0.5, training=False, inplace=False, rng=None):
    # what becomes of a 0 in each channel is its summand
    zero = np.zeros(x.shape[:2] + (1,) * (x.ndim - 2), x.dtype)
    summand, saved = feature_alpha_dropout.forward(zero, p, training, inplace, rng)
    (factor,) = saved
    return in_blocks(x, factor, summand), saved


def feature_alpha_dropout_backward(dy, saved):
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

    by_planes(some, len(y), y.shape[1])
    return y.reshape(x.shape)


def suits(x, p=0.5, training=False, inplace=False, rng=None) -> bool:
    return training and 0 < p <= 1 and large(x) and x.ndim > 2 and x.size > 0


feature_alpha_dropout.register(feature_alpha_dropout_forward, feature_alpha_dropout_backward, when=suits)
