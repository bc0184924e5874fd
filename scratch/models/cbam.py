"""CBAM: what to look at (a weight for each channel), then where (a weight for each place).

Axes: N C H W images.
Twin: torch_ref/models/cbam.py. Pair: parity_tests/pairs/models/cbam.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from scratch import random
from scratch.activations import sigmoid
from scratch.adaptive_pooling import adaptive_avg_pool2d, adaptive_max_pool2d
from scratch.containers import Sequential, chain
from scratch.convolution import Conv2d
from scratch.models.attention_parts import check_images, check_odd, gated, reduced
from scratch.module import Module
from scratch.op import Op, on_device_of
from scratch.rectifiers import ReLU


class ChannelAttention(Module):
    """The weight of each channel: sigmoid(se(maxima) + se(means)), both taken over H and W, with one network se.

    Parameters
    ----------
    channel : C. reduction : se has a bottleneck of C // reduction channels (1x1 convolutions without bias).

    Called with x (N, C, H, W) -> weights (N, C, 1, 1). backward : dweights -> dx. The gradient of a maximum goes to the
    first place that holds it.
    """

    def __init__(self, channel: int, reduction: int = 16, *, rng=None):
        hidden = reduced("ChannelAttention", channel, reduction)
        rng = random.generator(rng)
        self.channel = channel
        self.se = Sequential(
            Conv2d(channel, hidden, 1, bias=False, rng=rng), ReLU(), Conv2d(hidden, channel, 1, bias=False, rng=rng)
        )

    def forward(self, x):
        check_images("ChannelAttention", x, self.channel)
        a, max_backward = chain(x, lambda x: adaptive_max_pool2d(x, 1), self.se)
        b, mean_backward = chain(x, lambda x: adaptive_avg_pool2d(x, 1), self.se)
        weights, sigmoid_backward = sigmoid(a + b)

        def backward(dweights):
            # weights = sigmoid(a + b): both get the same gradient
            d = sigmoid_backward(dweights)
            return max_backward(d) + mean_backward(d)

        return weights, backward


class SpatialAttention(Module):
    """The weight of each place: sigmoid(conv(maximum and mean over the channels)).

    kernel_size : odd. Called with x (N, C, H, W) -> weights (N, 1, H, W). backward : dweights -> dx.
    """

    def __init__(self, kernel_size: int = 7, *, rng=None):
        check_odd("SpatialAttention", kernel_size)
        self.conv = Conv2d(2, 1, kernel_size, padding=kernel_size // 2, rng=rng)

    def forward(self, x):
        if np.ndim(x) != 4:
            raise ValueError(f"SpatialAttention: x must be (N, C, H, W), but is {np.shape(x)}")
        return chain(x, max_and_mean, self.conv, sigmoid)


class MaxAndMeanSaved(NamedTuple):
    """What max_and_mean_backward needs, and nothing else."""

    winner: np.ndarray  # (N, 1, H, W), the channel that holds the maximum
    channels: int


def max_and_mean_forward(x):
    """(N, C, H, W) -> (N, 2, H, W): the maximum and the mean over the channels.

    Of equal maxima the first channel gets the gradient, as in torch. C must be 1 at least.
    """
    winner = x.argmax(axis=1)[:, None]
    y = np.concatenate([np.take_along_axis(x, winner, axis=1), x.mean(axis=1, keepdims=True)], axis=1)
    return y, MaxAndMeanSaved(winner, x.shape[1])


def max_and_mean_backward(dy, saved):
    winner, C = saved
    dmax, dmean = dy[:, :1], dy[:, 1:]
    places = on_device_of(dy, np.arange(C)[:, None, None])
    # y = [x at the winner, Σ x / C]
    return np.where(places == winner, dmax, 0) + dmean / C


max_and_mean = Op(max_and_mean_forward, max_and_mean_backward)


class CBAMBlock(Module):
    """y = x + h · sa(h) with h = x · ca(x): channel attention, then spatial attention, and a residual connection.

    Parameters
    ----------
    channel, reduction : of `ca`, a ChannelAttention. kernel_size : of `sa`, a SpatialAttention; the paper's is 7. (The
        usual public version has 49, far larger than its 7 x 7 maps.)

    Called with x (N, C, H, W) -> y as x. backward : dy -> dx.

    Source: Woo, Park, Lee, Kweon, "CBAM: Convolutional Block Attention Module", 2018; the residual connection is the
    public version's.
    """

    def __init__(self, channel: int = 512, reduction: int = 16, kernel_size: int = 7, *, rng=None):
        rng = random.generator(rng)
        self.ca = ChannelAttention(channel, reduction, rng=rng)
        self.sa = SpatialAttention(kernel_size, rng=rng)

    def forward(self, x):
        check_images("CBAMBlock", x, self.ca.channel)
        h, gates_backward = chain(x, lambda x: gated(x, self.ca), lambda h: gated(h, self.sa))
        # y = x + h
        return x + h, lambda dy: dy + gates_backward(dy)
