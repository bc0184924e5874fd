"""MLP-Mixer: small networks over the patches of an image and over their channels, in turn, and nothing else.

Axes: N batch, H W image, T tokens (patches), E embedding, C classes.
Twin: torch_ref/models/mlp_mixer.py. Pair: parity_tests/pairs/models/mlp_mixer.py.
"""

from __future__ import annotations

import numpy as np

from scratch import random
from scratch.activations import gelu
from scratch.containers import Sequential, chain
from scratch.convolution import Conv2d
from scratch.linear import Linear
from scratch.models.assembly import add_branches, check_images, unchanged
from scratch.module import Module
from scratch.normalization import LayerNorm


class MlpBlock(Module):
    """y = fc2(gelu(fc1(x))) along the last axis: (*, input_dim) -> (*, mlp_dim) -> (*, input_dim)."""

    def __init__(self, input_dim: int, mlp_dim: int = 512, *, rng=None):
        rng = random.generator(rng)
        self.fc1 = Linear(input_dim, mlp_dim, rng=rng)
        self.fc2 = Linear(mlp_dim, input_dim, rng=rng)

    def forward(self, x):
        return chain(x, self.fc1, gelu, self.fc2)


class MixerBlock(Module):
    """Mix over the tokens, then over the channels, each beside a way around it.

    u = x + (tokens_mlp_block(ln1(x)ᵀ))ᵀ
    y = u + channels_mlp_block(ln2(u))

    Parameters
    ----------
    tokens_mlp_dim : T, the number of tokens. channels_mlp_dim : E, the width of their embeddings.
    tokens_hidden_dim, channels_hidden_dim : the hidden widths of the two networks.

    Called with x (N, T, E) -> y (N, T, E). backward : dy -> dx. Usual public versions have one layer norm for both
    places; the paper has two.
    """

    def __init__(
        self, tokens_mlp_dim: int = 16, channels_mlp_dim: int = 1024, tokens_hidden_dim: int = 32,
        channels_hidden_dim: int = 1024, *, rng=None,
    ):  # fmt: skip
        rng = random.generator(rng)
        self.ln1 = LayerNorm(channels_mlp_dim)
        self.tokens_mlp_block = MlpBlock(tokens_mlp_dim, tokens_hidden_dim, rng=rng)
        self.ln2 = LayerNorm(channels_mlp_dim)
        self.channels_mlp_block = MlpBlock(channels_mlp_dim, channels_hidden_dim, rng=rng)

    def forward(self, x):
        tokens, width = self.tokens_mlp_block.fc1.in_features, self.channels_mlp_block.fc1.in_features
        check_tokens("MixerBlock", x, tokens, width, "tokens_mlp_dim and channels_mlp_dim")
        return chain(x, self.mix_tokens, self.mix_channels)

    def mix_tokens(self, x):
        return residual(x, self.ln1, transposed, self.tokens_mlp_block, transposed)

    def mix_channels(self, u):
        return residual(u, self.ln2, self.channels_mlp_block)


class MlpMixer(Module):
    """Patches -> embeddings -> mixer blocks -> layer norm -> mean over the tokens -> scores of the classes.

    Parameters
    ----------
    num_classes : C. num_blocks : how many MixerBlocks. patch_size : of square patches, which do not overlap.
    tokens_hidden_dim, channels_hidden_dim : the hidden widths of token and channel mixing.
    tokens_mlp_dim : T, the number of patches. channels_mlp_dim : E, the width of their embeddings.

    Called with x (N, 3, H, W) -> scores (N, C). backward : dy -> dx. T fixes the size of the image: ValueError for one
    with another number of patches.

    Usual public versions keep the blocks in a plain list, where neither `parameters()` nor `state_dict()` finds them:
    they never learn. Here they are children, `mlp_blocks.0`, `mlp_blocks.1`, ...

    Source: Tolstikhin et al., "MLP-Mixer: An all-MLP Architecture for Vision", 2021.
    """

    def __init__(
        self, num_classes: int, num_blocks: int, patch_size: int, tokens_hidden_dim: int, channels_hidden_dim: int,
        tokens_mlp_dim: int, channels_mlp_dim: int, *, rng=None,
    ):  # fmt: skip
        rng = random.generator(rng)
        widths = tokens_mlp_dim, channels_mlp_dim, tokens_hidden_dim, channels_hidden_dim
        self.patch_size, self.tokens_mlp_dim = patch_size, tokens_mlp_dim
        self.embd = Conv2d(3, channels_mlp_dim, patch_size, patch_size, rng=rng)
        self.mlp_blocks = Sequential(*(MixerBlock(*widths, rng=rng) for _ in range(num_blocks)))
        self.ln = LayerNorm(channels_mlp_dim)
        self.fc = Linear(channels_mlp_dim, num_classes, rng=rng)

    def forward(self, x):
        check_patches("MlpMixer", x, self.patch_size, self.tokens_mlp_dim, "tokens_mlp_dim")
        return chain(x, self.embd, as_tokens, self.mlp_blocks, self.ln, mean_over_tokens, self.fc)


# ---------------------------------------------------------------------- steps, functions in the protocol


def residual(x, *steps):
    """y = x + steps(x); dx = dy + (dy through the steps)."""
    return add_branches(x, unchanged, lambda x: chain(x, *steps))


def as_tokens(x):
    """A map (N, E, P, Q) -> T = P · Q tokens (N, T, E), row after row."""
    N, E, P, Q = x.shape
    y = x.reshape(N, E, P * Q).swapaxes(1, 2)
    return y, lambda dy: dy.swapaxes(1, 2).reshape(N, E, P, Q)


def transposed(x):
    """(N, T, E) -> (N, E, T), so that what works along the last axis mixes tokens."""
    return x.swapaxes(1, 2), lambda dy: dy.swapaxes(1, 2)


def mean_over_tokens(x):
    """(N, T, E) -> (N, E); every token gets the same share of dy."""
    return x.mean(axis=1), lambda dy: np.broadcast_to(dy[:, None, :] / x.shape[1], x.shape)


# ---------------------------------------------------------------------- what fits


def check_tokens(name: str, x, tokens: int, width: int, arguments: str) -> None:
    """Raise ValueError unless x is (N, tokens, width), the numbers that these constructor arguments gave."""
    if np.ndim(x) != 3 or x.shape[1:] != (tokens, width):
        raise ValueError(
            f"{name}: x must be (N, {tokens}, {width}), but has shape {np.shape(x)}; "
            f"{arguments} must be x's number of tokens and width"
        )


def check_patches(name: str, x, patch_size: int, tokens: int, argument: str) -> None:
    """Raise ValueError unless x is (N, 3, H, W) and falls into so many patches."""
    check_images(name, x, 3)
    rows, columns = x.shape[2] // patch_size, x.shape[3] // patch_size
    if rows * columns != tokens or x.shape[2] % patch_size or x.shape[3] % patch_size:
        raise ValueError(
            f"{name}: x {x.shape} must fall into {tokens} patches {patch_size}x{patch_size} ({argument}), "
            f"but has room for {rows} x {columns} = {rows * columns}; resize the images or set {argument}"
        )
