"""ResNet and ResNeXt: blocks that add what they compute to what they got.

Axes: N batch, C channels, H W image.
Twin: torch_ref/models/resnet.py. Pair: parity_tests/pairs/models/resnet.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from scratch import init, random
from scratch.adaptive_pooling import AdaptiveAvgPool2d
from scratch.batch_norm import BatchNorm2d
from scratch.containers import Sequential, chain
from scratch.convolution import Conv2d
from scratch.linear import Linear
from scratch.models.assembly import Trunk, add_branches, unchanged
from scratch.module import Module
from scratch.pooling import MaxPool2d
from scratch.rectifiers import relu
from scratch.reshaping import Flatten


class ResidualBlock(Module):
    """y = relu(body(x) + shortcut(x)); a subclass lists the steps of its body.

    The gradient reaches x by both ways, dx = body's + shortcut's, and by the second one undiminished.
    """

    expansion: int  # output channels = expansion · channels
    downsample: Sequential | None

    def body(self) -> tuple:
        raise NotImplementedError(f"{type(self).__name__} must define body()")

    def shortcut(self, in_channels: int, out_channels: int, stride: int, rng) -> Sequential | None:
        """A 1x1 convolution with batch norm where the shape changes, else nothing."""
        if stride == 1 and in_channels == out_channels:
            return None
        return Sequential(Conv2d(in_channels, out_channels, 1, stride, bias=False, rng=rng), BatchNorm2d(out_channels))

    def forward(self, x):
        """x (N, in_channels, H, W) -> y (N, expansion · channels, H / stride, W / stride). backward : dy -> dx."""
        return chain(x, self.both_ways, relu)

    def both_ways(self, x):
        return add_branches(x, lambda x: chain(x, *self.body()), self.downsample or unchanged)


class BasicBlock(ResidualBlock):
    """relu(bn(conv 3x3(relu(bn(conv 3x3(x))))) + shortcut(x)): the block of ResNet-18 and ResNet-34.

    groups and base_width must be 1 and 64, as torchvision has it; ValueError otherwise.
    """

    expansion = 1

    def __init__(
        self, in_channels: int, channels: int, stride: int = 1, groups: int = 1, base_width: int = 64, *, rng=None
    ):  # fmt: skip
        if groups != 1 or base_width != 64:
            raise ValueError(
                f"BasicBlock: has groups=1 and base_width=64 only, but got {groups} and {base_width}; use a Bottleneck"
            )
        rng = random.generator(rng)
        self.conv1 = Conv2d(in_channels, channels, 3, stride, padding=1, bias=False, rng=rng)
        self.bn1 = BatchNorm2d(channels)
        self.conv2 = Conv2d(channels, channels, 3, padding=1, bias=False, rng=rng)
        self.bn2 = BatchNorm2d(channels)
        self.downsample = self.shortcut(in_channels, channels, stride, rng)

    def body(self):
        return self.conv1, self.bn1, relu, self.conv2, self.bn2

    @property
    def last_norm(self) -> BatchNorm2d:
        return self.bn2


class Bottleneck(ResidualBlock):
    """1x1 to fewer channels, 3x3 in groups, 1x1 to four times as many: the block of ResNet-50 and deeper, and ResNeXt.

    The 3x3 convolution works on base_width / 64 · channels · groups channels. It also has the stride, as torchvision's
    ("ResNet v1.5"); in the paper the first 1x1 has it, and so looks at a quarter of its input only.
    """

    expansion = 4

    def __init__(
        self, in_channels: int, channels: int, stride: int = 1, groups: int = 1, base_width: int = 64, *, rng=None
    ):  # fmt: skip
        rng = random.generator(rng)
        width, out_channels = int(channels * base_width / 64) * groups, channels * self.expansion
        self.conv1 = Conv2d(in_channels, width, 1, bias=False, rng=rng)
        self.bn1 = BatchNorm2d(width)
        self.conv2 = Conv2d(width, width, 3, stride, padding=1, groups=groups, bias=False, rng=rng)
        self.bn2 = BatchNorm2d(width)
        self.conv3 = Conv2d(width, out_channels, 1, bias=False, rng=rng)
        self.bn3 = BatchNorm2d(out_channels)
        self.downsample = self.shortcut(in_channels, out_channels, stride, rng)

    def body(self):
        return self.conv1, self.bn1, relu, self.conv2, self.bn2, relu, self.conv3, self.bn3

    @property
    def last_norm(self) -> BatchNorm2d:
        return self.bn3


BLOCKS = {"basic": BasicBlock, "bottleneck": Bottleneck}


class ResNet(Trunk):
    """A first convolution, stages of residual blocks, the average over all places, one linear layer.

    Each stage but the first halves the image and doubles the channels in its first block. Architecture and state_dict
    keys are torchvision's, whose checkpoints load.

    Parameters
    ----------
    block : "basic" or "bottleneck". layers : blocks in each stage. num_classes, in_channels : K and C.
    zero_init_residual : whether each block starts as its shortcut alone: the weight of its last norm is 0.
    groups, width_per_group : of the bottlenecks; more than one group makes it a ResNeXt.
    small_images : for 28x28 and 32x32: a first convolution 3x3 with stride 1 and no pooling, instead of 7x7 with stride
        2 and maximum pooling. width : channels of the first stage.

    Convolution weights start from N(0, 2 / fan_out), as torchvision's; the linear layer from its own default.

    Sources: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", 2015; Xie, Girshick, Dollár, Tu, He,
    "Aggregated Residual Transformations for Deep Neural Networks", 2017.
    """

    def __init__(
        self, block: str, layers: Sequence[int], num_classes: int = 1000, zero_init_residual: bool = False,
        groups: int = 1, width_per_group: int = 64, in_channels: int = 3, small_images: bool = False, width: int = 64,
        *, rng=None,
    ):  # fmt: skip
        if block not in BLOCKS:
            raise ValueError(f"ResNet: block must be 'basic' or 'bottleneck', but is {block!r}")
        if not layers or min(layers) < 1:
            raise ValueError(f"ResNet: layers must count the blocks of each stage, at least 1, but are {layers}")
        rng = random.generator(rng)
        kind = BLOCKS[block]
        self.in_channels, self.small_images, self.zero_init_residual = in_channels, small_images, zero_init_residual
        stem = (3, 1, 1) if small_images else (7, 2, 3)  # kernel, stride, padding
        self.conv1 = Conv2d(in_channels, width, *stem, bias=False, rng=rng)
        self.bn1 = BatchNorm2d(width)
        self.maxpool = None if small_images else MaxPool2d(3, stride=2, padding=1)
        incoming = width
        for stage, count in enumerate(layers):
            channels, blocks = width * 2**stage, []
            for i in range(count):
                stride = 2 if stage and i == 0 else 1
                blocks.append(kind(incoming, channels, stride, groups, width_per_group, rng=rng))
                incoming = channels * kind.expansion
            self.add_module(f"layer{stage + 1}", Sequential(*blocks))
        self.depth = len(layers)
        self.avgpool = AdaptiveAvgPool2d(1)
        self.fc = Linear(incoming, num_classes, rng=rng)
        self.reset_parameters(rng)

    def reset_parameters(self, rng=None) -> None:
        rng = random.generator(rng)
        for module in self.modules():
            if isinstance(module, Conv2d):
                init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu", rng=rng)
            elif isinstance(module, (BatchNorm2d, Linear)):
                module.reset_parameters(rng)
        if self.zero_init_residual:
            for module in self.modules():
                if isinstance(module, (BasicBlock, Bottleneck)):
                    init.zeros_(module.last_norm.weight)

    def steps(self):
        pool = () if self.maxpool is None else (self.maxpool,)
        stages = (self.get_submodule(f"layer{i + 1}") for i in range(self.depth))
        return self.conv1, self.bn1, relu, *pool, *stages, self.avgpool, Flatten(), self.fc


def resnet18(**options) -> ResNet:
    """8 blocks of two convolutions. Options: all of ResNet's but `block` and `layers`."""
    return ResNet("basic", (2, 2, 2, 2), **options)


def resnet34(**options) -> ResNet:
    """16 blocks of two convolutions."""
    return ResNet("basic", (3, 4, 6, 3), **options)


def resnet50(**options) -> ResNet:
    """16 bottlenecks of three convolutions."""
    return ResNet("bottleneck", (3, 4, 6, 3), **options)


def resnet101(**options) -> ResNet:
    """33 bottlenecks."""
    return ResNet("bottleneck", (3, 4, 23, 3), **options)


def resnet152(**options) -> ResNet:
    """50 bottlenecks."""
    return ResNet("bottleneck", (3, 8, 36, 3), **options)


def resnext50_32x4d(**options) -> ResNet:
    """ResNet-50 whose 3x3 convolutions have 32 groups of 4 channels in the first stage."""
    return resnet50(groups=32, width_per_group=4, **options)


def resnext101_32x8d(**options) -> ResNet:
    """ResNet-101 whose 3x3 convolutions have 32 groups of 8 channels in the first stage."""
    return resnet101(groups=32, width_per_group=8, **options)
