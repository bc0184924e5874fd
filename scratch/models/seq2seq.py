"""Sequence to sequence: a recurrent encoder reads the source into one vector, a recurrent decoder writes the target.

Axes: B batch, S source tokens, T target tokens, E embedding, H hidden features, L layers, V target vocabulary.
Twin: torch_ref/models/seq2seq.py. Pairs: parity_tests/pairs/models/seq2seq.py.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scratch import random
from scratch.containers import chain
from scratch.dropout import Dropout
from scratch.embedding import Embedding
from scratch.linear import Linear
from scratch.module import Module
from scratch.packed import pack_padded_sequence, pad_packed_sequence
from scratch.recurrent import GRU, LSTM

CELLS = {"gru": GRU, "lstm": LSTM}


def checked_cell(name: str, cell: str, kinds: dict):
    """The class that `cell` names."""
    if cell not in kinds:
        raise ValueError(f"{name}: cell must be 'gru' or 'lstm', but is {cell!r}")
    return kinds[cell]


def each(function: Callable, state):
    """function of a GRU's state, or of both parts of an LSTM's pair; None stays None."""
    if isinstance(state, tuple):
        return tuple(each(function, part) for part in state)
    return None if state is None else function(state)


def output_of(state):
    """The hidden state h of a GRU's state h, or of an LSTM's pair (h, c)."""
    return state[0] if isinstance(state, tuple) else state


class Seq2SeqEncoder(Module):
    """Embedding and a GRU or LSTM: tokens (B, S) -> ((outputs (B, S, O), state), backward).

    Parameters
    ----------
    vocab_size, embed_size, hidden_size, num_layers : rows of the table, E, H, L. cell : "gru" or "lstm".
    dropout : of the embedded tokens. bidirectional : a second network reads from the end; O = 2H then, else H.
    padding_idx : the token of the padding, whose row of the table stays as it is.

    Call: tokens (B, S) integers; lengths : (B,) integers from 1 to S, how many tokens of each source are no padding;
    None: all. With lengths the padding is not read at all, and its outputs are 0.
    state : (L, B, O), both directions side by side, or for the LSTM a pair of them.
    backward : (doutputs, dstate), None for either without an upstream gradient -> None, tokens have no gradient.
    """

    def __init__(
        self, vocab_size: int, embed_size: int, hidden_size: int, num_layers: int = 1, cell: str = "gru",
        dropout: float = 0.0, bidirectional: bool = False, padding_idx: int | None = None, *, rng=None,
    ):  # fmt: skip
        rng = None if rng is None else random.generator(rng)
        recurrent = checked_cell("Seq2SeqEncoder", cell, CELLS)
        self.embedding = Embedding(vocab_size, embed_size, padding_idx, rng=rng)
        self.dropout = Dropout(dropout, rng=rng)
        self.rnn = recurrent(
            embed_size, hidden_size, num_layers, batch_first=True, bidirectional=bidirectional, rng=rng
        )
        self.output_size = hidden_size * (2 if bidirectional else 1)

    def forward(self, tokens, lengths=None):
        check_tokens("Seq2SeqEncoder", tokens=tokens)
        x, embed_backward = chain(tokens, self.embedding, self.dropout)  # (B, S, E)
        (outputs, state), rnn_backward = self.read(x, lengths)

        def backward(dy):
            doutputs, dstate = dy
            if doutputs is None:
                doutputs = np.zeros_like(outputs)
            embed_backward(rnn_backward((doutputs, each(self.split_directions, dstate))))

        return (outputs, each(self.join_directions, state)), backward

    def read(self, x, lengths):
        """The recurrent network over x (B, S, E), each sequence as long as it is."""
        B, S, _ = x.shape
        if lengths is None:
            return self.rnn(x)
        lengths = checked_lengths("Seq2SeqEncoder", lengths, B, S)
        if min(lengths, default=S) == S:
            return self.rnn(x)
        packed, pack_backward = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        (packed_outputs, state), rnn_backward = self.rnn(packed)
        (outputs, _), pad_backward = pad_packed_sequence(packed_outputs, batch_first=True, total_length=S)

        def backward(dy):
            doutputs, dstate = dy
            return pack_backward(rnn_backward((pad_backward(doutputs), dstate)))

        return (outputs, state), backward

    def join_directions(self, state):
        """(L · D, B, H) -> (L, B, D · H)"""
        B, H = state.shape[1:]
        return state.reshape(self.rnn.num_layers, -1, B, H).swapaxes(1, 2).reshape(self.rnn.num_layers, B, -1)

    def split_directions(self, dstate):
        """The transpose: (L, B, D · H) -> (L · D, B, H)"""
        B, H = dstate.shape[1], self.rnn.hidden_size
        return dstate.reshape(self.rnn.num_layers, B, -1, H).swapaxes(1, 2).reshape(-1, B, H)


def check_tokens(name: str, **tokens) -> None:
    """Raise ValueError unless each is (B, T) with at least one token, all of one batch size."""
    for argument, array in tokens.items():
        if array.ndim != 2 or not array.shape[1]:
            raise ValueError(
                f"{name}: {argument} must be (batch, tokens) with at least one token, but is {array.shape}; "
                f"for a single sequence add an axis: {argument}[None]"
            )
    if len({len(array) for array in tokens.values()}) > 1:
        shapes = ", ".join(f"{argument} {array.shape}" for argument, array in tokens.items())
        raise ValueError(f"{name}: there must be as many targets as sources, but got {shapes}")


def checked_lengths(name: str, lengths, batch: int, longest: int) -> list[int]:
    """The lengths of a batch as ints, each from 1 to the longest."""
    found = [int(n) for n in lengths]
    if len(found) != batch or (found and not 1 <= min(found) <= max(found) <= longest):
        raise ValueError(f"{name}: lengths must be {batch} integers from 1 to {longest}, but are {found}")
    return found


class Seq2SeqDecoder(Module):
    """A language model that at every step sees the context too: logits = out(rnn([embedding(token), context])).

    The parameters are those of Seq2SeqEncoder; hidden_size is the encoder's output_size.

    Call: target (B, T) integers, the token before each one to predict; context (B, H); state (L, B, H), or for the
    LSTM a pair of them -> ((logits (B, T, V), new state), backward); backward : (dlogits, dstate), None for either
    without an upstream gradient -> dcontext, dstate.
    """

    def __init__(
        self, vocab_size: int, embed_size: int, hidden_size: int, num_layers: int = 1, cell: str = "gru",
        dropout: float = 0.0, padding_idx: int | None = None, *, rng=None,
    ):  # fmt: skip
        rng = None if rng is None else random.generator(rng)
        recurrent = checked_cell("Seq2SeqDecoder", cell, CELLS)
        self.embedding = Embedding(vocab_size, embed_size, padding_idx, rng=rng)
        self.dropout = Dropout(dropout, rng=rng)
        self.rnn = recurrent(embed_size + hidden_size, hidden_size, num_layers, batch_first=True, rng=rng)
        self.out = Linear(hidden_size, vocab_size, rng=rng)

    def forward(self, target, context, state):
        check_tokens("Seq2SeqDecoder", target=target)
        if context.shape != (len(target), self.rnn.hidden_size):
            raise ValueError(
                f"Seq2SeqDecoder: context must be (B, H), {(len(target), self.rnn.hidden_size)}, but is "
                f"{context.shape}; the decoder's hidden_size is the encoder's output_size"
            )
        x, embed_backward = chain(target, self.embedding, self.dropout)  # (B, T, E)
        B, T, E = x.shape
        at_every_step = np.broadcast_to(context[:, None], (B, T, context.shape[1]))
        x = np.concatenate([x, at_every_step], axis=2)  # (B, T, E + H)
        (hidden, state), rnn_backward = self.rnn(x, state)  # (B, T, H)
        logits, out_backward = self.out(hidden)

        def backward(dy):
            dlogits, dstate = dy
            dhidden = np.zeros_like(hidden) if dlogits is None else out_backward(dlogits)
            dx, dstate = rnn_backward((dhidden, dstate))
            # x = concatenate([embedded, the context at every step])
            embed_backward(dx[:, :, :E])
            return dx[:, :, E:].sum(axis=1), dstate

        return (logits, state), backward


class Seq2Seq(Module):
    """Encoder and decoder together: the encoder's last hidden state is the decoder's first, and its context throughout.

    Parameters
    ----------
    encoder, decoder : Seq2SeqEncoder and Seq2SeqDecoder with the same cell and number of layers, and the decoder's
    hidden_size the encoder's output_size.

    Call: source (B, S), target (B, T) integers, lengths of the sources (B,) or None -> logits (B, T, V). The target
    is what the decoder is told (teacher forcing): the beginning-of-sequence token, then the true words; logits[:, t]
    is for the word behind target[:, t]. backward : dlogits -> None, tokens have no gradient.

    Sources: Sutskever, Vinyals, Le, "Sequence to Sequence Learning with Neural Networks", 2014; the context at every
    step: Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", 2014.
    """

    def __init__(self, encoder: Module, decoder: Module):
        self.encoder, self.decoder = encoder, decoder

    def forward(self, source, target, lengths=None):
        check_tokens("Seq2Seq", source=source, target=target)
        (outputs, state), encoder_backward = self.encoder(source, lengths)
        (logits, _), decoder_backward = self.decoder(target, output_of(state)[-1], state)

        def backward(dlogits):
            dcontext, dstate = decoder_backward((dlogits, None))
            # the context was the last layer's hidden state at the end of the source
            dstate = each(np.copy, dstate)
            output_of(dstate)[-1] += dcontext
            encoder_backward((None, dstate))

        return logits, backward

    def greedy(self, source, max_len: int, bos: int = 1, eos: int | None = None, lengths=None):
        """Translate: the likeliest token at each step is the next step's input. Returns tokens (B, at most max_len).

        bos : what the decoder is told first. eos : the token that ends a sequence, which then repeats it; the result
        ends when all have ended. Dropout is as the mode says: call `eval()` before.
        """
        _, state = self.encoder.predict(source, lengths)
        context = output_of(state)[-1]  # the encoder's, at every step

        def step(tokens, state):
            logits, state = self.decoder.predict(tokens, context, state)
            return logits, None, state

        return greedy_tokens(step, state, source, max_len, bos, eos)[0]


def greedy_tokens(step: Callable, state, source, max_len: int, bos: int, eos: int | None):
    """`step(tokens (B, 1), state) -> (logits (B, 1, V), more, state)` until max_len tokens or all have met eos.

    Returns tokens (B, n), starting with what follows bos, and the list of the n `more`.
    """
    if max_len < 1:
        raise ValueError(f"greedy: max_len must be at least 1, but is {max_len}")
    told = np.zeros_like(source, shape=(len(source), 1)) + bos
    ended = told != told
    written, extras = [], []
    for _ in range(max_len):
        logits, more, state = step(told, state)
        told = logits.argmax(axis=2).astype(source.dtype)  # (B, 1)
        if eos is not None:
            told = np.where(ended, eos, told)
            ended = ended | (told == eos)
        written.append(told)
        extras.append(more)
        if eos is not None and bool(ended.all()):
            break
    return np.concatenate(written, axis=1), extras
