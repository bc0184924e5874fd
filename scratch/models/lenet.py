"""LeNet: two convolutions with pooling, then linear layers.

Axes: N batch, C channels, H W image.
Twin: torch_ref/models/lenet.py. Pair: parity_tests/pairs/models/lenet.py.
"""

from __future__ import annotations

from scratch import random
from scratch.activations import Sigmoid, Tanh
from scratch.containers import Sequential
from scratch.convolution import Conv2d
from scratch.linear import Linear
from scratch.models.assembly import Trunk
from scratch.pooling import AvgPool2d, MaxPool2d
from scratch.rectifiers import ReLU
from scratch.reshaping import Flatten

ACTIVATIONS = {"sigmoid": Sigmoid, "tanh": Tanh, "relu": ReLU}
POOLINGS = {"avg": AvgPool2d, "max": MaxPool2d}


class LeNet(Trunk):
    """conv 5x5, pool, conv 5x5, pool, linear, linear, linear, with an activation after each but the last.

    The defaults are LeNet-5 as it is taught: 61 706 parameters. Of the original are left out the factor and bias of
    each pooled channel, the partial connections between the pooled channels and the second convolution, and the radial
    basis functions at the end, in whose place stand scores for `cross_entropy` (which contains the softmax: a network
    that ends with one applies it twice).

    Parameters
    ----------
    num_classes, in_channels : K and C. channels : of the two convolutions. hidden : widths of the two linear layers.
    activation : "sigmoid", "tanh" or "relu". pooling : "avg" or "max". padding : of the first convolution.
    image_size : H = W; 28 with padding 2 is the paper's 32 with padding 0.

    Raises
    ------
    ValueError : an unknown activation or pooling, an image too small, x not (N, C, image_size, image_size).

    Source: LeCun, Bottou, Bengio, Haffner, "Gradient-Based Learning Applied to Document Recognition", 1998.
    """

    def __init__(
        self, num_classes: int = 10, in_channels: int = 1, channels: tuple[int, int] = (6, 16),
        hidden: tuple[int, int] = (120, 84), activation: str = "tanh", pooling: str = "avg", padding: int = 2,
        image_size: int = 28, *, rng=None,
    ):  # fmt: skip
        if activation not in ACTIVATIONS or pooling not in POOLINGS:
            raise ValueError(
                f"LeNet: activation must be one of {', '.join(ACTIVATIONS)} and pooling one of {', '.join(POOLINGS)}, "
                f"but they are {activation!r} and {pooling!r}"
            )
        rng = random.generator(rng)
        act, pool = ACTIVATIONS[activation], POOLINGS[pooling]
        first = (image_size + 2 * padding - 4) // 2  # after convolution and pooling
        last = (first - 4) // 2
        if last < 1:
            raise ValueError(f"LeNet: image_size={image_size} with padding={padding} leaves nothing to classify")
        self.in_channels, self.image_size = in_channels, image_size
        self.features = Sequential(
            Conv2d(in_channels, channels[0], 5, padding=padding, rng=rng),
            act(),
            pool(2),  # (N, 6, first, first)
            Conv2d(channels[0], channels[1], 5, rng=rng),
            act(),
            pool(2),  # (N, 16, last, last)
        )
        self.classifier = Sequential(
            Flatten(),
            Linear(channels[1] * last * last, hidden[0], rng=rng),
            act(),
            Linear(hidden[0], hidden[1], rng=rng),
            act(),
            Linear(hidden[1], num_classes, rng=rng),
        )

    def steps(self):
        return self.features, self.classifier

    def forward(self, x):
        if x.shape[2:] != (self.image_size, self.image_size):
            raise ValueError(
                f"LeNet: made for images {self.image_size} x {self.image_size}, but x has shape {x.shape}; "
                "set image_size"
            )
        return super().forward(x)


def small_lenet(**options) -> LeNet:
    """The small modern form: ReLU, maximum pooling, fewer channels, no padding. 32 998 parameters."""
    return LeNet(
        **{"channels": (6, 12), "hidden": (120, 60), "activation": "relu", "pooling": "max", "padding": 0} | options
    )
