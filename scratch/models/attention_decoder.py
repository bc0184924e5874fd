"""Decoders that look back at the source: at every step attention takes another weighted mean of the encoder's outputs.

Axes: B batch, S source tokens, T target tokens, E embedding, H hidden features, M features of the memory (the encoder's
outputs), A hidden features of additive attention, V target vocabulary.
Twin: torch_ref/models/attention_decoder.py. Pairs: parity_tests/pairs/models/attention_decoder.py.
"""

from __future__ import annotations

import numpy as np

from scratch import random
from scratch.activations import tanh
from scratch.containers import chain
from scratch.dropout import Dropout
from scratch.embedding import Embedding
from scratch.linear import Linear
from scratch.models.attention_pooling import AdditiveAttention, DotProductAttention, valid_keys
from scratch.models.seq2seq import CELLS, check_tokens, checked_cell, each, greedy_tokens, output_of
from scratch.module import Module
from scratch.recurrent_cells import GRUCell, LSTMCell


class BahdanauDecoder(Module):
    """Looks, then writes: the context of step t is what attention finds with the state before it as the query.

    c_t = Σ_j p_tj m_j, p_t = softmax_j(w_vᵀ tanh(W_q s_(t-1) + W_k m_j)), x_t = [embedding(y_(t-1)), c_t],
    s_t = cell(x_t, s_(t-1)), logits_t = out([s_t, x_t])

    Parameters
    ----------
    vocab_size, embed_size, hidden_size : V, E, H. memory_size : M, the encoder's output_size (default H).
    attention_size : A (default H). cell : "gru" or "lstm". dropout : of the embedded tokens. padding_idx : the token
    whose row of the table stays as it is.

    Call: target (B, T) integers, the token before each one to predict; memory (B, S, M); state (1, B, H), or for the
    LSTM a pair of them; lengths : (B,) integers, how much of each memory is no padding, or None
    -> ((logits (B, T, V), weights (B, T, S), new state), backward).
    backward : (dlogits, dweights, dstate), None where there is no upstream gradient -> dmemory, dstate.

    Source: Bahdanau, Cho, Bengio, "Neural Machine Translation by Jointly Learning to Align and Translate", 2015; the
    output is linear in [s_t, x_t], without the paper's maxout.
    """

    def __init__(
        self, vocab_size: int, embed_size: int, hidden_size: int, memory_size: int | None = None,
        attention_size: int | None = None, cell: str = "gru", dropout: float = 0.0, padding_idx: int | None = None,
        *, rng=None,
    ):  # fmt: skip
        rng = None if rng is None else random.generator(rng)
        made = checked_cell("BahdanauDecoder", cell, {"gru": GRUCell, "lstm": LSTMCell})
        memory_size, attention_size = memory_size or hidden_size, attention_size or hidden_size
        self.embedding = Embedding(vocab_size, embed_size, padding_idx, rng=rng)
        self.dropout = Dropout(dropout, rng=rng)
        self.attention = AdditiveAttention(hidden_size, memory_size, attention_size, rng=rng)
        self.cell = made(embed_size + memory_size, hidden_size, rng=rng)
        self.out = Linear(hidden_size + embed_size + memory_size, vocab_size, rng=rng)

    def forward(self, target, memory, state, lengths=None):
        check_decoder("BahdanauDecoder", target, memory, state, self.cell.hidden_size)
        mask = valid_keys("BahdanauDecoder", lengths, memory, memory)
        E, H = self.embedding.embedding_dim, self.cell.hidden_size
        embedded, embed_backward = chain(target, self.embedding, self.dropout)  # (B, T, E)
        keys, keys_backward = self.attention.W_k(memory)  # (B, S, A), once for all steps
        state = each(lambda s: s[0], state)  # (1, B, H) -> (B, H)
        features, weights, steps = [], [], []
        for t in range(target.shape[1]):
            query = output_of(state)[:, None]  # (B, 1, H)
            (context, p), attend_backward = self.attention.attend(query, keys, memory, mask)
            x = np.concatenate([embedded[:, t], context[:, 0]], axis=1)  # (B, E + M)
            state, cell_backward = self.cell(x, state)
            features.append(np.concatenate([output_of(state), x], axis=1))  # (B, H + E + M)
            weights.append(p[:, 0])
            steps.append((attend_backward, cell_backward))
        logits, out_backward = self.out(np.stack(features, axis=1))  # (B, T, V)

        def backward(dy):
            """Backpropagation through time: s_t went into the output, the next cell and the next query."""
            dlogits, dweights, dstate = dy
            dfeatures = out_backward(np.zeros_like(logits) if dlogits is None else dlogits)
            dstate = each(np.zeros_like, state) if dstate is None else each(lambda d: d[0], dstate)
            dembedded, dkeys, dmemory = np.zeros_like(embedded), np.zeros_like(keys), np.zeros_like(memory)
            for t in reversed(range(len(steps))):
                attend_backward, cell_backward = steps[t]
                # features_t = [s_t, x_t]
                dstate = plus_output(dstate, dfeatures[:, t, :H])
                # s_t = cell(x_t, s_(t-1))
                dx, dstate = cell_backward(dstate)
                dx = dx + dfeatures[:, t, H:]
                # x_t = [embedded_t, c_t]
                dembedded[:, t] = dx[:, :E]
                # c_t, p_t = attention(s_(t-1), memory)
                dp = None if dweights is None else dweights[:, t : t + 1]
                dquery, dkeys_t, dmemory_t = attend_backward((dx[:, None, E:], dp))
                dkeys += dkeys_t
                dmemory += dmemory_t
                dstate = plus_output(dstate, dquery[:, 0])
            embed_backward(dembedded)
            # keys = W_k(memory)
            return dmemory + keys_backward(dkeys), each(lambda d: d[None], dstate)

        return (logits, np.stack(weights, axis=1), each(lambda s: s[None].copy(), state)), backward


def plus_output(dstate, doutput):
    """The gradient of a state whose hidden part got doutput too."""
    return (dstate[0] + doutput, dstate[1]) if isinstance(dstate, tuple) else dstate + doutput


def check_decoder(name: str, target, memory, state, hidden: int, layers: int = 1) -> None:
    """Raise ValueError unless target (B, T), memory (B, S, M) and state (L, B, H) fit."""
    check_tokens(name, target=target)
    if memory.ndim != 3 or len(memory) != len(target):
        raise ValueError(f"{name}: memory must be (B, S, M) for target {target.shape}, but is {memory.shape}")
    expected = (layers, len(target), hidden)
    for s in state if isinstance(state, tuple) else (state,):
        if s.shape != expected:
            raise ValueError(
                f"{name}: state must be (layers, B, H), {expected}, but is {s.shape}; the encoder needs num_layers="
                f"{layers} and output_size {hidden}"
            )


class LuongDecoder(Module):
    """Writes, then looks: the state s_t itself is the query, so the recurrent network runs over all steps at once.

    s = rnn(embedding(y)), c_t = Σ_j p_tj m_j, p_t = softmax_j(s_tᵀ m_j), logits_t = out(tanh(W_c [c_t, s_t]))

    The parameters are those of BahdanauDecoder, the memory is as wide as the state; num_layers : of the recurrent
    network. scaled : divide the scores by sqrt(H). Call and backward as BahdanauDecoder's, with states (L, B, H).

    Source: Luong, Pham, Manning, "Effective Approaches to Attention-based Neural Machine Translation", 2015: global
    attention with the score "dot", without input feeding.
    """

    def __init__(
        self, vocab_size: int, embed_size: int, hidden_size: int, num_layers: int = 1, cell: str = "gru",
        dropout: float = 0.0, scaled: bool = False, padding_idx: int | None = None, *, rng=None,
    ):  # fmt: skip
        rng = None if rng is None else random.generator(rng)
        recurrent = checked_cell("LuongDecoder", cell, CELLS)
        self.embedding = Embedding(vocab_size, embed_size, padding_idx, rng=rng)
        self.dropout = Dropout(dropout, rng=rng)
        self.rnn = recurrent(embed_size, hidden_size, num_layers, batch_first=True, rng=rng)
        self.attention = DotProductAttention(scaled=scaled)
        self.W_c = Linear(2 * hidden_size, hidden_size, bias=False, rng=rng)
        self.out = Linear(hidden_size, vocab_size, rng=rng)

    def forward(self, target, memory, state, lengths=None):
        H = self.rnn.hidden_size
        check_decoder("LuongDecoder", target, memory, state, H, self.rnn.num_layers)
        embedded, embed_backward = chain(target, self.embedding, self.dropout)  # (B, T, E)
        (hidden, state), rnn_backward = self.rnn(embedded, state)  # (B, T, H)
        (context, weights), attention_backward = self.attention(hidden, memory, memory, lengths)  # (B, T, H)
        joined = np.concatenate([context, hidden], axis=2)  # (B, T, 2H)
        logits, out_backward = chain(joined, self.W_c, tanh, self.out)

        def backward(dy):
            dlogits, dweights, dstate = dy
            djoined = np.zeros_like(joined) if dlogits is None else out_backward(dlogits)
            # joined = [context, hidden]
            dcontext, dhidden = djoined[:, :, :H], djoined[:, :, H:]
            # context, weights = attention(hidden, memory, memory)
            dquery, dkey, dvalue = attention_backward((dcontext, dweights))
            dembedded, dstate = rnn_backward((dhidden + dquery, dstate))
            embed_backward(dembedded)
            return dkey + dvalue, dstate

        return (logits, weights, state), backward


class AttentionSeq2Seq(Module):
    """Encoder and a decoder with attention: the encoder's outputs are the memory, its last state the decoder's first.

    Parameters
    ----------
    encoder : Seq2SeqEncoder, with one layer for the BahdanauDecoder. decoder : BahdanauDecoder or LuongDecoder, with
    the same cell; its hidden_size is the encoder's output_size.

    Call: source (B, S), target (B, T) integers, lengths of the sources (B,) or None -> logits (B, T, V), where
    logits[:, t] is for the word behind target[:, t] (teacher forcing). The padding of a source is neither read nor
    looked at. backward : dlogits -> None, tokens have no gradient.
    """

    def __init__(self, encoder: Module, decoder: Module):
        self.encoder, self.decoder = encoder, decoder

    def forward(self, source, target, lengths=None):
        check_tokens("AttentionSeq2Seq", source=source, target=target)
        (memory, state), encoder_backward = self.encoder(source, lengths)
        (logits, _, _), decoder_backward = self.decoder(target, memory, state, lengths)
        return logits, lambda dlogits: encoder_backward(decoder_backward((dlogits, None, None)))

    def greedy(self, source, max_len: int, bos: int = 1, eos: int | None = None, lengths=None):
        """Translate: the likeliest token at each step is the next step's input.

        Returns tokens (B, n), n at most max_len, and the attention weights (B, n, S): which source tokens each of
        them was written from. bos, eos and the mode as Seq2Seq.greedy's.
        """
        memory, state = self.encoder.predict(source, lengths)

        def step(tokens, state):
            return self.decoder.predict(tokens, memory, state, lengths)

        tokens, weights = greedy_tokens(step, state, source, max_len, bos, eos)
        return tokens, np.concatenate(weights, axis=1)
