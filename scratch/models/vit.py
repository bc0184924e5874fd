"""ViT: an image cut into patches, which a Transformer reads as if they were words.

Axes: N batch, C channels, H W image, P patches along an edge, T = 1 + P² tokens, E features.
Twin: torch_ref/models/vit.py. Pair: parity_tests/pairs/models/vit.py.
"""

from __future__ import annotations

import math

import numpy as np

from scratch import init, random
from scratch.activations import GELU
from scratch.containers import ComposedBackward, Sequential, chain
from scratch.convolution import Conv2d
from scratch.dropout import Dropout
from scratch.linear import Linear
from scratch.models.gpt import around
from scratch.module import Module
from scratch.multihead_attention import MultiheadAttention
from scratch.normalization import LayerNorm
from scratch.op import Op
from scratch.parameter import Parameter


class ViTBlock(Module):
    """x + attention(norm(x)), then x + network(norm(x)), with x (N, T, E): every token sees all."""

    def __init__(
        self, num_heads: int, hidden_dim: int, mlp_dim: int, dropout: float = 0.0, attention_dropout: float = 0.0,
        *, rng=None,
    ):  # fmt: skip
        rng = None if rng is None else random.generator(rng)
        self.ln_1 = LayerNorm(hidden_dim, eps=1e-6)
        self.self_attention = MultiheadAttention(hidden_dim, num_heads, attention_dropout, batch_first=True, rng=rng)
        self.dropout = Dropout(dropout, rng=rng)
        self.ln_2 = LayerNorm(hidden_dim, eps=1e-6)
        self.mlp = Sequential(
            Linear(hidden_dim, mlp_dim, rng=rng),
            GELU(),
            Dropout(dropout, rng=rng),
            Linear(mlp_dim, hidden_dim, rng=rng),
            Dropout(dropout, rng=rng),
        )
        for layer in (self.mlp[0], self.mlp[3]):
            init.xavier_uniform_(layer.weight, rng=rng)
            init.normal_(layer.bias, std=1e-6, rng=rng)

    def forward(self, x):
        return chain(x, around(self.ln_1, self.attend, self.dropout), around(self.ln_2, self.mlp))

    def attend(self, x):
        """Attention of x to itself."""
        (y, _), attention_backward = self.self_attention(x, x, x, need_weights=False)

        def backward(dy, pull):
            # x was query, key and value
            dquery, dkey, dvalue = pull(attention_backward, (dy, None))
            return dquery + dkey + dvalue

        return y, ComposedBackward(backward)


class ViTEncoder(Module):
    """norm(blocks(dropout(x + pos_embedding))), x (N, T, E)."""

    def __init__(
        self, seq_length: int, num_layers: int, num_heads: int, hidden_dim: int, mlp_dim: int, dropout: float = 0.0,
        attention_dropout: float = 0.0, *, rng=None,
    ):  # fmt: skip
        rng = None if rng is None else random.generator(rng)
        self.pos_embedding = Parameter(np.zeros((1, seq_length, hidden_dim), np.float32))
        init.normal_(self.pos_embedding, std=0.02, rng=rng)
        self.dropout = Dropout(dropout, rng=rng)
        widths = num_heads, hidden_dim, mlp_dim, dropout, attention_dropout
        self.layers = Sequential({f"encoder_layer_{i}": ViTBlock(*widths, rng=rng) for i in range(num_layers)})
        self.ln = LayerNorm(hidden_dim, eps=1e-6)

    def forward(self, x):
        if x.shape[1:] != self.pos_embedding.shape[1:]:
            raise ValueError(
                f"ViTEncoder: x must be (N, {', '.join(map(str, self.pos_embedding.shape[1:]))}), but is {x.shape}; "
                "every place has a row of pos_embedding"
            )
        return chain(x, self.add_positions, self.dropout, self.layers, self.ln)

    def add_positions(self, x):
        return add_rows(x, self.pos_embedding)


def add_rows_forward(x, rows):
    """x (N, T, E) + rows (1, T, E), the same for every image"""
    return x + rows, None


def add_rows_backward(dy, saved):
    return dy.copy(), dy.sum(axis=0, keepdims=True)


add_rows = Op(add_rows_forward, add_rows_backward)


class ViT(Module):
    """scores = head(encoder([class_token, patches])[0]): what the added token has learned of the image.

    Parameters
    ----------
    image_size, patch_size : H = W and the edge of a patch, which must divide it. num_layers, num_heads, hidden_dim,
    mlp_dim : blocks, heads, E and the width of the blocks' networks. dropout, attention_dropout : of embeddings and
    the results of both halves of a block; of the attention's weights. num_classes : of scores. in_channels : C.
    rng : for the initial values, and for the dropout.

    Call: x (N, C, H, W) -> scores (N, num_classes); `backward(dscores)` is dx. Raises ValueError where x is not of
    image_size, patch_size does not divide image_size, or num_heads does not divide hidden_dim.

    A patch becomes a token by one convolution whose stride is its kernel's size: a Linear over the patch's pixels.
    Attention knows no places, so each has a learned row that is added. The head starts at zero: every class has the
    same probability at first. All names, keys and initial values are torchvision's VisionTransformer, which has no
    in_channels.

    Source: Dosovitskiy et al., "An Image is Worth 16x16 Words", 2021.
    """

    def __init__(
        self, image_size: int, patch_size: int, num_layers: int, num_heads: int, hidden_dim: int, mlp_dim: int,
        dropout: float = 0.0, attention_dropout: float = 0.0, num_classes: int = 1000, in_channels: int = 3,
        *, rng=None,
    ):  # fmt: skip
        if patch_size < 1 or image_size < patch_size or image_size % patch_size:
            raise ValueError(f"ViT: patch_size {patch_size} must divide image_size {image_size}")
        rng = None if rng is None else random.generator(rng)
        self.image_size, self.in_channels = image_size, in_channels
        self.class_token = Parameter(np.zeros((1, 1, hidden_dim), np.float32))
        self.conv_proj = Conv2d(in_channels, hidden_dim, patch_size, stride=patch_size, rng=rng)
        init.trunc_normal_(self.conv_proj.weight, std=math.sqrt(1 / (in_channels * patch_size**2)), rng=rng)
        init.zeros_(self.conv_proj.bias)
        T = 1 + (image_size // patch_size) ** 2
        self.encoder = ViTEncoder(T, num_layers, num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, rng=rng)
        self.heads = Sequential({"head": Linear(hidden_dim, num_classes, rng=rng)})
        init.zeros_(self.heads["head"].weight)
        init.zeros_(self.heads["head"].bias)

    def forward(self, x):
        expected = self.in_channels, self.image_size, self.image_size
        if x.shape[1:] != expected:
            raise ValueError(
                f"ViT: x must be (N, {', '.join(map(str, expected))}), but is {x.shape}; resize the images, or set "
                "image_size and in_channels"
            )
        return chain(x, self.conv_proj, self.with_class_token, self.encoder, first_token, self.heads)

    def with_class_token(self, patches):
        return prepend_token(patches, self.class_token)


def prepend_token_forward(patches, token):
    """patches (N, E, P, P) -> (N, 1 + P², E): row by row, behind the token (1, 1, E)"""
    N, E = patches.shape[:2]
    rows = patches.reshape(N, E, math.prod(patches.shape[2:])).swapaxes(1, 2)
    return np.concatenate([np.broadcast_to(token, (N, 1, E)), rows], axis=1), patches.shape


def prepend_token_backward(dy, saved):
    """dy (N, 1 + P², E) -> dpatches, dtoken: every image was given the same token"""
    return dy[:, 1:].swapaxes(1, 2).reshape(saved), dy[:, :1].sum(axis=0, keepdims=True)


def first_token_forward(x):
    """(N, T, E) -> (N, E)"""
    return x[:, 0].copy(), x.shape


def first_token_backward(dy, saved):
    # y = x[:, 0]: no other token matters to the head
    dx = np.zeros_like(dy, shape=saved)
    dx[:, 0] = dy
    return dx


prepend_token = Op(prepend_token_forward, prepend_token_backward)
first_token = Op(first_token_forward, first_token_backward)
