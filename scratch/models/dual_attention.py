"""Dual attention: every place looks at all places, every channel at all channels, and the results are added.

Axes: N C H W images (C is d_model), L = H · W places.
Twin: torch_ref/models/dual_attention.py. Pair: parity_tests/pairs/models/dual_attention.py.
"""

from __future__ import annotations

from collections.abc import Callable

from scratch import random
from scratch.containers import chain
from scratch.convolution import Conv2d
from scratch.models.attention_parts import check_images, check_odd
from scratch.models.dot_product_attention import ScaledDotProductAttention, SimplifiedScaledDotProductAttention
from scratch.module import Module


def self_attention(attention: Callable):
    """The step x -> attention(x, x, x); x was queries, keys and values, so its gradient is the sum of theirs."""

    def step(x):
        y, backward = attention(x, x, x)
        return y, lambda dy: sum(backward(dy))

    return step


def as_rows(x):
    """(N, C, H, W) -> (N, C, L): a row of numbers for each channel."""
    N, C, H, W = x.shape
    return x.reshape(N, C, H * W), lambda dy: dy.reshape(N, C, H, W)


def transposed(x):
    """(N, C, L) -> (N, L, C) and back: the rows are the places then."""
    return x.swapaxes(1, 2), lambda dy: dy.swapaxes(1, 2)


def as_images(H: int, W: int):
    """The step (N, C, L) -> (N, C, H, W)."""
    return lambda x: (x.reshape(*x.shape[:2], H, W), lambda dy: dy.reshape(*dy.shape[:2], H * W))


class PositionAttentionModule(Module):
    """Every place looks at every place: a convolution, then attention with one head over L tokens of C numbers.

    Parameters
    ----------
    d_model : C. kernel_size : of the convolution, odd. H, W : accepted, as ChannelAttentionModule needs them; maps may
        have any size. dropout : of the attention weights, in training.

    Called with x (N, C, H, W) -> y as x. backward : dy -> dx.
    """

    def __init__(
        self, d_model: int = 512, kernel_size: int = 3, H: int = 7, W: int = 7, *, dropout: float = 0.1, rng=None
    ):  # fmt: skip
        check_odd("PositionAttentionModule", kernel_size)
        rng = random.generator(rng)
        self.d_model = d_model
        self.cnn = Conv2d(d_model, d_model, kernel_size, padding=kernel_size // 2, rng=rng)
        self.pa = ScaledDotProductAttention(d_model, d_k=d_model, d_v=d_model, h=1, dropout=dropout, rng=rng)

    def forward(self, x):
        check_images("PositionAttentionModule", x, self.d_model, "d_model")
        back_to_images = as_images(*x.shape[2:])
        return chain(x, self.cnn, as_rows, transposed, self_attention(self.pa), transposed, back_to_images)


class ChannelAttentionModule(Module):
    """Every channel looks at every channel: a convolution, then attention over C tokens of L = H · W numbers.

    Parameters
    ----------
    d_model : C. kernel_size : of the convolution, odd. H, W : the size of the maps, which the last projection is made
        for. dropout : of the attention weights, in training.

    Called with x (N, C, H, W) -> y as x. backward : dy -> dx.
    """

    def __init__(
        self, d_model: int = 512, kernel_size: int = 3, H: int = 7, W: int = 7, *, dropout: float = 0.1, rng=None
    ):  # fmt: skip
        check_odd("ChannelAttentionModule", kernel_size)
        rng = random.generator(rng)
        self.d_model, self.H, self.W = d_model, H, W
        self.cnn = Conv2d(d_model, d_model, kernel_size, padding=kernel_size // 2, rng=rng)
        self.pa = SimplifiedScaledDotProductAttention(H * W, h=1, dropout=dropout, rng=rng)

    def forward(self, x):
        check_images("ChannelAttentionModule", x, self.d_model, "d_model")
        if x.shape[2:] != (self.H, self.W):
            raise ValueError(
                f"ChannelAttentionModule: x must be (N, {self.d_model}, {self.H}, {self.W}), but is {x.shape}; "
                "H= and W= are the size of its maps"
            )
        return chain(x, self.cnn, as_rows, self_attention(self.pa), as_images(self.H, self.W))


class DAModule(Module):
    """y = position attention of x + channel attention of x.

    Parameters
    ----------
    d_model : C. kernel_size : of the convolution before each attention, odd. H, W : the size of the maps.
    dropout : of the attention weights, in training. rng : for the initial values, and for the dropout.

    Each argument reaches both modules. (The usual public version gives them 512, 3, 7 and 7 whatever it was told.)

    Called with x (N, C, H, W) -> y as x. backward : dy -> dx.

    Source: Fu, Liu, Tian, Li, Bao, Fang, Lu, "Dual Attention Network for Scene Segmentation", 2018; with the
    convolutions and projections of the public version.
    """

    def __init__(
        self, d_model: int = 512, kernel_size: int = 3, H: int = 7, W: int = 7, *, dropout: float = 0.1, rng=None
    ):  # fmt: skip
        rng = random.generator(rng)
        arguments = {"d_model": d_model, "kernel_size": kernel_size, "H": H, "W": W, "dropout": dropout, "rng": rng}
        self.position_attention_module = PositionAttentionModule(**arguments)
        self.channel_attention_module = ChannelAttentionModule(**arguments)

    def forward(self, x):
        p, position_backward = self.position_attention_module(x)
        c, channel_backward = self.channel_attention_module(x)
        # y = p + c
        return p + c, lambda dy: position_backward(dy) + channel_backward(dy)
