"""RepMLP: a fully connected layer on pieces of an image, trained beside convolutions that fold into it.

Axes: N batch, C channels in, O channels out, H W image, h w one piece of it, p q = H/h, W/w pieces, M = N · p · q.
Twin: torch_ref/models/repmlp.py. Pair: parity_tests/pairs/models/repmlp.py.
"""

from __future__ import annotations

import numpy as np

from scratch import random
from scratch.batch_norm import BatchNorm2d
from scratch.containers import Sequential, chain
from scratch.convolution import Conv2d, conv2d
from scratch.linear import Linear
from scratch.models.assembly import add_branches, unchanged
from scratch.models.reparameterisation import add_kernels, conv_bn, fuse_kernel, odd_kernel
from scratch.module import Module
from scratch.op import on_device_of
from scratch.parameter import Parameter
from scratch.pooling import AvgPool2d
from scratch.rectifiers import ReLU
from scratch.utils.fusion import fuse_conv_bn_eval


class RepMLP(Module):
    """Three perceptrons; the image is cut into pieces h x w, which are handled alike, as if they were a larger batch.

    global      x' = x + fc2(relu(fc1(bn(mean of each piece)))), one number for each piece and channel; left out where
                the image is one piece
    partition   fc3 joins every pixel and channel of a piece with every other, then a batch norm
    local       bn(conv kxk(piece)) for every k in repconv_kernels, added to fc3's result

    Parameters
    ----------
    C, O : channels in and out. H, W : size of the image. h, w : of a piece; they divide H and W.
    fc1_fc2_reduction : fc1 makes C // this hidden units. fc3_groups : channels are joined within so many groups only,
    in fc3 and in the convolutions. repconv_kernels : odd sizes, or None. deploy : True for the folded form.

    Called with x (N, C, H, W) -> y (N, O, H, W). backward : dy -> dx. ValueError where sizes do not divide, or for an
    image of another size.

    Usual public versions put the pieces together as C channels instead of O: where these differ, numbers of several
    images end up in one.

    Source: Ding et al., "RepMLP: Re-parameterizing Convolutions into Fully-connected Layers ...", 2021.
    """

    def __init__(
        self, C: int, O: int, H: int, W: int, h: int, w: int, fc1_fc2_reduction: int = 1, fc3_groups: int = 8,
        repconv_kernels: list[int] | tuple[int, ...] | None = None, deploy: bool = False, *, rng=None,
    ):  # fmt: skip
        if min(h, w) < 1 or H % h or W % w:
            raise ValueError(f"RepMLP: pieces of h x w = {h} x {w} do not fill an image of H x W = {H} x {W}")
        if not 1 <= fc1_fc2_reduction <= C:
            raise ValueError(f"RepMLP: C // fc1_fc2_reduction must be at least 1, but it is {C} // {fc1_fc2_reduction}")
        rng = random.generator(rng)
        self.C, self.O, self.H, self.W, self.h, self.w = C, O, H, W, h, w
        self.p, self.q = H // h, W // w
        self.fc3_groups, self.deploy = fc3_groups, deploy
        self.repconv_kernels = () if deploy else tuple(odd_kernel("RepMLP", k) for k in repconv_kernels or ())
        self.is_global_perceptron = self.p * self.q > 1
        if self.is_global_perceptron:
            pieces, hidden = C * self.p * self.q, C // fc1_fc2_reduction
            self.avg = Sequential({"avg": AvgPool2d((h, w)), **({} if deploy else {"bn": BatchNorm2d(C)})})
            self.fc1_fc2 = Sequential(
                {"fc1": Linear(pieces, hidden, rng=rng), "relu": ReLU(), "fc2": Linear(hidden, pieces, rng=rng)}
            )
        # a fully connected layer in groups is a 1x1 convolution of an image of one pixel
        self.fc3 = Conv2d(C * h * w, O * h * w, 1, groups=fc3_groups, bias=deploy, rng=rng)
        self.fc3_bn = None if deploy else BatchNorm2d(O * h * w)
        for k in self.repconv_kernels:
            self.add_module(f"repconv{k}", conv_bn(C, O, k, padding=k // 2, groups=fc3_groups, rng=rng))

    def forward(self, x):
        expected = self.C, self.H, self.W
        if np.ndim(x) != 4 or x.shape[1:] != expected:
            raise ValueError(f"RepMLP: x must be (N, C, H, W) {('N', *expected)}, but has shape {np.shape(x)}")
        first = [self.global_perceptron] if self.is_global_perceptron else []
        return chain(x, *first, self.to_pieces, self.on_pieces, self.to_image)

    def global_perceptron(self, x):
        steps = self.avg, reshaped(self.C * self.p * self.q), self.fc1_fc2, self.spread
        return add_branches(x, unchanged, lambda x: chain(x, *steps))

    def spread(self, v):
        """(N, C · p · q) -> (N, C, H, W): the number of a piece at each of its pixels."""
        N, (h, w, p, q) = v.shape[0], (self.h, self.w, self.p, self.q)
        y = np.repeat(np.repeat(v.reshape(N, self.C, p, q), h, axis=2), w, axis=3)

        def backward(dy):
            # a number went to all pixels of its piece
            return dy.reshape(N, self.C, p, h, q, w).sum(axis=(3, 5)).reshape(v.shape)

        return y, backward

    def to_pieces(self, x):
        return cut(x, self.h, self.w), lambda dy: join(dy, self.p, self.q)

    def to_image(self, pieces):
        return join(pieces, self.p, self.q), lambda dy: cut(dy, self.h, self.w)

    def on_pieces(self, pieces):
        """(M, C, h, w) -> (M, O, h, w)"""
        return add_branches(pieces, self.partition_perceptron, *self.local_perceptrons())

    def partition_perceptron(self, pieces):
        C, O, h, w = self.C, self.O, self.h, self.w
        norm = [] if self.fc3_bn is None else [self.fc3_bn]
        return chain(pieces, reshaped(C * h * w, 1, 1), self.fc3, *norm, reshaped(O, h, w))

    def local_perceptrons(self) -> list[Sequential]:
        return [getattr(self, f"repconv{k}") for k in self.repconv_kernels]

    def switch_to_deploy(self) -> None:
        """Fold the convolutions and all batch norms into fc1 and fc3, whose parameters learn as any others.

        Called in evaluation (ValueError in training, nothing changed). A second call does nothing.
        """
        if self.deploy:
            return
        fc3 = fuse_conv_bn_eval(self.fc3, self.fc3_bn)
        kernels = [(fc3.weight.data, fc3.bias.data)]
        for conv, bn in self.local_perceptrons():
            weight, bias = fuse_kernel(conv, bn)
            kernels.append(
                (as_full_connection(weight, self.h, self.w, self.fc3_groups), np.repeat(bias, self.h * self.w))
            )
        fc3.weight.data, fc3.bias.data = add_kernels(*kernels)
        if self.is_global_perceptron:
            avg, bn = self.avg
            fold_bn_before(self.fc1_fc2["fc1"], bn)
            self.avg = Sequential({"avg": avg})
        for k in self.repconv_kernels:
            delattr(self, f"repconv{k}")
        self.fc3, self.fc3_bn, self.repconv_kernels, self.deploy = fc3, None, (), True


def reshaped(*shape: int):
    """The step (N, ...) -> (N, *shape)."""
    return lambda x: (x.reshape(x.shape[0], *shape), lambda dy: dy.reshape(x.shape))


def cut(x, h: int, w: int):
    """(N, C, H, W) -> the pieces (N · p · q, C, h, w), those of an image row after row. The inverse of join."""
    N, C, H, W = x.shape
    p, q = H // h, W // w
    pieces = x.reshape(N, C, p, h, q, w).transpose(0, 2, 4, 1, 3, 5)  # (N, p, q, C, h, w)
    return pieces.reshape(N * p * q, C, h, w)


def join(pieces, p: int, q: int):
    """(N · p · q, O, h, w) -> (N, O, H, W). The inverse of cut; each is the other's backward."""
    M, O, h, w = pieces.shape
    N = M // (p * q)
    image = pieces.reshape(N, p, q, O, h, w).transpose(0, 3, 1, 4, 2, 5)  # (N, O, p, h, q, w)
    return image.reshape(N, O, p * h, q * w)


def as_full_connection(weight, h: int, w: int, groups: int):
    """The matrix that a convolution is: (O, C/groups, k, k) -> (O · h · w, C/groups · h · w, 1, 1).

    A column says what one pixel gives to each output, so it is the convolution of an image with a single 1. All groups
    are shown the same pixel at once, for they do not see each other.
    """
    O, C, k, _ = weight.shape
    pixels = C * h * w
    impulses = np.tile(np.eye(pixels).reshape(pixels, C, h, w), (1, groups, 1, 1)).astype(weight.dtype)
    columns, _ = conv2d(on_device_of(weight, impulses), weight, padding=k // 2, groups=groups)  # (pixels, O, h, w)
    return columns.reshape(pixels, O * h * w).T.reshape(O * h * w, pixels, 1, 1)


def fold_bn_before(linear: Linear, bn: BatchNorm2d) -> None:
    """Let linear(flatten(a)) give what linear(flatten(bn(a))) gave in evaluation.

    W (s a + t) + b = (W s) a + (W t + b)
    """
    weight, learns = linear.weight.data, linear.weight.requires_grad
    scale = bn.weight.data / np.sqrt(bn.running_var + bn.eps)
    shift = bn.bias.data - bn.running_mean * scale
    each = weight.shape[1] // scale.shape[0]  # inputs of a channel
    linear.weight = Parameter((weight * np.repeat(scale, each)).astype(weight.dtype), learns)
    linear.bias = Parameter((linear.bias.data + weight @ np.repeat(shift, each)).astype(weight.dtype), learns)
