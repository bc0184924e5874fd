"""DenseNet: every layer of a block sees the outputs of all layers before it.

Axes: N batch, C channels, H W image; k growth rate.
Twin: torch_ref/models/densenet.py. Pair: parity_tests/pairs/models/densenet.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from scratch import init, random
from scratch.adaptive_pooling import AdaptiveAvgPool2d
from scratch.batch_norm import BatchNorm2d
from scratch.containers import Sequential, chain
from scratch.convolution import Conv2d
from scratch.dropout import Dropout
from scratch.linear import Linear
from scratch.models.assembly import Trunk, concatenate_branches, unchanged
from scratch.module import Module
from scratch.pooling import AvgPool2d, MaxPool2d
from scratch.rectifiers import ReLU, relu
from scratch.reshaping import Flatten


class DenseLayer(Module):
    """y = x and, behind it, k new channels: conv 3x3(relu(bn(conv 1x1(relu(bn(x)))))).

    The 1x1 convolution brings the many channels of x down to bn_size · k. dropout : of the new channels.
    """

    def __init__(
        self, in_channels: int, growth_rate: int = 32, bn_size: int = 4, dropout: float = 0.0, *, rng=None
    ):  # fmt: skip
        rng = None if rng is None else random.generator(rng)
        inner = bn_size * growth_rate
        self.norm1 = BatchNorm2d(in_channels)
        self.conv1 = Conv2d(in_channels, inner, 1, bias=False, rng=rng)
        self.norm2 = BatchNorm2d(inner)
        self.conv2 = Conv2d(inner, growth_rate, 3, padding=1, bias=False, rng=rng)
        self.dropout = Dropout(dropout, rng=rng)

    def forward(self, x):
        """x (N, C, H, W) -> y (N, C + k, H, W). backward : dy -> dx."""
        return concatenate_branches(x, unchanged, self.new_channels)

    def new_channels(self, x):
        drop = (self.dropout,) if self.dropout.p else ()
        return chain(x, self.norm1, relu, self.conv1, self.norm2, relu, self.conv2, *drop)


def transition(in_channels: int, out_channels: int, rng) -> Sequential:
    """Between two blocks: fewer channels by a 1x1 convolution, half the size by average pooling."""
    return Sequential(
        {
            "norm": BatchNorm2d(in_channels),
            "relu": ReLU(),
            "conv": Conv2d(in_channels, out_channels, 1, bias=False, rng=rng),
            "pool": AvgPool2d(2),
        }
    )


class DenseNet(Trunk):
    """Blocks of dense layers with transitions between them, the average over all places, one linear layer.

    Architecture and state_dict keys are torchvision's (`features.denseblock1.denselayer1.norm1.weight`; its oldest
    checkpoint files have `norm.1` for `norm1`).

    Parameters
    ----------
    growth_rate : k. block_config : dense layers in each block. num_init_features : channels of the first convolution.
    bn_size : the 1x1 convolutions make bn_size · k channels. drop_rate : dropout of each layer's new channels.
    num_classes, in_channels : K and C. small_images : for 28x28 and 32x32, as in the paper: a first convolution 3x3
        with stride 1, without norm and pooling, instead of 7x7 with stride 2, norm, ReLU and maximum pooling.

    Convolution weights start from N(0, 2 / fan_in), the linear bias from 0, as torchvision's.

    Source: Huang, Liu, van der Maaten, Weinberger, "Densely Connected Convolutional Networks", 2017.
    """

    def __init__(
        self, growth_rate: int = 32, block_config: Sequence[int] = (6, 12, 24, 16), num_init_features: int = 64,
        bn_size: int = 4, drop_rate: float = 0.0, num_classes: int = 1000, in_channels: int = 3,
        small_images: bool = False, *, rng=None,
    ):  # fmt: skip
        if not block_config or min(block_config) < 1:
            raise ValueError(
                f"DenseNet: block_config must count each block's layers, at least 1, but is {block_config}"
            )
        rng = None if rng is None else random.generator(rng)
        self.in_channels, channels = in_channels, num_init_features
        if small_images:
            parts: dict[str, Module] = {"conv0": Conv2d(in_channels, channels, 3, padding=1, bias=False, rng=rng)}
        else:
            parts = {
                "conv0": Conv2d(in_channels, channels, 7, stride=2, padding=3, bias=False, rng=rng),
                "norm0": BatchNorm2d(channels),
                "relu0": ReLU(),
                "pool0": MaxPool2d(3, stride=2, padding=1),
            }
        for b, count in enumerate(block_config, start=1):
            layers = {}
            for i in range(1, count + 1):
                layers[f"denselayer{i}"] = DenseLayer(channels, growth_rate, bn_size, drop_rate, rng=rng)
                channels += growth_rate
            parts[f"denseblock{b}"] = Sequential(layers)
            if b < len(block_config):
                parts[f"transition{b}"] = transition(channels, channels // 2, rng)
                channels //= 2
        parts["norm5"] = BatchNorm2d(channels)
        self.features = Sequential(parts)
        self.avgpool = AdaptiveAvgPool2d(1)
        self.classifier = Linear(channels, num_classes, rng=rng)
        self.reset_parameters(rng)

    def reset_parameters(self, rng=None) -> None:
        rng = random.generator(rng)
        for module in self.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight, nonlinearity="relu", rng=rng)
            elif isinstance(module, (BatchNorm2d, Linear)):
                module.reset_parameters(rng)
        init.zeros_(self.classifier.bias)

    def steps(self):
        return self.features, relu, self.avgpool, Flatten(), self.classifier


def densenet121(**options) -> DenseNet:
    """58 dense layers in four blocks. Options: all of DenseNet's but `block_config`."""
    return DenseNet(block_config=(6, 12, 24, 16), **options)


def densenet169(**options) -> DenseNet:
    """82 dense layers."""
    return DenseNet(block_config=(6, 12, 32, 32), **options)


def densenet201(**options) -> DenseNet:
    """98 dense layers."""
    return DenseNet(block_config=(6, 12, 48, 32), **options)
