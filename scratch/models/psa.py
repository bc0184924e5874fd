"""PSA, the pyramid squeeze attention of EPSANet: groups of channels see at different scales, and are weighed.

Axes: N C H W images, S groups of w = C / S channels.
Twin: torch_ref/models/psa.py. Pair: parity_tests/pairs/models/psa.py.
"""

from __future__ import annotations

import numpy as np

from scratch import random
from scratch.activations import Sigmoid
from scratch.adaptive_pooling import AdaptiveAvgPool2d
from scratch.containers import ModuleList, Sequential
from scratch.convolution import Conv2d
from scratch.models.attention_parts import check_divides, check_images, reduced
from scratch.module import Module
from scratch.rectifiers import ReLU
from scratch.softmax import softmax


class PSA(Module):
    """Group i of the channels: f_i = conv_i(x_i) with a kernel of size 2i + 3, y_i = f_i · softmax over i of se_i(f_i).

    Parameters
    ----------
    channel : C. S : the number of groups, divides C. reduction : the bottleneck of each se_i has C / S // reduction
        channels (1x1 convolutions without bias, on the maps' means, a sigmoid at the end).

    The groups are read from x and the results put into a new array, and the se_i are children like any others. (The
    usual public version writes each f_i into x itself, so that autograd refuses the backward, and keeps the se_i in a
    plain list, where no optimizer and no state_dict finds them.)

    Called with x (N, C, H, W) -> y as x. backward : dy -> dx.

    Source: Zhang, Zu, Lu, Zou, Meng, "EPSANet", 2021.
    """

    def __init__(self, channel: int = 512, reduction: int = 4, S: int = 4, *, rng=None):
        width = check_divides("PSA", "channel", channel, "S", S)
        hidden = reduced("PSA", width, reduction)
        rng = random.generator(rng)
        self.channel, self.S = channel, S
        self.convs = ModuleList(Conv2d(width, width, 2 * i + 3, padding=i + 1, rng=rng) for i in range(S))
        self.se_blocks = ModuleList(
            Sequential(
                AdaptiveAvgPool2d(1),
                Conv2d(width, hidden, 1, bias=False, rng=rng),
                ReLU(),
                Conv2d(hidden, width, 1, bias=False, rng=rng),
                Sigmoid(),
            )
            for _ in range(S)
        )

    def forward(self, x):
        check_images("PSA", x, self.channel)
        N, C, H, W = x.shape
        groups = x.reshape(N, self.S, C // self.S, H, W)
        features, conv_backwards = zip(*(conv(groups[:, i]) for i, conv in enumerate(self.convs)))  # S of (N, w, H, W)
        scores, se_backwards = zip(*(se(f) for se, f in zip(self.se_blocks, features)))  # S of (N, w, 1, 1)
        weights, softmax_backward = softmax(np.stack(scores), 0)  # (S, N, w, 1, 1)
        y = np.stack([f * w for f, w in zip(features, weights)], axis=1).reshape(x.shape)

        def backward(dy):
            dgroups = dy.reshape(groups.shape)
            dy = [dgroups[:, i] for i in range(self.S)]
            # y_i = f_i * weights_i
            dweights = np.stack([(d * f).sum(axis=(2, 3), keepdims=True) for d, f in zip(dy, features)])
            # weights = softmax(scores)
            dscores = softmax_backward(dweights)
            dx = []
            for i in range(self.S):
                # y_i = f_i * weights_i, scores_i = se_i(f_i)
                df = dy[i] * weights[i] + se_backwards[i](dscores[i])
                # f_i = conv_i(x_i)
                dx.append(conv_backwards[i](df))
            return np.stack(dx, axis=1).reshape(x.shape)

        return y, backward
