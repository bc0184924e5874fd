"""The Transformer: attention and a small network for each token, in layers; encoder, decoder and both together.

Axes: B batch, S source tokens, T target tokens, E embedding (d_model), F features of the small network.
Twin: torch_ref/transformer.py. Pair: parity_tests/pairs/transformer.py.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import numpy as np

from scratch import init, random
from scratch.activations import gelu
from scratch.containers import ComposedBackward, ModuleList, chain
from scratch.dropout import Dropout
from scratch.dtypes import as_dtype
from scratch.linear import Linear
from scratch.module import Module
from scratch.multihead_attention import MultiheadAttention
from scratch.normalization import LayerNorm
from scratch.op import on_device_of
from scratch.rectifiers import relu

ACTIVATIONS = {"relu": relu, "gelu": gelu}


class TransformerLayer(Module):
    """What encoder and decoder layers share: how a block is wrapped in its residual connection and its norm."""

    norm_first: bool

    def residual(self, x, block: Callable, norm: Module):
        """norm(x + block(x)), or x + block(norm(x)) with norm_first; its backward gives (dx, *block's other gradients).

        `block(x)` returns (y, backward), and the backward dx or (dx, others...).
        """
        if self.norm_first:
            normed, norm_backward = norm(x)
            h, block_backward = block(normed)

            def backward(dy, pull):
                # y = x + block(norm(x))
                dnormed, *others = as_tuple(pull(block_backward, dy))
                return dy + pull(norm_backward, dnormed), *others

            return x + h, ComposedBackward(backward)

        h, block_backward = block(x)
        y, norm_backward = norm(x + h)

        def backward(dy, pull):
            # y = norm(x + block(x))
            dsum = pull(norm_backward, dy)
            dx, *others = as_tuple(pull(block_backward, dsum))
            return dsum + dx, *others

        return y, ComposedBackward(backward)

    def attend(self, attention: MultiheadAttention, dropout: Module, **masks):
        """The block x -> dropout(attention(x, x, x)), a function in the protocol."""

        def block(x):
            (h, _), attention_backward = attention(x, x, x, need_weights=False, **masks)
            y, dropout_backward = chain(h, *active(dropout))

            def backward(dy, pull):
                # x was query, key and value
                dquery, dkey, dvalue = pull(attention_backward, (pull(dropout_backward, dy), None))
                return dquery + dkey + dvalue

            return y, ComposedBackward(backward)

        return block

    def attend_to(self, memory, attention: MultiheadAttention, dropout: Module, **masks):
        """The block x -> dropout(attention(x, memory, memory)); its backward gives (dx, dmemory)."""

        def block(x):
            (h, _), attention_backward = attention(x, memory, memory, need_weights=False, **masks)
            y, dropout_backward = chain(h, *active(dropout))

            def backward(dy, pull):
                # memory was key and value
                dquery, dkey, dvalue = pull(attention_backward, (pull(dropout_backward, dy), None))
                return dquery, dkey + dvalue

            return y, ComposedBackward(backward)

        return block

    def feed_forward(self, last_dropout: Module):
        """The block x -> dropout(linear2(dropout(activation(linear1(x))))): (*, E) -> (*, F) -> (*, E)."""
        steps = self.linear1, self.activation, *active(self.dropout), self.linear2, *active(last_dropout)
        return lambda x: chain(x, *steps)


def active(dropout: Module) -> list[Module]:
    """The dropout as a step of a chain, or no step where it would only copy."""
    return [dropout] if dropout.training and dropout.p > 0 else []


def as_tuple(gradients) -> tuple:
    return gradients if isinstance(gradients, tuple) else (gradients,)


class TransformerEncoderLayer(TransformerLayer):
    """Self-attention, then a two-layer network on every token, each with a residual connection and a LayerNorm.

    y1 = norm1(x + attention(x)), y = norm2(y1 + network(y1)); with `norm_first` the norms stand before the blocks:
    y1 = x + attention(norm1(x)), y = y1 + network(norm2(y1)).

    Parameters
    ----------
    d_model, nhead, dim_feedforward : E, the number of heads, F. dropout : of the attention weights, inside the network
    and of both blocks' results. activation : "relu", "gelu", or a function or module `y, backward = activation(x)`.
    layer_norm_eps, bias : of the norms; bias also of all linear maps. batch_first : (B, S, E) instead of (S, B, E).

    Sources: Vaswani et al., 2017; norm_first: Xiong et al., "On Layer Normalization in the Transformer", 2020.
    """

    def __init__(
        self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1,
        activation: str | Callable = "relu", layer_norm_eps: float = 1e-5, batch_first: bool = False,
        norm_first: bool = False, bias: bool = True, device=None, dtype=None, *, rng=None,
    ):  # fmt: skip
        rng = None if rng is None else random.generator(rng)
        made = {"device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout, bias=bias, batch_first=batch_first, **made, rng=rng
        )
        self.linear1 = Linear(d_model, dim_feedforward, bias, **made, rng=rng)
        self.dropout = Dropout(dropout, rng=rng)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **made, rng=rng)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, **made)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, **made)
        self.dropout1 = Dropout(dropout, rng=rng)
        self.dropout2 = Dropout(dropout, rng=rng)
        self.activation = checked_activation(activation)

    def forward(self, src, src_mask=None, src_key_padding_mask=None, is_causal: bool = False):
        """src (S, B, E), or batch first, or (S, E); masks as MultiheadAttention's. backward : dy -> dsrc."""
        attend = self.attend(
            self.self_attn,
            self.dropout1,
            attn_mask=src_mask,
            key_padding_mask=src_key_padding_mask,
            is_causal=is_causal,
        )
        x, attention_backward = self.residual(src, attend, self.norm1)
        y, network_backward = self.residual(x, self.feed_forward(self.dropout2), self.norm2)

        def backward(dy, pull):
            (dx,) = pull(network_backward, dy)
            (dsrc,) = pull(attention_backward, dx)
            return dsrc

        return y, ComposedBackward(backward)


class TransformerDecoderLayer(TransformerLayer):
    """Self-attention, attention to the encoder's memory, then the network: three blocks as in the encoder layer.

    The parameters are those of TransformerEncoderLayer.
    """

    def __init__(
        self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1,
        activation: str | Callable = "relu", layer_norm_eps: float = 1e-5, batch_first: bool = False,
        norm_first: bool = False, bias: bool = True, device=None, dtype=None, *, rng=None,
    ):  # fmt: skip
        rng = None if rng is None else random.generator(rng)
        made = {"device": device, "dtype": dtype}
        attention = {"dropout": dropout, "bias": bias, "batch_first": batch_first, **made, "rng": rng}
        self.self_attn = MultiheadAttention(d_model, nhead, **attention)
        self.multihead_attn = MultiheadAttention(d_model, nhead, **attention)
        self.linear1 = Linear(d_model, dim_feedforward, bias, **made, rng=rng)
        self.dropout = Dropout(dropout, rng=rng)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **made, rng=rng)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, **made)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, **made)
        self.norm3 = LayerNorm(d_model, layer_norm_eps, bias=bias, **made)
        self.dropout1 = Dropout(dropout, rng=rng)
        self.dropout2 = Dropout(dropout, rng=rng)
        self.dropout3 = Dropout(dropout, rng=rng)
        self.activation = checked_activation(activation)

    def forward(
        self,
        tgt,
        memory,
        tgt_mask=None,
        memory_mask=None,
        tgt_key_padding_mask=None,
        memory_key_padding_mask=None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ):
        """tgt (T, B, E), memory (S, B, E), or batch first, or without B. backward : dy -> dtgt, dmemory."""
        attend = self.attend(
            self.self_attn,
            self.dropout1,
            attn_mask=tgt_mask,
            key_padding_mask=tgt_key_padding_mask,
            is_causal=tgt_is_causal,
        )
        attend_to_memory = self.attend_to(
            memory,
            self.multihead_attn,
            self.dropout2,
            attn_mask=memory_mask,
            key_padding_mask=memory_key_padding_mask,
            is_causal=memory_is_causal,
        )
        x, self_backward = self.residual(tgt, attend, self.norm1)
        x, memory_backward = self.residual(x, attend_to_memory, self.norm2)
        y, network_backward = self.residual(x, self.feed_forward(self.dropout3), self.norm3)

        def backward(dy, pull):
            (dx,) = pull(network_backward, dy)
            dx, dmemory = pull(memory_backward, dx)
            (dtgt,) = pull(self_backward, dx)
            return dtgt, dmemory

        return y, ComposedBackward(backward)


def checked_activation(activation) -> Callable:
    if isinstance(activation, str):
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation must be 'relu', 'gelu' or a function or module, but is {activation!r}")
        return ACTIVATIONS[activation]
    return activation


def copies(layer: Module, n: int) -> ModuleList:
    """n layers with the values of this one, as torch makes them; random generators are shared, not copied."""
    generators = {id(m.rng): m.rng for m in layer.modules() if getattr(m, "rng", None) is not None}
    return ModuleList(deepcopy(layer, dict(generators)) for _ in range(n))


def is_causal_mask(mask, hint: bool | None, length: int) -> bool:
    """The hint, or where there is none, whether the mask is the floating-point causal one."""
    if hint is not None or mask is None:
        return bool(hint)
    causal = on_device_of(mask, Transformer.generate_square_subsequent_mask(length, dtype="float64"))
    return mask.dtype.kind == "f" and mask.shape == causal.shape and bool((mask == causal).all())


def length_of(x, layer) -> int:
    return x.shape[1] if x.ndim == 3 and layer.self_attn.batch_first else x.shape[0]


class TransformerEncoder(Module):
    """num_layers copies of an encoder layer, one after the other, and a norm at the end if given.

    The copies start from equal values, as torch's do. `enable_nested_tensor` and `mask_check` are accepted and ignored:
    torch's way of skipping padded tokens in evaluation, where it then returns zeros for them; here they are computed.
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ):
        self.layers = copies(encoder_layer, num_layers)
        self.num_layers, self.norm = num_layers, norm

    def forward(self, src, mask=None, src_key_padding_mask=None, is_causal: bool | None = None):
        """As a layer's. is_causal=None finds out whether mask is the causal one. backward : dy -> dsrc."""
        causal = is_causal_mask(mask, is_causal, length_of(src, self.layers[0]))
        steps = [lambda x, layer=layer: layer(x, mask, src_key_padding_mask, causal) for layer in self.layers]
        return chain(src, *steps, *([] if self.norm is None else [self.norm]))


class TransformerDecoder(Module):
    """num_layers copies of a decoder layer, all of which look at the same memory, and a norm at the end if given."""

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None):
        self.layers = copies(decoder_layer, num_layers)
        self.num_layers, self.norm = num_layers, norm

    def forward(
        self,
        tgt,
        memory,
        tgt_mask=None,
        memory_mask=None,
        tgt_key_padding_mask=None,
        memory_key_padding_mask=None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ):
        """As a layer's. tgt_is_causal=None finds out whether tgt_mask is the causal one."""
        causal = is_causal_mask(tgt_mask, tgt_is_causal, length_of(tgt, self.layers[0]))
        masks = tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask
        x, backwards = tgt, []
        for layer in self.layers:
            x, layer_backward = layer(x, memory, *masks, causal, memory_is_causal)
            backwards.append(layer_backward)
        if self.norm is not None:
            x, norm_backward = self.norm(x)

        def backward(dy, pull):
            dx = dy if self.norm is None else pull(norm_backward, dy)
            dmemory = None
            for layer_backward in reversed(backwards):
                dx, d = pull(layer_backward, dx)
                dmemory = d if dmemory is None else dmemory + d  # every layer looked at it
            return dx, dmemory

        return x, ComposedBackward(backward)


class Transformer(Module):
    """An encoder for the source and a decoder for the target: y = decoder(tgt, encoder(src)).

    The embeddings before it and the projection to words behind it are the caller's. All matrices start by Glorot's
    uniform rule. custom_encoder, custom_decoder : modules used instead.

    Source: Vaswani et al., "Attention Is All You Need", 2017.
    """

    def __init__(
        self, d_model: int = 512, nhead: int = 8, num_encoder_layers: int = 6, num_decoder_layers: int = 6,
        dim_feedforward: int = 2048, dropout: float = 0.1, activation: str | Callable = "relu",
        custom_encoder: Module | None = None, custom_decoder: Module | None = None, layer_norm_eps: float = 1e-5,
        batch_first: bool = False, norm_first: bool = False, bias: bool = True, device=None, dtype=None, *, rng=None,
    ):  # fmt: skip
        rng = None if rng is None else random.generator(rng)
        made = {"device": device, "dtype": dtype}
        options = d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias
        if custom_encoder is None:
            layer = TransformerEncoderLayer(*options, **made, rng=rng)
            norm = LayerNorm(d_model, layer_norm_eps, bias=bias, **made)
            custom_encoder = TransformerEncoder(layer, num_encoder_layers, norm)
        if custom_decoder is None:
            layer = TransformerDecoderLayer(*options, **made, rng=rng)
            norm = LayerNorm(d_model, layer_norm_eps, bias=bias, **made)
            custom_decoder = TransformerDecoder(layer, num_decoder_layers, norm)
        self.encoder, self.decoder = custom_encoder, custom_decoder
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first
        self.reset_parameters(rng)

    def reset_parameters(self, rng=None) -> None:
        for parameter in self.parameters():
            if parameter.ndim > 1:
                init.xavier_uniform_(parameter, rng=rng)

    def forward(
        self,
        src,
        tgt,
        src_mask=None,
        tgt_mask=None,
        memory_mask=None,
        src_key_padding_mask=None,
        tgt_key_padding_mask=None,
        memory_key_padding_mask=None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ):
        """src (S, B, E) and tgt (T, B, E), or batch first, or without B -> y as tgt. backward : dy -> dsrc, dtgt."""
        if src.shape[-1] != self.d_model or tgt.shape[-1] != self.d_model:
            raise ValueError(
                f"Transformer: src and tgt must have d_model {self.d_model} features, "
                f"but are {src.shape} and {tgt.shape}"
            )
        batch = 0 if self.batch_first else 1
        if src.ndim != tgt.ndim or (src.ndim == 3 and src.shape[batch] != tgt.shape[batch]):
            raise ValueError(
                f"Transformer: src and tgt must have one batch size (batch_first={self.batch_first}), "
                f"but are {src.shape} and {tgt.shape}"
            )
        memory, encoder_backward = self.encoder(
            src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal
        )
        y, decoder_backward = self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )

        def backward(dy, pull):
            dtgt, dmemory = pull(decoder_backward, dy)
            return pull(encoder_backward, dmemory), dtgt

        return y, ComposedBackward(backward)

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device=None, dtype=None) -> np.ndarray:
        """(sz, sz): 0 on and below the diagonal, -inf above it: nobody looks at what comes later."""
        return np.where(np.tri(sz, dtype=bool), 0.0, -np.inf).astype(as_dtype(dtype))
