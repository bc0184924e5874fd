"""Re-parameterisation: train with parallel branches, then fold them into the one convolution they are together.

In evaluation a convolution and its batch norm are linear in x, and so is a sum of such branches: there is one kernel
that does the same. RepVGG and ACNet differ in their branches only.

Axes: N batch, C input channels, F filters (output channels), H W image, R S kernel, P Q output.
Twin: torch_ref/models/reparameterisation.py. Pair: parity_tests/pairs/models/reparameterisation.py.
"""

from __future__ import annotations

from copy import deepcopy

import numpy as np

from scratch import init, random
from scratch.batch_norm import BatchNorm2d
from scratch.containers import Sequential, chain
from scratch.convolution import Conv2d
from scratch.models.assembly import add_branches
from scratch.module import Module
from scratch.rectifiers import relu
from scratch.utils.fusion import fuse_conv_bn_eval

# ---------------------------------------------------------------------- kernels: weight (F, C/groups, R, S), bias (F,)


def fuse_kernel(conv, bn):
    """(weight, bias) of the convolution that does what conv and then bn do, both in evaluation (ValueError if not)."""
    fused = fuse_conv_bn_eval(conv, bn)
    return fused.weight.data, fused.bias.data


def add_kernels(*kernels):
    """(weight, bias) of the sum of parallel convolutions of one shape: convolution is linear in its kernel."""
    weights, biases = zip(*kernels)
    return sum(weights[1:], start=weights[0]), sum(biases[1:], start=biases[0])


def pad_kernel(weight, size: tuple[int, int]):
    """weight with zeros around it, (F, C/groups, *size): the same convolution, if x's border grows as much.

    ValueError where a side is longer than in size, or the difference is odd, so that there is no middle.
    """
    before = [(whole - part) // 2 for whole, part in zip(size, weight.shape[2:])]
    if any(whole < part or (whole - part) % 2 for whole, part in zip(size, weight.shape[2:])):
        raise ValueError(f"pad_kernel: a kernel {weight.shape[2:]} has no place in the middle of one of {tuple(size)}")
    padded = np.zeros_like(weight, shape=(*weight.shape[:2], *size))
    (top, left), (R, S) = before, weight.shape[2:]
    padded[:, :, top : top + R, left : left + S] = weight
    return padded


# ---------------------------------------------------------------------- blocks


class Reparameterised(Module):
    """A sum of branches that `switch_to_deploy` replaces by `reparam`, one convolution with equal output in evaluation.

    The branches are the children. A subclass says which of them has the largest kernel (`main`: a Sequential of conv
    and bn) and what the others' kernels are.
    """

    deploy: bool
    reparam: Conv2d

    def main(self) -> Sequential:
        raise NotImplementedError(f"{type(self).__name__} must define main()")

    def other_kernels(self) -> list:
        raise NotImplementedError(f"{type(self).__name__} must define other_kernels()")

    def convolve(self, x):
        """x (N, C, H, W) -> (N, F, P, Q)"""
        return self.reparam(x) if self.deploy else add_branches(x, *self.children())

    def switch_to_deploy(self) -> None:
        """Fold all branches into one convolution, whose weight and bias are Parameters that learn as any others.

        Called in evaluation (ValueError in training, nothing changed): a batch norm that takes the batch's statistics
        is no linear map. A second call does nothing.
        """
        if self.deploy:
            return
        reparam = fuse_conv_bn_eval(*self.main())  # a copy of its convolution: stride, padding and groups come along
        kernels = (reparam.weight.data, reparam.bias.data), *self.other_kernels()
        reparam.weight.data, reparam.bias.data = add_kernels(*kernels)
        for name, _ in list(self.named_children()):
            delattr(self, name)
        self.reparam, self.deploy = reparam, True


class RepBlock(Reparameterised):
    """RepVGG's block: y = relu(bn(conv kxk(x)) + bn(conv 1x1(x)) + bn(x)).

    The identity branch, bn(x), is there where it fits: as many channels come out as go in, and stride is 1.

    Parameters
    ----------
    input_channel, output_channel : C, F. kernel_size : k, odd. groups, stride : of both convolutions; usual public
    versions take stride and forget it. deploy : True for the folded form, one convolution with a bias, from the start.

    Called with x (N, C, H, W) -> y (N, F, P, Q), P = ceil(H / stride). backward : dy -> dx.

    Source: Ding et al., "RepVGG: Making VGG-style ConvNets Great Again", 2021.
    """

    def __init__(
        self, input_channel: int, output_channel: int, kernel_size: int = 3, groups: int = 1, stride: int = 1,
        deploy: bool = False, *, rng=None,
    ):  # fmt: skip
        middle = odd_kernel("RepBlock", kernel_size) // 2
        rng = random.generator(rng)
        channels, options = (input_channel, output_channel), {"stride": stride, "groups": groups, "rng": rng}
        self.deploy = deploy
        if deploy:
            self.reparam = Conv2d(*channels, kernel_size, padding=middle, **options)
            return
        self.brb_kxk = conv_bn(*channels, kernel_size, padding=middle, **options)
        self.brb_1x1 = conv_bn(*channels, 1, **options)
        unchanged = input_channel == output_channel and self.brb_1x1[0].stride == (1, 1)
        self.brb_identity = BatchNorm2d(input_channel) if unchanged else None

    def forward(self, x):
        return chain(x, self.convolve, relu)

    def main(self):
        return self.brb_kxk

    def other_kernels(self):
        point = self.brb_1x1[0]
        branches = [tuple(self.brb_1x1)]
        if self.brb_identity is not None:
            copying = deepcopy(point)  # a 1x1 convolution that copies every channel
            init.dirac_(copying.weight, point.groups)
            branches.append((copying, self.brb_identity))
        return padded_kernels(branches, self.brb_kxk[0].kernel_size)


class ACNet(Reparameterised):
    """Asymmetric convolution: y = relu(bn(conv kxk(x)) + bn(conv 1xk(x)) + bn(conv kx1(x))).

    Parameters, shapes and `switch_to_deploy` as RepBlock's. The row and the column strengthen the kernel's skeleton.

    Source: Ding et al., "ACNet: Strengthening the Kernel Skeletons ... via Asymmetric Convolution Blocks", 2019.
    """

    def __init__(
        self, input_channel: int, output_channel: int, kernel_size: int = 3, groups: int = 1, stride: int = 1,
        deploy: bool = False, *, rng=None,
    ):  # fmt: skip
        k, middle = kernel_size, odd_kernel("ACNet", kernel_size) // 2
        rng = random.generator(rng)
        channels, options = (input_channel, output_channel), {"stride": stride, "groups": groups, "rng": rng}
        self.deploy = deploy
        if deploy:
            self.reparam = Conv2d(*channels, k, padding=middle, **options)
            return
        self.brb_kxk = conv_bn(*channels, k, padding=middle, **options)
        self.brb_1xk = conv_bn(*channels, (1, k), padding=(0, middle), **options)
        self.brb_kx1 = conv_bn(*channels, (k, 1), padding=(middle, 0), **options)

    def forward(self, x):
        return chain(x, self.convolve, relu)

    def main(self):
        return self.brb_kxk

    def other_kernels(self):
        return padded_kernels([self.brb_1xk, self.brb_kx1], self.brb_kxk[0].kernel_size)


def conv_bn(in_channels: int, out_channels: int, kernel_size, **options) -> Sequential:
    """A convolution without a bias, for which batch norm has its own."""
    conv = Conv2d(in_channels, out_channels, kernel_size, bias=False, **options)
    return Sequential({"conv": conv, "bn": BatchNorm2d(out_channels)})


def padded_kernels(branches, size: tuple[int, int]) -> list:
    """The kernels of branches (conv, bn), all of this size."""
    return [(pad_kernel(weight, size), bias) for weight, bias in (fuse_kernel(*branch) for branch in branches)]


def odd_kernel(name: str, kernel_size: int) -> int:
    """kernel_size; ValueError unless it is an odd number, whose kernel has a middle."""
    if not isinstance(kernel_size, int) or kernel_size < 1 or kernel_size % 2 == 0:
        raise ValueError(f"{name}: kernel_size must be an odd number, so that branches align, but is {kernel_size!r}")
    return kernel_size
