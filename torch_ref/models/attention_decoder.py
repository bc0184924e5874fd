"""Decoders with attention in PyTorch (Bahdanau et al., 2015; Luong et al., 2015)."""

import torch
from torch import nn

from torch_ref.models.attention_pooling import AdditiveAttention, DotProductAttention
from torch_ref.models.seq2seq import CELLS, greedy_tokens, output_of


class BahdanauDecoder(nn.Module):
    def __init__(
        self, vocab_size, embed_size, hidden_size, memory_size=None, attention_size=None, cell="gru", dropout=0.0,
        padding_idx=None,
    ):  # fmt: skip
        super().__init__()
        memory_size, attention_size = memory_size or hidden_size, attention_size or hidden_size
        self.embedding = nn.Embedding(vocab_size, embed_size, padding_idx)
        self.dropout = nn.Dropout(dropout)
        self.attention = AdditiveAttention(hidden_size, memory_size, attention_size)
        self.cell = {"gru": nn.GRUCell, "lstm": nn.LSTMCell}[cell](embed_size + memory_size, hidden_size)
        self.out = nn.Linear(hidden_size + embed_size + memory_size, vocab_size)

    def forward(self, target, memory, state, lengths=None):
        state = tuple(s[0] for s in state) if isinstance(state, tuple) else state[0]
        logits, weights = [], []
        for word in self.dropout(self.embedding(target)).unbind(dim=1):
            context, p = self.attention(output_of(state).unsqueeze(1), memory, memory, lengths)
            x = torch.cat([word, context.squeeze(1)], dim=1)
            state = self.cell(x, state)
            logits.append(self.out(torch.cat([output_of(state), x], dim=1)))
            weights.append(p)
        state = tuple(s.unsqueeze(0) for s in state) if isinstance(state, tuple) else state.unsqueeze(0)
        return torch.stack(logits, dim=1), torch.cat(weights, dim=1), state


class LuongDecoder(nn.Module):
    def __init__(
        self, vocab_size, embed_size, hidden_size, num_layers=1, cell="gru", dropout=0.0, scaled=False,
        padding_idx=None,
    ):  # fmt: skip
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embed_size, padding_idx)
        self.dropout = nn.Dropout(dropout)
        self.rnn = CELLS[cell](embed_size, hidden_size, num_layers, batch_first=True)
        self.attention = DotProductAttention(scaled=scaled)
        self.W_c = nn.Linear(2 * hidden_size, hidden_size, bias=False)
        self.out = nn.Linear(hidden_size, vocab_size)

    def forward(self, target, memory, state, lengths=None):
        hidden, state = self.rnn(self.dropout(self.embedding(target)), state)
        context, weights = self.attention(hidden, memory, memory, lengths)
        attentional = torch.tanh(self.W_c(torch.cat([context, hidden], dim=2)))
        return self.out(attentional), weights, state


class AttentionSeq2Seq(nn.Module):
    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, source, target, lengths=None):
        memory, state = self.encoder(source, lengths)
        return self.decoder(target, memory, state, lengths)[0]

    @torch.no_grad()
    def greedy(self, source, max_len, bos=1, eos=None, lengths=None):
        memory, state = self.encoder(source, lengths)

        def step(tokens, state):
            return self.decoder(tokens, memory, state, lengths)

        tokens, weights = greedy_tokens(step, state, source, max_len, bos, eos)
        return tokens, torch.cat(weights, dim=1)
