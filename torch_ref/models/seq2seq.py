"""Sequence to sequence in PyTorch (Sutskever et al., 2014; Cho et al., 2014)."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

CELLS = {"gru": nn.GRU, "lstm": nn.LSTM}


class Seq2SeqEncoder(nn.Module):
    def __init__(
        self, vocab_size, embed_size, hidden_size, num_layers=1, cell="gru", dropout=0.0, bidirectional=False,
        padding_idx=None,
    ):  # fmt: skip
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embed_size, padding_idx)
        self.dropout = nn.Dropout(dropout)
        self.rnn = CELLS[cell](embed_size, hidden_size, num_layers, batch_first=True, bidirectional=bidirectional)

    def forward(self, tokens, lengths=None):
        x = self.dropout(self.embedding(tokens))
        if lengths is not None:
            x = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        outputs, state = self.rnn(x)
        if lengths is not None:
            outputs, _ = pad_packed_sequence(outputs, batch_first=True, total_length=tokens.shape[1])
        if self.rnn.bidirectional:
            state = tuple(map(side_by_side, state)) if isinstance(state, tuple) else side_by_side(state)
        return outputs, state


def side_by_side(state):
    """Forward and backward states of each layer: (2L, B, H) -> (L, B, 2H)."""
    return torch.cat([state[0::2], state[1::2]], dim=2)


def output_of(state):
    return state[0] if isinstance(state, tuple) else state


class Seq2SeqDecoder(nn.Module):
    def __init__(
        self, vocab_size, embed_size, hidden_size, num_layers=1, cell="gru", dropout=0.0, padding_idx=None
    ):  # fmt: skip
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embed_size, padding_idx)
        self.dropout = nn.Dropout(dropout)
        self.rnn = CELLS[cell](embed_size + hidden_size, hidden_size, num_layers, batch_first=True)
        self.out = nn.Linear(hidden_size, vocab_size)

    def forward(self, target, context, state):
        x = self.dropout(self.embedding(target))
        x = torch.cat([x, context.unsqueeze(1).expand(-1, x.shape[1], -1)], dim=2)
        hidden, state = self.rnn(x, state)
        return self.out(hidden), state


class Seq2Seq(nn.Module):
    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, source, target, lengths=None):
        _, state = self.encoder(source, lengths)
        logits, _ = self.decoder(target, output_of(state)[-1], state)
        return logits

    @torch.no_grad()
    def greedy(self, source, max_len, bos=1, eos=None, lengths=None):
        _, state = self.encoder(source, lengths)
        context = output_of(state)[-1]

        def step(tokens, state):
            logits, state = self.decoder(tokens, context, state)
            return logits, None, state

        return greedy_tokens(step, state, source, max_len, bos, eos)[0]


def greedy_tokens(step, state, source, max_len, bos, eos):
    told = torch.full_like(source[:, :1], bos)
    ended = torch.zeros_like(told, dtype=torch.bool)
    written, extras = [], []
    for _ in range(max_len):
        logits, more, state = step(told, state)
        told = logits.argmax(dim=2)
        if eos is not None:
            told = told.masked_fill(ended, eos)
            ended |= told == eos
        written.append(told)
        extras.append(more)
        if eos is not None and ended.all():
            break
    return torch.cat(written, dim=1), extras
