"""GPT: a stack of causal attention and small networks that predicts the next token at every place of a text.

Axes: B batch, T tokens, E embedding, h heads, d = E / h width of a head, V vocabulary.
Twin: torch_ref/models/gpt.py. Pair: parity_tests/pairs/models/gpt.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from scratch import init, random
from scratch.activations import GELU
from scratch.attention import scaled_dot_product_attention
from scratch.containers import ComposedBackward, ModuleDict, ModuleList, ResidualBackward, chain
from scratch.dropout import Dropout
from scratch.embedding import Embedding
from scratch.linear import Linear
from scratch.module import Module
from scratch.normalization import LayerNorm
from scratch.op import on_device_of


class CausalSelfAttention(Module):
    """Multi-head attention of x (B, T, E) to itself, where token t sees the tokens 0 to t.

    One product makes queries, keys and values of all heads; the weights (T, T) are never kept.
    """

    def __init__(self, n_embd: int, n_head: int, dropout: float = 0.0, bias: bool = True, *, rng=None):
        if n_head < 1 or n_embd % n_head:
            raise ValueError(f"CausalSelfAttention: n_head {n_head} must divide n_embd {n_embd}")
        self.rng = rng = None if rng is None else random.generator(rng)
        self.c_attn = Linear(n_embd, 3 * n_embd, bias, rng=rng)
        self.c_proj = Linear(n_embd, n_embd, bias, rng=rng)
        self.resid_dropout = Dropout(dropout, rng=rng)
        self.n_head, self.dropout = n_head, dropout

    def forward(self, x):
        B, T, E = x.shape
        qkv, qkv_backward = self.c_attn(x)  # (B, T, 3E)
        q, k, v = qkv.reshape(B, T, 3, self.n_head, -1).transpose(2, 0, 3, 1, 4)  # (3, B, h, T, d)
        p = self.dropout if self.training else 0.0
        mixed, attention_backward = scaled_dot_product_attention(q, k, v, dropout_p=p, is_causal=True, rng=self.rng)
        joined = mixed.swapaxes(1, 2).reshape(B, T, E)  # (B, h, T, d) -> (B, T, E)
        y, out_backward = chain(joined, self.c_proj, self.resid_dropout)

        def backward(dy, pull):
            # joined = mixed.swapaxes(1, 2).reshape(B, T, E)
            dmixed = pull(out_backward, dy).reshape(B, T, self.n_head, -1).swapaxes(1, 2)
            # q, k, v = qkv.reshape(B, T, 3, h, d).transpose(2, 0, 3, 1, 4)
            dheads = [d.swapaxes(1, 2) for d in pull(attention_backward, dmixed)]  # (B, T, h, d) each
            return pull(qkv_backward, np.stack(dheads, axis=2).reshape(B, T, 3 * E))

        return y, ComposedBackward(backward)


class GPTMLP(Module):
    """Two linear layers with a GELU between them, for every token by itself: E -> 4E -> E."""

    def __init__(self, n_embd: int, dropout: float = 0.0, bias: bool = True, *, rng=None):
        self.c_fc = Linear(n_embd, 4 * n_embd, bias, rng=rng)
        self.gelu = GELU(approximate="tanh")
        self.c_proj = Linear(4 * n_embd, n_embd, bias, rng=rng)
        self.dropout = Dropout(dropout, rng=rng)

    def forward(self, x):
        return chain(x, self.c_fc, self.gelu, self.c_proj, self.dropout)


class GPTBlock(Module):
    """x + attention(norm(x)), then x + network(norm(x)): the sum runs through all blocks untouched ("pre-norm")."""

    def __init__(self, n_embd: int, n_head: int, dropout: float = 0.0, bias: bool = True, *, rng=None):
        rng = None if rng is None else random.generator(rng)
        self.ln_1 = LayerNorm(n_embd, bias=bias)
        self.attn = CausalSelfAttention(n_embd, n_head, dropout, bias, rng=rng)
        self.ln_2 = LayerNorm(n_embd, bias=bias)
        self.mlp = GPTMLP(n_embd, dropout, bias, rng=rng)

    def forward(self, x):
        return chain(x, around(self.ln_1, self.attn), around(self.ln_2, self.mlp))


def around(*steps: Callable) -> Callable:
    """The function y = x + steps(x)."""

    def step(x):
        h, backward = chain(x, *steps)
        return x + h, ResidualBackward(backward)

    return step


class GPT(Module):
    """logits = lm_head(norm(blocks(wte[tokens] + wpe[0, 1, ...]))), where lm_head and wte are one and the same matrix.

    Parameters
    ----------
    vocab_size : V. context : the longest text it can see. n_layer, n_head, n_embd : blocks, heads, E.
    dropout : of the embeddings, the attention weights and the results of both halves of a block. bias : of all linear
    layers and norms. rng : for the initial values, and for the dropout.

    Call: tokens (B, T) integers, T at most context -> logits (B, T, V) for the token behind each one;
    `backward(dlogits)` is None, tokens have no gradient. Raises ValueError where the text is longer than context.

    The tied matrix is one Parameter: its gradient is the sum of both uses, an optimizer steps it once, and state_dict
    has it under both names. All keys are nanoGPT's. All matrices start from N(0, 0.02²), those that end in a sum with
    x from N(0, (0.02 / sqrt(2 n_layer))²), so that the sum does not grow with the depth.

    Sources: Radford et al., "Language Models are Unsupervised Multitask Learners", 2019; the names: karpathy/nanoGPT.
    """

    def __init__(
        self, vocab_size: int, context: int, n_layer: int, n_head: int, n_embd: int, dropout: float = 0.0,
        bias: bool = True, *, rng=None,
    ):  # fmt: skip
        rng = None if rng is None else random.generator(rng)
        self.context, self.n_layer = context, n_layer
        self.transformer = ModuleDict(
            {
                "wte": Embedding(vocab_size, n_embd, rng=rng),
                "wpe": Embedding(context, n_embd, rng=rng),
                "drop": Dropout(dropout, rng=rng),
                "h": ModuleList(GPTBlock(n_embd, n_head, dropout, bias, rng=rng) for _ in range(n_layer)),
                "ln_f": LayerNorm(n_embd, bias=bias),
            }
        )
        self.lm_head = Linear(n_embd, vocab_size, bias=False, rng=rng)
        self.lm_head.weight = self.transformer["wte"].weight
        self.reset_parameters(rng)

    def reset_parameters(self, rng=None) -> None:
        for name, parameter in self.named_parameters():
            if name.endswith("c_proj.weight"):
                init.normal_(parameter, std=0.02 / math.sqrt(2 * self.n_layer), rng=rng)
            elif parameter.ndim == 2:
                init.normal_(parameter, std=0.02, rng=rng)
            elif name.endswith("bias"):
                init.zeros_(parameter)

    def forward(self, tokens):
        return chain(tokens, self.hidden, self.lm_head)

    def hidden(self, tokens):
        """tokens (B, T) -> what the last layer makes logits of, (B, T, E)."""
        if tokens.ndim != 2 or tokens.shape[1] > self.context:
            raise ValueError(
                f"GPT: tokens must be (B, T) with T at most context {self.context}, but are {tokens.shape}; "
                "crop the text, or make a GPT with a larger context"
            )
        return chain(tokens, self.embed, *self.transformer["h"].children(), self.transformer["ln_f"])

    def embed(self, tokens):
        """dropout(wte[tokens] + wpe[positions]): (B, T) -> (B, T, E)"""
        places = on_device_of(tokens, np.arange(tokens.shape[1]))
        words, words_backward = self.transformer["wte"](tokens)  # (B, T, E)
        positions, positions_backward = self.transformer["wpe"](places)  # (T, E)
        x, drop_backward = self.transformer["drop"](words + positions)

        def backward(dx):
            # x = dropout(words + positions), the same positions for every text
            dsum = drop_backward(dx)
            words_backward(dsum)
            positions_backward(dsum.sum(axis=0))

        return x, backward

    def generate(self, tokens, n: int, temperature: float = 1.0, top_k: int | None = None, rng=None):
        """Continue texts: tokens (B, T) -> (B, T + n), each new token drawn from softmax(logits / temperature).

        temperature : small ones choose what is likely; 0 always takes the likeliest. top_k : draw among the k likeliest
        only. rng : numpy.random.Generator, a seed or None. A text longer than context is seen from its end.
        Dropout is as the mode says: call `eval()` before.
        """
        if temperature < 0 or (top_k is not None and top_k < 1):
            raise ValueError(
                f"GPT.generate: temperature must not be negative and top_k at least 1, but they are {temperature} "
                f"and {top_k}"
            )
        rng = random.generator(rng)
        for _ in range(n):
            hidden, _ = self.hidden(tokens[:, -self.context :])
            logits = self.lm_head.predict(hidden[:, -1])  # (B, E) -> (B, V)
            if top_k is not None and top_k < logits.shape[1]:
                least = np.partition(logits, -top_k, axis=1)[:, -top_k, None]  # the k-th largest of each text
                logits = np.where(logits < least, -np.inf, logits)
            if temperature > 0:  # the largest of logits + Gumbel noise is a draw from their softmax
                logits = logits / temperature + on_device_of(logits, rng.gumbel(size=logits.shape))
            tokens = np.concatenate([tokens, logits.argmax(axis=1)[:, None].astype(tokens.dtype)], axis=1)
        return tokens
