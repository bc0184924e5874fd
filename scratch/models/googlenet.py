"""GoogLeNet: blocks that look with windows of several sizes at once (Inception).

Axes: N batch, C channels, H W image.
Twin: torch_ref/models/googlenet.py. Pair: parity_tests/pairs/models/googlenet.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_lowercase

from scratch import init, random
from scratch.adaptive_pooling import AdaptiveAvgPool2d
from scratch.batch_norm import BatchNorm2d
from scratch.containers import Sequential, chain
from scratch.convolution import Conv2d
from scratch.dropout import Dropout
from scratch.linear import Linear
from scratch.models.assembly import Trunk, concatenate_branches
from scratch.module import Module
from scratch.pooling import MaxPool2d
from scratch.rectifiers import relu
from scratch.reshaping import Flatten


class BasicConv2d(Module):
    """relu(bn(conv(x))), the convolution without a bias; or relu(conv(x)) with one."""

    def __init__(self, in_channels: int, out_channels: int, *geometry: int, batch_norm: bool, rng=None):
        """geometry : kernel_size, stride, padding."""
        self.conv = Conv2d(in_channels, out_channels, *geometry, bias=not batch_norm, rng=rng)
        self.bn = BatchNorm2d(out_channels, eps=0.001) if batch_norm else None

    def forward(self, x):
        return chain(x, self.conv, relu) if self.bn is None else chain(x, self.conv, self.bn, relu)


class Inception(Module):
    """Four branches side by side, whose channels are concatenated.

    1x1 | 1x1 to fewer channels, 3x3 | 1x1 to fewer channels, large | maximum pooling 3x3, 1x1.

    The large window is the paper's 5x5 without batch norm; with it, 3x3, as torchvision's checkpoints have it (a slip
    that was kept because they were trained with it). The arguments keep the paper's names all the same.

    Parameters
    ----------
    in_channels : C. ch1x1, ch3x3red, ch3x3, ch5x5red, ch5x5, pool_proj : the channels each convolution makes, as in the
    paper's table. batch_norm : batch norm and no bias in each convolution, else a bias.
    """

    def __init__(
        self, in_channels: int, ch1x1: int, ch3x3red: int, ch3x3: int, ch5x5red: int, ch5x5: int, pool_proj: int,
        batch_norm: bool = True, *, rng=None,
    ):  # fmt: skip
        options = {"batch_norm": batch_norm, "rng": random.generator(rng)}
        large = 3 if batch_norm else 5
        self.branch1 = BasicConv2d(in_channels, ch1x1, 1, **options)
        self.branch2 = Sequential(
            BasicConv2d(in_channels, ch3x3red, 1, **options), BasicConv2d(ch3x3red, ch3x3, 3, 1, 1, **options)
        )
        self.branch3 = Sequential(
            BasicConv2d(in_channels, ch5x5red, 1, **options),
            BasicConv2d(ch5x5red, ch5x5, large, 1, large // 2, **options),
        )
        self.branch4 = Sequential(
            MaxPool2d(3, stride=1, padding=1, ceil_mode=True), BasicConv2d(in_channels, pool_proj, 1, **options)
        )

    def forward(self, x):
        """x (N, C, H, W) -> y (N, ch1x1 + ch3x3 + ch5x5 + pool_proj, H, W). backward : dy -> dx."""
        return concatenate_branches(x, self.branch1, self.branch2, self.branch3, self.branch4)


STAGES = (
    ((64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)),  # inception3a, 3b
    (
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ),  # 4a to 4e
    ((256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)),  # 5a, 5b
)


class GoogLeNet(Trunk):
    """Three convolutions, stages of Inception blocks with pooling between, the average over all places, one linear.

    Architecture and state_dict keys are torchvision's, without the two auxiliary heads, which only training from
    nothing needs: load its checkpoint with `strict=False`. batch_norm=False is the paper's network (biases, 5x5
    windows) without its local response normalization.

    Parameters
    ----------
    num_classes, in_channels : K and C. dropout : before the linear layer.
    small_images : for 28x28 and 32x32: one convolution 3x3 with stride 1 at the start, no pooling.
    batch_norm : see Inception. stem : channels of the first three convolutions. stages : for each stage the six numbers
        of each Inception block.

    Weights start from N(0, 0.01²) as torchvision's; without batch norm, by which that shrinks to nothing over 22
    layers, from Glorot's uniform rule.

    Source: Szegedy et al., "Going Deeper with Convolutions", 2015.
    """

    def __init__(
        self, num_classes: int = 1000, dropout: float = 0.2, in_channels: int = 3, small_images: bool = False,
        batch_norm: bool = True, stem: tuple[int, int, int] = (64, 64, 192),
        stages: Sequence[Sequence[Sequence[int]]] = STAGES, *, rng=None,
    ):  # fmt: skip
        if not stages or not all(len(block) == 6 for stage in stages for block in stage):
            raise ValueError(f"GoogLeNet: stages must be lists of blocks of six channel numbers, but are {stages}")
        dropout_rng = None if rng is None else random.generator(rng)
        options = {"batch_norm": batch_norm, "rng": random.generator(dropout_rng)}
        self.in_channels, self.batch_norm = in_channels, batch_norm
        c1, c2, channels = stem
        if small_images:
            self.conv1 = BasicConv2d(in_channels, channels, 3, 1, 1, **options)
        else:
            self.conv1 = BasicConv2d(in_channels, c1, 7, 2, 3, **options)  # (N, 3, 224, 224) -> (N, 64, 112, 112)
            self.maxpool1 = MaxPool2d(3, stride=2, ceil_mode=True)  # (N, 64, 56, 56)
            self.conv2 = BasicConv2d(c1, c2, 1, **options)
            self.conv3 = BasicConv2d(c2, channels, 3, 1, 1, **options)
            self.maxpool2 = MaxPool2d(3, stride=2, ceil_mode=True)  # (N, 192, 28, 28)
        for i, stage in enumerate(stages, start=3):
            if i > 3:
                size = 2 if batch_norm and i == len(stages) + 2 else 3  # torchvision's last one is smaller
                self.add_module(f"maxpool{i - 1}", MaxPool2d(size, stride=2, ceil_mode=True))
            for letter, block in zip(ascii_lowercase, stage):
                self.add_module(f"inception{i}{letter}", Inception(channels, *block, **options))
                ch1x1, _, ch3x3, _, ch5x5, pool_proj = block
                channels = ch1x1 + ch3x3 + ch5x5 + pool_proj
        self.avgpool = AdaptiveAvgPool2d(1)
        self.flatten = Flatten()
        self.dropout = Dropout(dropout, rng=dropout_rng)
        self.fc = Linear(channels, num_classes, rng=options["rng"])
        self.reset_parameters(options["rng"])

    def reset_parameters(self, rng=None) -> None:
        rng = random.generator(rng)
        for module in self.modules():
            if isinstance(module, (BatchNorm2d, Conv2d, Linear)):
                module.reset_parameters(rng)
            if isinstance(module, (Conv2d, Linear)):
                if self.batch_norm:
                    init.trunc_normal_(module.weight, std=0.01, rng=rng)
                else:
                    init.xavier_uniform_(module.weight, rng=rng)

    def steps(self):
        return tuple(self.children())  # in the order they were made
