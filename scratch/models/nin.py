"""NiN, Network in Network: after each convolution two of 1x1, and no linear layer at the end.

Axes: N batch, C channels, H W image.
Twin: torch_ref/models/nin.py. Pair: parity_tests/pairs/models/nin.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from scratch import init, random
from scratch.adaptive_pooling import AdaptiveAvgPool2d
from scratch.containers import Sequential
from scratch.convolution import Conv2d
from scratch.dropout import Dropout
from scratch.models.assembly import Trunk
from scratch.pooling import MaxPool2d
from scratch.rectifiers import ReLU
from scratch.reshaping import Flatten


class NiNBlock(NamedTuple):
    """A convolution, then two of 1x1, with a ReLU after each."""

    kernel_size: int
    stride: int
    padding: int
    channels: tuple[int, int, int]  # of the three convolutions


IMAGENET = (
    NiNBlock(11, 4, 0, (96, 96, 96)),  # (N, 3, 224, 224) -> (N, 96, 54, 54), pooled to 26 x 26
    NiNBlock(5, 1, 2, (256, 256, 256)),  # pooled to 12 x 12
    NiNBlock(3, 1, 1, (384, 384, 384)),  # pooled to 5 x 5
    NiNBlock(3, 1, 1, (1024, 1024, 1000)),
)
SMALL_IMAGES = (
    NiNBlock(5, 1, 2, (192, 160, 96)),
    NiNBlock(5, 1, 2, (192, 192, 192)),
    NiNBlock(3, 1, 1, (192, 192, 10)),
)


class NiN(Trunk):
    """Blocks of a convolution and two 1x1 convolutions: the same small network of three layers at every place.

    Between the blocks stands maximum pooling 3x3 with stride 2, before the last one dropout. The last block makes one
    channel for each class, whose average over all places is its score. As in the paper the ReLU stands behind these
    channels, too: no score is negative, and a class whose channel is 0 everywhere gets no gradient from that image.

    Parameters
    ----------
    num_classes, in_channels : K and C. dropout : before the last block. small_images : the paper's network for 32x32
    instead of its authors' for ImageNet. blocks : (kernel_size, stride, padding, three channels) of each block instead;
    the very last number is replaced by num_classes.

    Weights start from N(0, 2 / fan_out), biases from 0, by which it trains without the paper's careful tuning.

    Source: Lin, Chen, Yan, "Network In Network", 2014.
    """

    def __init__(
        self, num_classes: int = 1000, dropout: float = 0.5, in_channels: int = 3, small_images: bool = False,
        blocks: Sequence[tuple[int, int, int, tuple[int, int, int]]] | None = None, *, rng=None,
    ):  # fmt: skip
        rng = None if rng is None else random.generator(rng)
        blocks = blocks or (SMALL_IMAGES if small_images else IMAGENET)
        self.in_channels = channels = in_channels
        layers = []
        for i, (kernel_size, stride, padding, (c1, c2, c3)) in enumerate(blocks):
            last = i == len(blocks) - 1
            if i:
                layers.append(MaxPool2d(3, stride=2))
            if last:
                layers.append(Dropout(dropout, rng=rng))
                c3 = num_classes
            layers += [
                *(Conv2d(channels, c1, kernel_size, stride, padding, rng=rng), ReLU()),
                *(Conv2d(c1, c2, 1, rng=rng), ReLU()),
                *(Conv2d(c2, c3, 1, rng=rng), ReLU()),
            ]
            channels = c3
        self.features = Sequential(*layers)
        self.avgpool = AdaptiveAvgPool2d(1)
        self.reset_parameters(rng)

    def reset_parameters(self, rng=None) -> None:
        rng = random.generator(rng)
        for module in self.features:
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu", rng=rng)
                init.zeros_(module.bias)

    def steps(self):
        return self.features, self.avgpool, Flatten()
