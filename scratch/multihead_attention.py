"""Multi-head attention: h attentions side by side, each on its own projections of queries, keys and values.

Axes: B batch, T queries, S keys, E embedding, h heads, d = E / h width of a head.
Twin: torch_ref/multihead_attention.py. Pair: parity_tests/pairs/multihead_attention.py.
"""

from __future__ import annotations

import numpy as np

from scratch import init, random
from scratch.attention import additive, mix, scaled_dot_product_attention, scores
from scratch.containers import ComposedBackward, chain
from scratch.dropout import dropout
from scratch.dtypes import as_dtype, check_device
from scratch.linear import Linear, linear
from scratch.module import Module
from scratch.op import Op
from scratch.softmax import softmax


class MultiheadAttention(Module):
    """Concatenated heads of softmax(q kᵀ / sqrt(d) + mask) v, projected once more; q, k, v are linear in the inputs.

    Called with (query, key, value); the same array three times is self-attention. Returns
    `((attn_output, attn_weights), backward)`, attn_weights None with `need_weights=False`, and
    `backward((doutput, dweights))` gives `(dquery, dkey, dvalue)`, which self-attention adds up. Either part of its
    argument may be None.

    Parameters
    ----------
    embed_dim, num_heads : E and h; h divides E. dropout : of the attention weights, in training.
    bias : whether the four projections have one. kdim, vdim : widths of key and value where they are not E.
    add_bias_kv : append a learned key and value to those of every sequence. add_zero_attn : append zeros to them.
    batch_first : (B, T, E) instead of (T, B, E). An input without a batch axis is (T, E) in both cases.
    rng : for the initial values, and for the dropout.

    Source: Vaswani et al., "Attention Is All You Need", 2017.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device=None,
        dtype=None,
        *,
        rng=None,
    ):
        check_device(device)
        if embed_dim <= 0 or num_heads <= 0 or embed_dim % num_heads:
            raise ValueError(
                "MultiheadAttention: embed_dim and num_heads must be positive and num_heads divide embed_dim, "
                f"but they are {embed_dim} and {num_heads}"
            )
        dtype = as_dtype(dtype)
        self.embed_dim, self.num_heads, self.head_dim = embed_dim, num_heads, embed_dim // num_heads
        self.kdim, self.vdim = embed_dim if kdim is None else kdim, embed_dim if vdim is None else vdim
        self.dropout, self.batch_first, self.add_zero_attn = dropout, batch_first, add_zero_attn
        self.rng = rng = None if rng is None else random.generator(rng)
        self.in_proj_weight = self.q_proj_weight = self.k_proj_weight = self.v_proj_weight = None
        if self.kdim == self.vdim == embed_dim:
            self.in_proj_weight = init.empty(3 * embed_dim, embed_dim, dtype=dtype)  # those of q, k and v, stacked
        else:
            self.q_proj_weight = init.empty(embed_dim, embed_dim, dtype=dtype)
            self.k_proj_weight = init.empty(embed_dim, self.kdim, dtype=dtype)
            self.v_proj_weight = init.empty(embed_dim, self.vdim, dtype=dtype)
        self.in_proj_bias = init.empty(3 * embed_dim, dtype=dtype) if bias else None
        self.bias_k = init.empty(1, 1, embed_dim, dtype=dtype) if add_bias_kv else None
        self.bias_v = init.empty(1, 1, embed_dim, dtype=dtype) if add_bias_kv else None
        self.out_proj = Linear(embed_dim, embed_dim, bias, dtype=dtype, rng=rng)
        self.reset_parameters(rng)

    def reset_parameters(self, rng=None) -> None:
        """Glorot's uniform rule for the projections of q, k and v, zeros for all biases."""
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight, rng=rng)
        for bias in (self.in_proj_bias, self.out_proj.bias):
            if bias is not None:
                init.zeros_(bias)
        for token in (self.bias_k, self.bias_v):
            if token is not None:
                init.xavier_normal_(token, rng=rng)

    def projections(self):
        """The weights (E, width) and biases (E,) of q, k and v; views of the stacked ones where they are stacked."""
        parts = [slice(i * self.embed_dim, (i + 1) * self.embed_dim) for i in range(3)]
        weights = self.q_proj_weight, self.k_proj_weight, self.v_proj_weight
        if self.in_proj_weight is not None:
            weights = [self.in_proj_weight[part] for part in parts]
        biases = [None if self.in_proj_bias is None else self.in_proj_bias[part] for part in parts]
        return zip(weights, biases)

    def forward(
        self,
        query,
        key,
        value,
        key_padding_mask=None,
        need_weights: bool = True,
        attn_mask=None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ):
        """Attend from query (T, B, E) to key (S, B, kdim) and value (S, B, vdim).

        Parameters
        ----------
        key_padding_mask : (B, S), or (S) without a batch axis. attn_mask : (T, S) or (B·h, T, S).
            Boolean: True where a key must NOT be looked at. Floating point: added to the scores. Neither gets a
            gradient.
        need_weights : return the weights (after dropout): (B, T, S), the mean over the heads, or (B, h, T, S) with
            `average_attn_weights=False`. Without them the memory grows with T, not with T · S.
        is_causal : a hint that attn_mask, which must be given too, is the causal one.

        A query that may look at nothing gets nan, as torch's, and zeros with `need_weights=False`.
        """
        self._check(query, key, value, key_padding_mask, attn_mask, is_causal)
        batched = query.ndim == 3

        def to_batch(x):  # -> (B, T, E)
            return x[None] if not batched else x if self.batch_first else x.swapaxes(0, 1)

        def from_batch(y):
            return y[0] if not batched else y if self.batch_first else y.swapaxes(0, 1)

        def project(x, weight, bias, *more):
            return chain(to_batch(x), lambda x: linear(x, weight, bias), *more)

        (Wq, bq), (Wk, bk), (Wv, bv) = self.projections()
        q, query_backward = project(query, Wq, bq)  # (B, T, E)
        k, key_backward = project(key, Wk, bk, *self.more_tokens(self.bias_k))  # (B, S, E)
        v, value_backward = project(value, Wv, bv, *self.more_tokens(self.bias_v))
        heads = [self.split_heads(a) for a in (q, k, v)]  # (B, h, T, d), (B, h, S, d), (B, h, S, d)
        keys, shape = k.shape[1], q.shape
        del q, k, v

        p = self.dropout if self.training else 0.0
        causal = is_causal and key_padding_mask is None and not need_weights
        mask = None if causal else self.merged_mask(query, attn_mask, key_padding_mask, keys)
        if need_weights:
            (mixed, weights), attention_backward = attention_with_weights(*heads, mask, p, self.rng)
        else:
            weights = None
            mixed, attention_backward = scaled_dot_product_attention(*heads, mask, p, causal, rng=self.rng)
        y, out_backward = self.out_proj(self.join_heads(mixed))  # (B, T, E)
        if need_weights:
            shown = weights.mean(axis=1) if average_attn_weights else weights
            shown = shown if batched else shown[0]

        def backward(dy, pull):
            doutput, dshown = dy
            doutput = np.zeros_like(self.out_proj.weight.data, shape=shape) if doutput is None else to_batch(doutput)
            # output = out_proj(join_heads(mixed))
            dmixed = self.split_heads(pull(out_backward, doutput))
            # mixed, weights = attention(q, k, v)
            if need_weights:
                dweights = None
                if dshown is not None:
                    dweights = dshown if batched else dshown[None]
                    if average_attn_weights:  # a mean over the heads: each has the same share
                        dweights = dweights[:, None] / self.num_heads
                dheads = pull(attention_backward, (dmixed, dweights))
            else:
                dheads = pull(attention_backward, dmixed)[:3]
            # heads = split_heads(project(input))
            dq, dk, dv = map(self.join_heads, dheads)
            dinputs = pull(query_backward, dq), pull(key_backward, dk), pull(value_backward, dv)
            return tuple(map(from_batch, dinputs))

        return (from_batch(y), shown if need_weights else None), ComposedBackward(backward)

    def split_heads(self, x):
        """(B, T, E) -> (B, h, T, d)"""
        return x.reshape(*x.shape[:2], self.num_heads, self.head_dim).swapaxes(1, 2)

    def join_heads(self, x):
        """(B, h, T, d) -> (B, T, E)"""
        return x.swapaxes(1, 2).reshape(x.shape[0], x.shape[2], self.embed_dim)

    def more_tokens(self, token) -> list:
        """The steps that append the learned token and one of zeros, where the layer has them."""
        learned = [] if token is None else [lambda x: append_token(x, token)]
        return [*learned, append_token] if self.add_zero_attn else learned

    def merged_mask(self, query, attn_mask, key_padding_mask, keys: int):
        """Both masks as one that is added to the scores, (B or 1, h or 1, T or 1, keys); appended keys are seen."""
        masks = []
        if attn_mask is not None:  # (T, S) or (B·h, T, S)
            masks.append(blocked(attn_mask, query.dtype).reshape(-1, *attn_mask.shape[-2:]))
            heads = 1 if attn_mask.ndim == 2 else self.num_heads
            masks[0] = masks[0].reshape(len(masks[0]) // heads, heads, *attn_mask.shape[-2:])
        if key_padding_mask is not None:  # (B, S) or (S)
            masks.append(blocked(key_padding_mask, query.dtype).reshape(-1, 1, 1, key_padding_mask.shape[-1]))
        if not masks:
            return None
        mask = sum(masks[1:], masks[0])
        seen = np.zeros_like(mask, shape=(*mask.shape[:-1], keys - mask.shape[-1]))
        return np.concatenate([mask, seen], axis=-1)

    def _check(self, query, key, value, key_padding_mask, attn_mask, is_causal) -> None:
        shapes = f"query {query.shape}, key {key.shape}, value {value.shape}"
        if query.ndim not in (2, 3) or key.ndim != query.ndim or value.ndim != query.ndim:
            raise ValueError(f"MultiheadAttention: query, key and value must all be 2-D or all 3-D, but got {shapes}")
        widths = self.embed_dim, self.kdim, self.vdim
        if (query.shape[-1], key.shape[-1], value.shape[-1]) != widths:
            raise ValueError(f"MultiheadAttention: query, key and value must have widths {widths}, but got {shapes}")
        (B, T), S = sizes(query, self.batch_first), sizes(key, self.batch_first)
        if key.shape[:-1] != value.shape[:-1] or S[0] != B:
            raise ValueError(
                "MultiheadAttention: key and value must be of one length, and of query's batch "
                f"(batch_first={self.batch_first}), but got {shapes}"
            )
        S, h = S[1], self.num_heads
        if attn_mask is not None and attn_mask.shape not in ((T, S), (B * h, T, S)):
            raise ValueError(
                f"MultiheadAttention: attn_mask must be (T, S) {(T, S)} or (B·h, T, S) {(B * h, T, S)}, "
                f"but is {attn_mask.shape}"
            )
        padding = (B, S) if query.ndim == 3 else (S,)
        if key_padding_mask is not None and key_padding_mask.shape != padding:
            raise ValueError(
                f"MultiheadAttention: key_padding_mask must be {padding}, but is {key_padding_mask.shape} ({shapes})"
            )
        if is_causal and attn_mask is None:
            raise ValueError(
                "MultiheadAttention: is_causal=True is only a hint on attn_mask, which must be given too; "
                "make it with Transformer.generate_square_subsequent_mask(T)"
            )


def sizes(x, batch_first: bool) -> tuple[int, int]:
    """(B, T) of an input."""
    if x.ndim == 2:
        return 1, x.shape[0]
    return x.shape[:2] if batch_first else x.shape[1::-1]


def blocked(mask, dtype):
    """A mask of this module (True: do not look) as what is added to the scores."""
    if mask.dtype.kind not in "bf":
        raise TypeError(f"MultiheadAttention: masks must be boolean or floating point, but one has dtype {mask.dtype}")
    return additive(~mask, dtype) if mask.dtype.kind == "b" else mask.astype(dtype)


def append_token_forward(x, token=None):
    """One more token (1, 1, E), or zeros, behind every sequence of x (B, S, E)."""
    more = np.zeros_like(x, shape=(len(x), 1, x.shape[-1]))
    if token is not None:
        more += token
    return np.concatenate([x, more], axis=1), None


def append_token_backward(dy, saved):
    """dy (B, S + 1, E) -> dx (B, S, E), dtoken (1, 1, E): every sequence was given the same one"""
    return dy[:, :-1].copy(), dy[:, -1:].sum(axis=0, keepdims=True)


append_token = Op(append_token_forward, append_token_backward)


def attention_with_weights(q, k, v, mask, dropout_p: float, rng):
    """Attention that also returns its weights: (mixed (B, h, T, d), weights (B, h, T, S)), and its backward.

    Other than scaled_dot_product_attention it takes the plain softmax, which has no answer (nan) without any key.
    """
    s, scores_backward = scores(q, k)  # (B, h, T, d), (B, h, S, d) -> (B, h, T, S)
    weights, softmax_backward = softmax(s if mask is None else s + mask, -1)
    dropped, dropout_backward = weights, None
    if dropout_p > 0:
        dropped, dropout_backward = dropout(weights, dropout_p, rng=rng)
    mixed, mix_backward = mix(dropped, v)  # (B, h, T, S), (B, h, S, d) -> (B, h, T, d)

    def backward(dy, pull):
        dmixed, dshown = dy
        # mixed = dropped @ v
        dweights, dv = pull(mix_backward, dmixed)
        if dshown is not None:
            dweights = dweights + dshown
        # dropped = dropout(softmax(scores + mask))
        if dropout_backward is not None:
            dweights = pull(dropout_backward, dweights)
        return *pull(scores_backward, pull(softmax_backward, dweights)), dv

    return (mixed, dropped), ComposedBackward(backward)
