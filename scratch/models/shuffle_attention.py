"""Shuffle attention: half of each group of channels is weighted channel by channel, the other half place by place.

Axes: N C H W images, G groups of C / G channels, each of two halves of w = C / (2G) channels.
Twin: torch_ref/models/shuffle_attention.py. Pair: parity_tests/pairs/models/shuffle_attention.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from scratch import init
from scratch.activations import sigmoid
from scratch.adaptive_pooling import adaptive_avg_pool2d
from scratch.models.attention_parts import check_divides, check_images, gated
from scratch.module import Module
from scratch.normalization import GroupNorm
from scratch.op import Op, unbroadcast
from scratch.parameter import Parameter
from scratch.reshaping import channel_shuffle


class ScaleAndShiftSaved(NamedTuple):
    """What scale_and_shift_backward needs, and nothing else."""

    x: np.ndarray
    weight: np.ndarray


def scale_and_shift_forward(x, weight, bias):
    """y = x · weight + bias, both of which broadcast to x. backward : dy -> dx, dweight, dbias."""
    return x * weight + bias, ScaleAndShiftSaved(x, weight)


def scale_and_shift_backward(dy, saved):
    x, weight = saved
    # y = x * weight + bias; both have one shape, and are spread over the rest of x
    return dy * weight, unbroadcast(dy * x, weight.shape), unbroadcast(dy.copy(), weight.shape)


scale_and_shift = Op(scale_and_shift_forward, scale_and_shift_backward)


class ShuffleAttention(Module):
    """y = shuffle([a · sigmoid(cweight · mean(a) + cbias), b · sigmoid(sweight · gn(b) + sbias)]) for a group [a, b].

    gn normalizes each channel of each image by itself. At the end the channels are dealt out like two hands of cards
    (`channel_shuffle` with 2 groups), so that the halves meet in the next layer.

    Parameters
    ----------
    channel : C. G : the number of groups; 2 G divides C, and all groups share the few parameters. reduction : accepted
        and ignored; nothing here has a bottleneck. rng : accepted, as the others do; nothing starts at random.

    Called with x (N, C, H, W) -> y as x. backward : dy -> dx.

    Weights start at 0 and biases at 1, so that all gates are sigmoid(1) at first.

    Source: Zhang, Yang, "SA-Net: Shuffle Attention for Deep Convolutional Neural Networks", 2021.
    """

    cweight: Parameter
    cbias: Parameter
    sweight: Parameter
    sbias: Parameter

    def __init__(self, channel: int = 512, reduction: int = 16, G: int = 8, *, rng=None):
        width = check_divides("ShuffleAttention", "channel", channel, "2 G", 2 * G)
        self.channel, self.G = channel, G
        for name in ("cweight", "cbias", "sweight", "sbias"):
            setattr(self, name, init.empty(1, width, 1, 1, dtype=np.float32))
        self.gn = GroupNorm(width, width)
        self.reset_parameters(rng)

    def reset_parameters(self, rng=None) -> None:
        for bias in (self.cbias, self.sbias):
            init.ones_(bias)
        for weight in (self.cweight, self.sweight):
            init.zeros_(weight)

    def forward(self, x):
        check_images("ShuffleAttention", x, self.channel)
        N, C, H, W = x.shape
        groups = x.reshape(N * self.G, 2, C // (2 * self.G), H, W)
        a, a_backward = gated(groups[:, 0], means, scaled(self.cweight, self.cbias), sigmoid)
        b, b_backward = gated(groups[:, 1], self.gn, scaled(self.sweight, self.sbias), sigmoid)
        y, shuffle_backward = channel_shuffle(np.stack([a, b], axis=1).reshape(x.shape), 2)

        def backward(dy):
            # y = channel_shuffle([a, b])
            dboth = shuffle_backward(dy).reshape(groups.shape)
            # a = gate of the first halves, b = gate of the second
            return np.stack([a_backward(dboth[:, 0]), b_backward(dboth[:, 1])], axis=1).reshape(x.shape)

        return y, backward


def means(x):
    """(N, C, H, W) -> (N, C, 1, 1)"""
    return adaptive_avg_pool2d(x, 1)


def scaled(weight, bias):
    """The step x -> x · weight + bias."""
    return lambda x: scale_and_shift(x, weight, bias)
