"""The Transformer as a translator: embeddings and positions in front of it, a projection to words behind it.

Axes: B batch, S source tokens, T target tokens, E embedding (d_model), V target vocabulary.
Twin: torch_ref/models/transformer_seq2seq.py. Pair: parity_tests/pairs/models/transformer_seq2seq.py.
"""

from __future__ import annotations

import math

import numpy as np

from scratch import init, random
from scratch.embedding import Embedding
from scratch.linear import Linear
from scratch.models.positional_encoding import PositionalEncoding
from scratch.models.seq2seq import check_tokens, greedy_tokens
from scratch.module import Module
from scratch.op import on_device_of
from scratch.transformer import Transformer


class TransformerSeq2Seq(Module):
    """logits = out(decoder(embed(target), encoder(embed(source)))), embed(t) = dropout(sqrt(E) · table[t] + positions).

    Parameters
    ----------
    source_vocab, target_vocab : rows of the two tables. d_model, nhead, num_encoder_layers, num_decoder_layers,
    dim_feedforward, dropout, norm_first : as the Transformer's. max_len : the longest source or target.
    padding_idx : the source's padding token, which nobody looks at; None: there is none.
    tie_embeddings : out's matrix is the target's table; its gradient is the sum of both uses.

    Call: source (B, S), target (B, T) integers -> logits (B, T, V), where logits[:, t] is for the word behind
    target[:, t] (teacher forcing); place t of the target sees the places 0 to t only. Padding at the target's end is
    thereby hidden from all words; leave its logits out of the loss (`ignore_index`). backward : dlogits -> None.

    The tables start from N(0, 1/E), the Transformer by Glorot's rule.
    Source: Vaswani et al., "Attention Is All You Need", 2017.
    """

    def __init__(
        self, source_vocab: int, target_vocab: int, d_model: int = 512, nhead: int = 8, num_encoder_layers: int = 6,
        num_decoder_layers: int = 6, dim_feedforward: int = 2048, dropout: float = 0.1, max_len: int = 512,
        padding_idx: int | None = 0, norm_first: bool = False, tie_embeddings: bool = False, *, rng=None,
    ):  # fmt: skip
        rng = None if rng is None else random.generator(rng)
        self.d_model, self.padding_idx = d_model, padding_idx
        self.source_embedding = Embedding(source_vocab, d_model, rng=rng)
        self.target_embedding = Embedding(target_vocab, d_model, rng=rng)
        self.positions = PositionalEncoding(d_model, max_len, dropout, rng=rng)
        self.transformer = Transformer(
            d_model, nhead, num_encoder_layers, num_decoder_layers, dim_feedforward, dropout,
            batch_first=True, norm_first=norm_first, rng=rng,
        )  # fmt: skip
        self.out = Linear(d_model, target_vocab, rng=rng)
        if tie_embeddings:
            self.out.weight = self.target_embedding.weight
        for table in (self.source_embedding, self.target_embedding):
            init.normal_(table.weight, std=1 / math.sqrt(d_model), rng=rng)

    def forward(self, source, target):
        check_tokens("TransformerSeq2Seq", source=source, target=target)
        src, source_backward = self.embed(source, self.source_embedding)  # (B, S, E)
        tgt, target_backward = self.embed(target, self.target_embedding)  # (B, T, E)
        padding = self.padding_of(source)
        hidden, transformer_backward = self.transformer(
            src,
            tgt,
            tgt_mask=later_places(target),
            src_key_padding_mask=padding,
            memory_key_padding_mask=padding,
            tgt_is_causal=True,
        )
        logits, out_backward = self.out(hidden)  # (B, T, V)

        def backward(dlogits):
            dsrc, dtgt = transformer_backward(out_backward(dlogits))
            source_backward(dsrc)
            target_backward(dtgt)

        return logits, backward

    def embed(self, tokens, embedding):
        """dropout(sqrt(E) · table[tokens] + positions): (B, T) -> (B, T, E)"""
        words, words_backward = embedding(tokens)
        x, positions_backward = self.positions(math.sqrt(self.d_model) * words)

        def backward(dx):
            # x = positions(sqrt(E) * words)
            words_backward(math.sqrt(self.d_model) * positions_backward(dx))

        return x, backward

    def padding_of(self, source):
        """(B, S) bool, True where nobody is to look."""
        return None if self.padding_idx is None else source == self.padding_idx

    def greedy(self, source, max_len: int, bos: int = 1, eos: int | None = None):
        """Translate: the likeliest token at each step is told with all before it in the next step.

        Returns tokens (B, n), n at most max_len; bos, eos and the mode as Seq2Seq.greedy's.
        """
        padding = self.padding_of(source)
        src, _ = self.embed(source, self.source_embedding)
        memory = self.transformer.encoder.predict(src, src_key_padding_mask=padding)

        def step(tokens, before):
            told = np.concatenate([before, tokens], axis=1)
            tgt, _ = self.embed(told, self.target_embedding)
            hidden = self.transformer.decoder.predict(
                tgt, memory, tgt_mask=later_places(told), memory_key_padding_mask=padding, tgt_is_causal=True
            )
            return self.out.predict(hidden[:, -1:]), None, told

        return greedy_tokens(step, source[:, :0], source, max_len, bos, eos)[0]


def later_places(tokens):
    """(T, T) bool, True where the key stands behind the query."""
    return on_device_of(tokens, ~np.tri(tokens.shape[1], dtype=bool))
