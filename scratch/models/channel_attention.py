"""Channel attention: each channel is weighted by what the channels' means say (SE, ECA), or each kernel size (SK).

Axes: N C H W images, K kernel sizes, D width of the summary (SK).
Twin: torch_ref/models/channel_attention.py. Pair: parity_tests/pairs/models/channel_attention.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scratch import random
from scratch.activations import Sigmoid, sigmoid
from scratch.batch_norm import BatchNorm2d
from scratch.containers import ModuleList, Sequential, chain
from scratch.convolution import Conv1d, Conv2d
from scratch.linear import Linear
from scratch.models.attention_parts import as_maps, channel_means, check_images, check_odd, gated, reduced
from scratch.module import Module
from scratch.rectifiers import ReLU
from scratch.reshaping import flatten, unflatten
from scratch.softmax import softmax


class SEAttention(Module):
    """Squeeze and excitation: y = x · sigmoid(W₂ relu(W₁ m)), m the channels' means over H and W.

    Parameters
    ----------
    channel : C. reduction : the bottleneck between W₁ and W₂ has C // reduction units. Neither layer has a bias.

    Called with x (N, C, H, W) -> y as x. backward : dy -> dx.

    Source: Hu, Shen, Sun, "Squeeze-and-Excitation Networks", 2017.
    """

    def __init__(self, channel: int = 512, reduction: int = 16, *, rng=None):
        hidden = reduced("SEAttention", channel, reduction)
        rng = random.generator(rng)
        self.channel = channel
        self.fc = Sequential(
            Linear(channel, hidden, bias=False, rng=rng),
            ReLU(),
            Linear(hidden, channel, bias=False, rng=rng),
            Sigmoid(),
        )

    def forward(self, x):
        check_images("SEAttention", x, self.channel)
        return gated(x, channel_means, self.fc, as_maps)


class ECAAttention(Module):
    """Efficient channel attention: y = x · sigmoid(conv(m)), a convolution along the channels' means m.

    Each channel listens to its kernel_size neighbours; there are kernel_size + 1 parameters for any number of channels.

    kernel_size : odd. Called with x (N, C, H, W) -> y as x. backward : dy -> dx.

    Source: Wang, Wu, Zhu, Li, Zuo, Hu, "ECA-Net", 2019.
    """

    def __init__(self, kernel_size: int = 3, *, rng=None):
        check_odd("ECAAttention", kernel_size)
        self.conv = Conv1d(1, 1, kernel_size, padding=kernel_size // 2, rng=rng)

    def forward(self, x):
        if np.ndim(x) != 4:
            raise ValueError(f"ECAAttention: x must be (N, C, H, W), but is {np.shape(x)}")
        return gated(x, channel_means, as_signal, self.conv, sigmoid, from_signal)


def as_signal(means):
    """(N, C) -> (N, 1, C): the channels as the places of a signal."""
    return unflatten(means, 1, (1, means.shape[1]))


def from_signal(weights):
    """(N, 1, C) -> (N, C, 1, 1)"""
    return chain(weights, lambda w: flatten(w, 1), as_maps)


class SKAttention(Module):
    """Selective kernels: convolutions of several sizes, and for every channel a choice between them.

    f_k = relu(bn_k(conv_k(x))), z = fc(means of Σ_k f_k), a_k = softmax over k of fcs_k(z), y = Σ_k a_k · f_k.

    Parameters
    ----------
    channel : C. kernels : the sizes, odd. group : groups of the convolutions.
    reduction, L : z has max(L, C // reduction) numbers.

    Called with x (N, C, H, W) -> y as x. backward : dy -> dx.

    Source: Li, Wang, Hu, Yang, "Selective Kernel Networks", 2019.
    """

    def __init__(
        self, channel: int = 512, kernels: Sequence[int] = (1, 3, 5, 7), reduction: int = 16, group: int = 1,
        L: int = 32, *, rng=None,
    ):  # fmt: skip
        check_odd("SKAttention", *kernels)
        if not kernels or reduction < 1 or max(L, channel // reduction) < 1:
            raise ValueError(
                "SKAttention: needs at least one kernel, reduction >= 1 and max(L, channel // reduction) >= 1, "
                f"but got kernels {kernels}, channel {channel}, reduction {reduction}, L {L}"
            )
        rng = random.generator(rng)
        self.channel, self.d = channel, max(L, channel // reduction)
        self.convs = ModuleList(
            Sequential(
                {
                    "conv": Conv2d(channel, channel, k, padding=k // 2, groups=group, rng=rng),
                    "bn": BatchNorm2d(channel),
                    "relu": ReLU(),
                }
            )
            for k in kernels
        )
        self.fc = Linear(channel, self.d, rng=rng)
        self.fcs = ModuleList(Linear(self.d, channel, rng=rng) for _ in kernels)

    def forward(self, x):
        check_images("SKAttention", x, self.channel)
        features, conv_backwards = zip(*(conv(x) for conv in self.convs))  # K of (N, C, H, W)
        z, z_backward = chain(sum(features), channel_means, self.fc)  # (N, D)
        scores, score_backwards = zip(*(chain(z, fc, as_maps) for fc in self.fcs))  # K of (N, C, 1, 1)
        weights, softmax_backward = softmax(np.stack(scores), 0)  # (K, N, C, 1, 1)

        def backward(dy):
            # y = Σ_k weights_k * features_k
            dweights = np.stack([(dy * f).sum(axis=(2, 3), keepdims=True) for f in features])
            # weights = softmax(scores)
            dscores = softmax_backward(dweights)
            # scores_k = as_maps(fcs_k(z))
            dz = sum(score_backward(d) for score_backward, d in zip(score_backwards, dscores))
            # z = fc(channel_means(Σ_k features_k)): every feature map gets the same share
            dsum = z_backward(dz)
            # features_k = convs_k(x)
            return sum(conv_backward(dy * w + dsum) for conv_backward, w in zip(conv_backwards, weights))

        return sum(w * f for w, f in zip(weights, features)), backward
