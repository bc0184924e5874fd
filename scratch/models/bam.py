"""BAM: what and where to look, in two branches side by side whose sum becomes one gate.

Axes: N C H W images.
Twin: torch_ref/models/bam.py. Pair: parity_tests/pairs/models/bam.py.
"""

from __future__ import annotations

from scratch import random
from scratch.activations import sigmoid
from scratch.adaptive_pooling import AdaptiveAvgPool2d
from scratch.batch_norm import BatchNorm1d, BatchNorm2d
from scratch.containers import Sequential, chain
from scratch.convolution import Conv2d
from scratch.linear import Linear
from scratch.models.attention_parts import as_maps, check_images, gated, reduced
from scratch.module import Module
from scratch.op import unbroadcast
from scratch.rectifiers import ReLU
from scratch.reshaping import Flatten


class ChannelGate(Module):
    """One number for each channel: x -> means over H and W -> num_layers of (linear, batch norm, relu) -> linear.

    Parameters
    ----------
    channel : C. reduction : the hidden layers have C // reduction units.

    Called with x (N, C, H, W) -> (N, C, 1, 1). backward : dy -> dx. In training N must be 2 at least.
    """

    def __init__(self, channel: int, reduction: int = 16, num_layers: int = 3, *, rng=None):
        hidden = reduced("ChannelGate", channel, reduction)
        rng = random.generator(rng)
        self.channel = channel
        self.ca = Sequential({"avgpool": AdaptiveAvgPool2d(1), "flatten": Flatten()})
        width = channel
        for i in range(num_layers):
            self.ca.add_module(f"fc{i}", Linear(width, hidden, rng=rng))
            self.ca.add_module(f"bn{i}", BatchNorm1d(hidden))
            self.ca.add_module(f"relu{i}", ReLU())
            width = hidden
        self.ca.add_module("last_fc", Linear(width, channel, rng=rng))

    def forward(self, x):
        check_images("ChannelGate", x, self.channel)
        return chain(x, self.ca, as_maps)


class SpatialGate(Module):
    """One number for each place: a 1x1 convolution to C // reduction channels, then num_layers of dilated 3x3
    convolutions, each with batch norm and relu, and a 1x1 convolution to one channel.

    dia_val : the dilation, and the padding too, so that H and W stay. (The usual public version pads by 1 whatever the
    dilation: its map is smaller than x, and the two branches do not fit.)

    Called with x (N, C, H, W) -> (N, 1, H, W). backward : dy -> dx.
    """

    def __init__(self, channel: int, reduction: int = 16, num_layers: int = 3, dia_val: int = 2, *, rng=None):
        hidden = reduced("SpatialGate", channel, reduction)
        rng = random.generator(rng)
        self.channel = channel
        self.sa = Sequential(
            {
                "conv_reduce1": Conv2d(channel, hidden, 1, rng=rng),
                "bn_reduce1": BatchNorm2d(hidden),
                "relu_reduce1": ReLU(),
            }
        )
        for i in range(num_layers):
            conv = Conv2d(hidden, hidden, 3, padding=dia_val, dilation=dia_val, rng=rng)
            self.sa.add_module(f"conv_{i}", conv)
            self.sa.add_module(f"bn_{i}", BatchNorm2d(hidden))
            self.sa.add_module(f"relu_{i}", ReLU())
        self.sa.add_module("last_conv", Conv2d(hidden, 1, 1, rng=rng))

    def forward(self, x):
        check_images("SpatialGate", x, self.channel)
        return chain(x, self.sa)


class BAMBlock(Module):
    """y = x · (1 + sigmoid(ca(x) + sa(x))): a number for each channel and one for each place, added up.

    Parameters
    ----------
    channel, reduction : of `ca`, a ChannelGate, and `sa`, a SpatialGate. dia_val : the dilation in sa.

    Called with x (N, C, H, W) -> y as x. backward : dy -> dx. In training N must be 2 at least.

    Source: Park, Woo, Lee, Kweon, "BAM: Bottleneck Attention Module", 2018; three hidden layers in ca and sa, as in the
    usual public version.
    """

    def __init__(self, channel: int = 512, reduction: int = 16, dia_val: int = 2, *, rng=None):
        rng = random.generator(rng)
        self.ca = ChannelGate(channel, reduction, rng=rng)
        self.sa = SpatialGate(channel, reduction, dia_val=dia_val, rng=rng)

    def forward(self, x):
        check_images("BAMBlock", x, self.ca.channel)
        h, gate_backward = gated(x, self.gate)
        # y = x + x * gate
        return x + h, lambda dy: dy + gate_backward(dy)

    def gate(self, x):
        """sigmoid(ca(x) + sa(x)): (N, C, H, W)"""
        c, channel_backward = self.ca(x)  # (N, C, 1, 1)
        s, spatial_backward = self.sa(x)  # (N, 1, H, W)
        gate, sigmoid_backward = sigmoid(c + s)

        def backward(dgate):
            # gate = sigmoid(c + s), where both are spread over all channels and places
            d = sigmoid_backward(dgate)
            return channel_backward(unbroadcast(d, c.shape)) + spatial_backward(unbroadcast(d, s.shape))

        return gate, backward
