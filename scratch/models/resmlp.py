"""ResMLP: patches mixed by one linear map, then a small network for each patch; no normalization at all.

Axes: N batch, H W image, T patches, E embedding (dim), C classes.
Twin: torch_ref/models/resmlp.py. Pair: parity_tests/pairs/models/resmlp.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from scratch import init, random
from scratch.containers import Sequential, chain
from scratch.convolution import Conv2d
from scratch.linear import Linear
from scratch.models.mlp_mixer import (
    MlpBlock,
    as_tokens,
    check_patches,
    check_tokens,
    mean_over_tokens,
    residual,
    transposed,
)
from scratch.module import Module
from scratch.op import Op, unbroadcast


class AffineSaved(NamedTuple):
    """What affine_backward needs, and nothing else."""

    x: np.ndarray  # (*, E)
    weight: np.ndarray  # (E,)


def affine_forward(x, weight, bias=None):
    """Every channel by itself: y = x · weight + bias.

    x : (*, E) floating point. weight : (E,). bias : (E,) or None.
    Returns y (*, E). backward : dy -> dx (*, E), dweight (E,), dbias (E,).
    Raises ValueError where x has another number of channels.

    Examples
    --------
    >>> y, backward = affine(np.array([[1.0, 2.0]]), np.array([10.0, 100.0]), np.array([0.0, 5.0]))
    >>> y
    array([[ 10., 205.]])
    >>> backward(np.array([[1.0, 1.0]]))
    (array([[ 10., 100.]]), array([1., 2.]), array([1., 1.]))
    """
    if x.shape[-1:] != weight.shape:
        raise ValueError(f"affine: x must have weight's {weight.shape} channels on its last axis, but is {x.shape}")
    y = x * weight
    if bias is not None:
        y = y + bias
    return y, AffineSaved(x, weight)


def affine_backward(dy, saved):
    """dy (*, E) -> dx (*, E), dweight (E,), dbias (E,)"""
    x, weight = saved
    # y = x * weight + bias, with weight and bias broadcast along all leading axes
    dweight = unbroadcast(dy * x, weight.shape)
    dbias = unbroadcast(dy[None], weight.shape)  # a new axis: a new array, even where there is nothing to sum
    return dy * weight, dweight, dbias


affine = Op(affine_forward, affine_backward)


class Affine(Module):
    """y = x · weight + bias for every channel: what is left of a normalization that looks at no statistics.

    dim : E. value : where weight starts; bias starts at 0. bias=False and a small value make it the paper's LayerScale.
    """

    def __init__(self, dim: int, value: float = 1.0, bias: bool = True):
        self.value = value
        self.weight = init.empty(dim, dtype=np.float32)
        self.bias = init.empty(dim, dtype=np.float32) if bias else None
        self.reset_parameters()

    def reset_parameters(self, rng=None) -> None:
        init.constant_(self.weight, self.value)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, x):
        return affine(x, self.weight, self.bias)

    def extra_repr(self):
        return f"{self.weight.shape[0]}, bias={self.bias is not None}"


class ResMLPBlock(Module):
    """Mix over the patches, then over the channels, each beside a way around it.

    u = x + scale1 · (patches(affine1(x)ᵀ))ᵀ
    y = u + scale2 · channels(affine2(u))

    Parameters
    ----------
    dim : E. num_patches : T. expansion_factor : the hidden width of `channels` is this times E.
    scale : where scale1 and scale2 start; small, so that a deep network starts close to the identity.

    Called with x (N, T, E) -> y (N, T, E). backward : dy -> dx.
    """

    def __init__(self, dim: int, num_patches: int, expansion_factor: int = 4, scale: float = 0.1, *, rng=None):
        rng = random.generator(rng)
        self.dim, self.num_patches = dim, num_patches
        self.affine1 = Affine(dim)
        self.patches = Linear(num_patches, num_patches, rng=rng)
        self.scale1 = Affine(dim, scale, bias=False)
        self.affine2 = Affine(dim)
        self.channels = MlpBlock(dim, expansion_factor * dim, rng=rng)
        self.scale2 = Affine(dim, scale, bias=False)

    def forward(self, x):
        check_tokens("ResMLPBlock", x, self.num_patches, self.dim, "num_patches and dim")
        return chain(x, self.mix_patches, self.mix_channels)

    def mix_patches(self, x):
        return residual(x, self.affine1, transposed, self.patches, transposed, self.scale1)

    def mix_channels(self, u):
        return residual(u, self.affine2, self.channels, self.scale2)


class ResMLP(Module):
    """Patches -> embeddings -> ResMLPBlocks -> affine -> mean over the patches -> scores of the classes.

    Parameters
    ----------
    dim : E. image_size, patch_size : of square images and patches; T = (image_size / patch_size)².
    expansion_factor : hidden width of the blocks' networks, in multiples of E. depth : the number of blocks.
    class_num : C.

    Called with x (N, 3, image_size, image_size) -> scores (N, C). backward : dy -> dx.
    ValueError where patch_size does not divide image_size.

    Usual public versions give token mixing and channel mixing one name, so that the second replaces the first and no
    patch ever sees another; and they cut the image into every nh-th row instead of nh rows of patches.

    Source: Touvron et al., "ResMLP: Feedforward networks for image classification with data-efficient training", 2021.
    """

    def __init__(
        self, dim: int = 128, image_size: int = 14, patch_size: int = 7, expansion_factor: int = 4, depth: int = 4,
        class_num: int = 1000, *, rng=None,
    ):  # fmt: skip
        if patch_size < 1 or image_size % patch_size:
            raise ValueError(f"ResMLP: patch_size must divide image_size, but they are {patch_size} and {image_size}")
        rng = random.generator(rng)
        self.patch_size, self.num_patches = patch_size, (image_size // patch_size) ** 2
        sizes = dim, self.num_patches, expansion_factor, first_scale(depth)
        self.embedding = Conv2d(3, dim, patch_size, patch_size, rng=rng)
        self.mlp = Sequential(*(ResMLPBlock(*sizes, rng=rng) for _ in range(depth)))
        self.affine = Affine(dim)
        self.classifier = Linear(dim, class_num, rng=rng)

    def forward(self, x):
        check_patches("ResMLP", x, self.patch_size, self.num_patches, "image_size")
        return chain(x, self.embedding, as_tokens, self.mlp, self.affine, mean_over_tokens, self.classifier)


def first_scale(depth: int) -> float:
    """Where LayerScale starts: the deeper the network, the closer to 0 (Touvron et al., "Going deeper with ...")."""
    return 0.1 if depth <= 18 else 1e-5 if depth <= 24 else 1e-6
