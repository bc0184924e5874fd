"""Diverse branches: six ways in which a structure of linear layers is one convolution, and a block that uses them.

Transforms 1, 2 and 6 (`fuse_kernel`, `add_kernels`, `pad_kernel`) are those of reparameterisation.py; 3, 4 and 5 are
here. All work on kernels (weight, bias): weight (F, C/groups, R, S), bias (F,).

Axes: N batch, C input channels, D channels in between, F filters (output channels), R S kernel, g groups.
Twin: torch_ref/models/diverse_branch.py. Pair: parity_tests/pairs/models/diverse_branch.py.
"""

from __future__ import annotations

import numpy as np

from scratch import init, random
from scratch.batch_norm import BatchNorm2d
from scratch.containers import Sequential
from scratch.convolution import Conv2d
from scratch.models.reparameterisation import (
    Reparameterised,
    add_kernels,
    conv_bn,
    fuse_kernel,
    odd_kernel,
    pad_kernel,
    padded_kernels,
)
from scratch.op import on_device_of
from scratch.padding import ZeroPad2d
from scratch.pooling import AvgPool2d

__all__ = [
    "DiverseBranchBlock",
    "add_kernels",
    "average_kernel",
    "concatenate_kernels",
    "fuse_kernel",
    "merge_kernels",
    "pad_kernel",
]


def merge_kernels(first, second, groups: int = 1):
    """Transform 3: (weight, bias) of a 1x1 convolution and then an R x S one, both with these groups.

    first : (D, C/g, 1, 1), (D,). second : (F, D/g, R, S), (F,), without padding of its own: a border belongs before the
    first, where its zeros become what the first makes of zeros, its bias. Returns (F, C/g, R, S), (F,).
    """
    (w1, b1), (w2, b2) = first, second
    if w1.shape[2:] != (1, 1) or w1.shape[0] != groups * w2.shape[1]:
        raise ValueError(
            f"merge_kernels: the first must be 1x1 with the {groups * w2.shape[1]} channels the second takes "
            f"({groups} groups), but the weights are {w1.shape} and {w2.shape}"
        )
    F, inner, R, S = w2.shape
    per_filter = w2.reshape(groups, F // groups, inner, R, S)
    weight = np.einsum("gfdrs,gdc->gfcrs", per_filter, w1.reshape(groups, inner, -1))
    through = np.einsum("gfdrs,gd->gf", per_filter, b1.reshape(groups, inner))  # the first's bias, seen by the second
    return weight.reshape(F, -1, R, S), b2 + through.reshape(F)


def concatenate_kernels(*kernels):
    """Transform 4: (weight, bias) of parallel convolutions whose output channels stand one after the other.

    Of one group each: with more, the channels of a group would not stay together.
    """
    weights, biases = zip(*kernels)
    return np.concatenate(weights), np.concatenate(biases)


def average_kernel(channels: int, kernel_size: int, groups: int = 1):
    """Transform 5: the weight (channels, channels/groups, k, k) whose convolution is average pooling.

    Filter f averages its own channel, with 1/k² in every place, and sees no other.
    """
    weight = np.zeros((channels, channels // groups, kernel_size, kernel_size))
    own = np.arange(channels)
    weight[own, own % (channels // groups)] = 1 / kernel_size**2
    return weight


class DiverseBranchBlock(Reparameterised):
    """Four branches that are one convolution in evaluation: y is the sum of

    dbb_origin    bn(conv kxk(x))
    dbb_1x1       bn(conv 1x1(x))
    dbb_1x1_kxk   bn(conv kxk(bn(conv 1x1(x'))))
    dbb_avg       bn(average kxk(bn(conv 1x1(x'))))

    where x' is x with its border of zeros.

    Parameters
    ----------
    in_channels, out_channels : C, F. kernel_size : k, odd. stride, groups : of each branch. padding : k // 2, so that
    the branches align; None means that, another number is a ValueError. deploy : True for the folded form.

    Called with x (N, C, H, W) -> y (N, F, P, Q). backward : dy -> dx. There is no activation in it: it stands for a
    convolution with batch norm. `switch_to_deploy` as RepBlock's.

    The paper's own code pads between the 1x1 and the kxk, with what batch norm makes of zero by its running statistics,
    as constants. Padding before both is the same function in evaluation; in training the border is then part of the
    batch like everything else. The 1x1 of dbb_1x1_kxk starts as the identity, as there.

    Source: Ding et al., "Diverse Branch Block: Building a Convolution as an Inception-like Unit", 2021.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int = 3, stride: int = 1, padding: int | None = None,
        groups: int = 1, deploy: bool = False, *, rng=None,
    ):  # fmt: skip
        k, middle = kernel_size, odd_kernel("DiverseBranchBlock", kernel_size) // 2
        if padding not in (None, middle):
            raise ValueError(f"DiverseBranchBlock: padding must be {middle} for kernel_size {k}, but is {padding}")
        rng = random.generator(rng)
        C, F, made = in_channels, out_channels, {"groups": groups, "rng": rng}
        self.deploy, self.groups = deploy, groups
        if deploy:
            self.reparam = Conv2d(C, F, k, stride, middle, **made)
            return
        self.dbb_origin = conv_bn(C, F, k, stride=stride, padding=middle, **made)
        self.dbb_1x1 = conv_bn(C, F, 1, stride=stride, **made)
        self.dbb_1x1_kxk = Sequential(
            {
                "pad": ZeroPad2d(middle),
                "conv1": Conv2d(C, C, 1, bias=False, **made),
                "bn1": BatchNorm2d(C),
                "conv2": Conv2d(C, F, k, stride, bias=False, **made),
                "bn2": BatchNorm2d(F),
            }
        )
        init.dirac_(self.dbb_1x1_kxk["conv1"].weight, groups)
        self.dbb_avg = Sequential(
            {
                "pad": ZeroPad2d(middle),
                "conv": Conv2d(C, F, 1, bias=False, **made),
                "bn": BatchNorm2d(F),
                "avg": AvgPool2d(k, stride),
                "avgbn": BatchNorm2d(F),
            }
        )

    def forward(self, x):
        return self.convolve(x)

    def main(self):
        return self.dbb_origin

    def other_kernels(self):
        _, conv1, bn1, conv2, bn2 = self.dbb_1x1_kxk
        _, conv, bn, _, avgbn = self.dbb_avg
        return [
            *padded_kernels([self.dbb_1x1], conv2.kernel_size),
            merge_kernels(fuse_kernel(conv1, bn1), fuse_kernel(conv2, bn2), self.groups),
            merge_kernels(fuse_kernel(conv, bn), fuse_kernel(self.averaging(), avgbn), self.groups),
        ]

    def averaging(self) -> Conv2d:
        """The convolution that dbb_avg's pooling is."""
        like, (k, _) = self.dbb_origin["conv"].weight, self.dbb_origin["conv"].kernel_size
        F = like.shape[0]
        conv = Conv2d(F, F, k, groups=self.groups, bias=False, rng=0).eval()  # its weight is replaced
        conv.weight.data = on_device_of(like.data, average_kernel(F, k, self.groups).astype(like.dtype))
        return conv
