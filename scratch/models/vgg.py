"""VGG: stages of 3x3 convolutions, each followed by a pooling that halves the image.

Axes: N batch, C channels, H W image.
Twin: torch_ref/models/vgg.py. Pair: parity_tests/pairs/models/vgg.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from scratch import init, random
from scratch.adaptive_pooling import AdaptiveAvgPool2d
from scratch.batch_norm import BatchNorm2d
from scratch.containers import Sequential
from scratch.convolution import Conv2d
from scratch.dropout import Dropout
from scratch.linear import Linear
from scratch.models.assembly import Trunk
from scratch.pooling import MaxPool2d
from scratch.rectifiers import ReLU
from scratch.reshaping import Flatten

WIDTHS = (64, 128, 256, 512, 512)


class VGG(Trunk):
    """Stages of `count` times (conv 3x3, ReLU), then maximum pooling 2x2; three linear layers with dropout.

    Two 3x3 convolutions see as far as one 5x5, with 18 instead of 25 weights a channel pair and a ReLU more.
    Architecture and state_dict keys are torchvision's, whose checkpoints load.

    Parameters
    ----------
    stages : (count of convolutions, channels) for each stage. num_classes, in_channels : K and C.
    batch_norm : whether each convolution is followed by a BatchNorm2d (it keeps its bias, which then has no effect in
        training: the normalization takes it away again). dropout : behind the two hidden layers.
    small_images : for 28x28 and 32x32: the linear layers see the average over all places instead of 7x7 places, and a
        pooling keeps an odd last row, so that five of them fit into 28 pixels. hidden : the width of the linear layers,
        4096 (small_images: 512).

    Convolution weights start from N(0, 2 / fan_out), linear weights from N(0, 0.01²), biases from 0, as torchvision's.

    Source: Simonyan, Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2015.
    """

    def __init__(
        self, stages: Sequence[tuple[int, int]], num_classes: int = 1000, batch_norm: bool = False,
        dropout: float = 0.5, in_channels: int = 3, small_images: bool = False, hidden: int | None = None, *, rng=None,
    ):  # fmt: skip
        if not stages or min(min(stage) for stage in stages) < 1:
            raise ValueError(f"VGG: stages must be pairs (count of convolutions, channels) >= 1, but are {stages}")
        rng = None if rng is None else random.generator(rng)
        hidden = hidden or (512 if small_images else 4096)
        size = 1 if small_images else 7
        self.in_channels = in_channels
        layers, channels = [], in_channels
        for count, width in stages:
            for _ in range(count):
                norm = [BatchNorm2d(width)] if batch_norm else []
                layers += [Conv2d(channels, width, 3, padding=1, rng=rng), *norm, ReLU()]
                channels = width
            layers.append(MaxPool2d(2, ceil_mode=small_images))
        self.features = Sequential(*layers)
        self.avgpool = AdaptiveAvgPool2d(size)
        self.classifier = Sequential(
            Linear(channels * size * size, hidden, rng=rng),
            ReLU(),
            Dropout(dropout, rng=rng),
            Linear(hidden, hidden, rng=rng),
            ReLU(),
            Dropout(dropout, rng=rng),
            Linear(hidden, num_classes, rng=rng),
        )
        self.reset_parameters(rng)

    def reset_parameters(self, rng=None) -> None:
        rng = random.generator(rng)
        for module in self.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu", rng=rng)
                init.zeros_(module.bias)
            elif isinstance(module, Linear):
                init.normal_(module.weight, 0, 0.01, rng=rng)
                init.zeros_(module.bias)

    def steps(self):
        return self.features, self.avgpool, Flatten(), self.classifier


def _vgg(counts, options) -> VGG:
    return VGG(tuple(zip(counts, WIDTHS)), **options)


def vgg11(**options) -> VGG:
    """8 convolutions and 3 linear layers. Options: all of VGG's but `stages`."""
    return _vgg((1, 1, 2, 2, 2), options)


def vgg13(**options) -> VGG:
    """10 convolutions and 3 linear layers."""
    return _vgg((2, 2, 2, 2, 2), options)


def vgg16(**options) -> VGG:
    """13 convolutions and 3 linear layers."""
    return _vgg((2, 2, 3, 3, 3), options)


def vgg19(**options) -> VGG:
    """16 convolutions and 3 linear layers."""
    return _vgg((2, 2, 4, 4, 4), options)
