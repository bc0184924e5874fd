"""The Transformer as a translator in PyTorch (Vaswani et al., 2017)."""

import math

import torch
from torch import nn

from torch_ref.models.positional_encoding import PositionalEncoding
from torch_ref.models.seq2seq import greedy_tokens


class TransformerSeq2Seq(nn.Module):
    def __init__(
        self, source_vocab, target_vocab, d_model=512, nhead=8, num_encoder_layers=6, num_decoder_layers=6,
        dim_feedforward=2048, dropout=0.1, max_len=512, padding_idx=0, norm_first=False, tie_embeddings=False,
    ):  # fmt: skip
        super().__init__()
        self.d_model, self.padding_idx = d_model, padding_idx
        self.source_embedding = nn.Embedding(source_vocab, d_model)
        self.target_embedding = nn.Embedding(target_vocab, d_model)
        self.positions = PositionalEncoding(d_model, max_len, dropout)
        self.transformer = nn.Transformer(
            d_model, nhead, num_encoder_layers, num_decoder_layers, dim_feedforward, dropout,
            batch_first=True, norm_first=norm_first,
        )  # fmt: skip
        self.transformer.encoder.use_nested_tensor = False  # which drops the padding's outputs in evaluation
        self.out = nn.Linear(d_model, target_vocab)
        if tie_embeddings:
            self.out.weight = self.target_embedding.weight

    def forward(self, source, target):
        padding = None if self.padding_idx is None else source == self.padding_idx
        length = target.shape[1]
        hidden = self.transformer(
            self.positions(math.sqrt(self.d_model) * self.source_embedding(source)),
            self.positions(math.sqrt(self.d_model) * self.target_embedding(target)),
            tgt_mask=torch.ones(length, length, dtype=torch.bool, device=target.device).triu(1),
            src_key_padding_mask=padding,
            memory_key_padding_mask=padding,
        )
        return self.out(hidden)

    @torch.no_grad()
    def greedy(self, source, max_len, bos=1, eos=None):
        def step(tokens, before):
            told = torch.cat([before, tokens], dim=1)
            return self(source, told)[:, -1:], None, told

        return greedy_tokens(step, source[:, :0], source, max_len, bos, eos)[0]
