"""AlexNet: five convolutions, three overlapping poolings, three linear layers with dropout.

Axes: N batch, C channels, H W image.
Twin: torch_ref/models/alexnet.py. Pair: parity_tests/pairs/models/alexnet.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from scratch import random
from scratch.adaptive_pooling import AdaptiveAvgPool2d
from scratch.containers import Sequential
from scratch.convolution import Conv2d
from scratch.dropout import Dropout
from scratch.linear import Linear
from scratch.models.assembly import Trunk
from scratch.pooling import MaxPool2d
from scratch.rectifiers import ReLU
from scratch.reshaping import Flatten


class AlexNet(Trunk):
    """The network that made deep learning win on ImageNet, in its second, public form.

    Architecture and state_dict keys are torchvision's `alexnet`, whose checkpoints load. Like it this is the network of
    "One weird trick" (64 first channels, one tower), not that of 2012 (96, two towers with groups=2, local response
    normalization): tutorials often mix the two up. Layers start from their own defaults.

    Parameters
    ----------
    num_classes, in_channels : K and C. channels : of the five convolutions. dropout : before the two hidden layers.
    small_images : for 28x28 and 32x32: a first convolution 3x3 with stride 1 instead of 11x11 with stride 4, and 2x2
        places instead of 6x6 before the linear layers. hidden : their width, 4096 (small_images: 512).

    Source: Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014; Krizhevsky, Sutskever,
    Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", 2012.
    """

    def __init__(
        self, num_classes: int = 1000, dropout: float = 0.5, in_channels: int = 3, small_images: bool = False,
        channels: Sequence[int] = (64, 192, 384, 256, 256), hidden: int | None = None, *, rng=None,
    ):  # fmt: skip
        if len(channels) != 5:
            raise ValueError(f"AlexNet: channels must be 5 widths, but are {channels}")
        rng = None if rng is None else random.generator(rng)
        hidden = hidden or (512 if small_images else 4096)
        size = 2 if small_images else 6
        stem = {"kernel_size": 3, "padding": 1} if small_images else {"kernel_size": 11, "stride": 4, "padding": 2}
        c1, c2, c3, c4, c5 = channels
        self.in_channels = in_channels
        self.features = Sequential(
            Conv2d(in_channels, c1, **stem, rng=rng),  # (N, 3, 224, 224) -> (N, 64, 55, 55)
            ReLU(),
            MaxPool2d(3, stride=2),  # (N, 64, 27, 27)
            Conv2d(c1, c2, 5, padding=2, rng=rng),
            ReLU(),
            MaxPool2d(3, stride=2),  # (N, 192, 13, 13)
            Conv2d(c2, c3, 3, padding=1, rng=rng),
            ReLU(),
            Conv2d(c3, c4, 3, padding=1, rng=rng),
            ReLU(),
            Conv2d(c4, c5, 3, padding=1, rng=rng),
            ReLU(),
            MaxPool2d(3, stride=2),  # (N, 256, 6, 6)
        )
        self.avgpool = AdaptiveAvgPool2d(size)
        self.classifier = Sequential(
            Dropout(dropout, rng=rng),
            Linear(c5 * size * size, hidden, rng=rng),
            ReLU(),
            Dropout(dropout, rng=rng),
            Linear(hidden, hidden, rng=rng),
            ReLU(),
            Linear(hidden, num_classes, rng=rng),
        )

    def steps(self):
        return self.features, self.avgpool, Flatten(), self.classifier
