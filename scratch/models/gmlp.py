"""gMLP: a gate that is a linear map over the tokens does what attention does elsewhere.

Axes: B batch, T tokens (len_sen), E embedding (dim), D half the width inside a block (d_ff).
Twin: torch_ref/models/gmlp.py. Pair: parity_tests/pairs/models/gmlp.py.
"""

from __future__ import annotations

import numpy as np

from scratch import init, random
from scratch.activations import GELU
from scratch.containers import Residual, Sequential, chain
from scratch.convolution import Conv1d
from scratch.embedding import Embedding
from scratch.linear import Linear
from scratch.module import Module
from scratch.normalization import LayerNorm


class SpatialGatingUnit(Module):
    """One half of the channels is multiplied by a linear map, over the tokens, of the other: y = u · (W ln(v) + b).

    `proj`, a Conv1d with the T tokens as its channels, holds W (T, T, 1) and b (T,). W starts near 0 (within 0.001 / T)
    and b at 1, so that at first every gate is about 1 and every token stays by itself.

    Parameters
    ----------
    dim : D, the width of each half. len_sen : T.

    Called with x = [u v] (B, T, 2D) -> y (B, T, D). backward : dy -> dx.
    """

    def __init__(self, dim: int, len_sen: int, *, rng=None):
        self.dim, self.len_sen = dim, len_sen
        self.ln = LayerNorm(dim)
        self.proj = Conv1d(len_sen, len_sen, 1, rng=rng)
        self.reset_parameters(rng)

    def reset_parameters(self, rng=None) -> None:
        init.uniform_(self.proj.weight, -1e-3 / self.len_sen, 1e-3 / self.len_sen, rng)
        init.ones_(self.proj.bias)

    def forward(self, x):
        if np.ndim(x) != 3 or x.shape[1:] != (self.len_sen, 2 * self.dim):
            raise ValueError(
                f"SpatialGatingUnit: x must be (B, len_sen, 2 · dim) (B, {self.len_sen}, {2 * self.dim}), "
                f"but has shape {np.shape(x)}; pad or cut the sequences to len_sen tokens"
            )
        u, v = x[..., : self.dim], x[..., self.dim :]  # (B, T, D) each
        gate, gate_backward = chain(v, self.ln, self.proj)

        def backward(dy):
            # y = u * gate
            du = dy * gate
            # gate = proj(ln(v))
            dv = gate_backward(dy * u)
            return np.concatenate([du, dv], axis=-1)

        return u * gate, backward


class gMLP(Module):
    """Embedding -> num_layers blocks x + fc2(sgu(gelu(fc1(ln(x))))) -> layer norm -> scores of the classes.

    Parameters
    ----------
    num_tokens : size of the vocabulary. None: x holds vectors already, and vectors come out, after the last norm.
    len_sen : T. dim : E. d_ff : D; fc1 makes 2D channels, of which the gating unit leaves D. num_layers : of blocks.

    Called with tokens x (B, T) int -> logits (B, T, num_tokens), backward(dy) is None; or, without num_tokens, with
    x (B, T, E) -> y (B, T, E), backward : dy -> dx.

    Usual public versions end in a softmax (and cannot be made without num_tokens, their own default). Here logits come
    out, as in the paper: the cross-entropy takes the softmax itself, and a second one would flatten its gradient.

    Source: Liu, Dai, So, Le, "Pay Attention to MLPs", 2021.
    """

    def __init__(
        self, num_tokens: int | None = None, len_sen: int = 49, dim: int = 512, d_ff: int = 1024, num_layers: int = 6,
        *, rng=None,
    ):  # fmt: skip
        rng = random.generator(rng)
        self.num_tokens, self.len_sen, self.dim = num_tokens, len_sen, dim
        self.embedding = None if num_tokens is None else Embedding(num_tokens, dim, rng=rng)
        self.gmlp = Sequential(*(block(dim, d_ff, len_sen, rng) for _ in range(num_layers)))
        self.ln = LayerNorm(dim)
        self.to_logits = None if num_tokens is None else Linear(dim, num_tokens, rng=rng)

    def forward(self, x):
        expected = (self.len_sen,) if self.embedding else (self.len_sen, self.dim)
        if np.ndim(x) != 1 + len(expected) or x.shape[1:] != expected:
            raise ValueError(
                f"gMLP: x must be {('B', *expected)}, {'tokens' if self.embedding else 'vectors'} because num_tokens "
                f"is {self.num_tokens}, but has shape {np.shape(x)}; pad or cut the sequences to len_sen tokens"
            )
        steps = self.embedding, self.gmlp, self.ln, self.to_logits
        return chain(x, *(step for step in steps if step is not None))


def block(dim: int, d_ff: int, len_sen: int, rng) -> Residual:
    """y = x + fc2(sgu(gelu(fc1(ln(x))))): (B, T, E) -> (B, T, 2D) -> (B, T, D) -> (B, T, E)."""
    return Residual(
        Sequential(
            {
                "ln": LayerNorm(dim),
                "fc1": Linear(dim, 2 * d_ff, rng=rng),
                "gelu": GELU(),
                "sgu": SpatialGatingUnit(d_ff, len_sen, rng=rng),
                "fc2": Linear(d_ff, dim, rng=rng),
            }
        )
    )
