"""Positional encodings in PyTorch (Vaswani et al., 2017; Gehring et al., 2017)."""

import torch
from torch import nn


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, max_len=5000, dropout=0.0):
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        column = torch.arange(d_model, dtype=torch.float64)
        rate = 10000 ** (-(column - column % 2) / d_model)  # columns 2i and 2i + 1 share a rate
        angle = torch.arange(max_len, dtype=torch.float64)[:, None] * rate
        table = torch.where(column % 2 == 0, angle.sin(), angle.cos())
        self.register_buffer("pe", table.float(), persistent=False)

    def forward(self, x):
        return self.dropout(x + self.pe[: x.shape[-2]])


class LearnedPositionalEncoding(nn.Module):
    def __init__(self, d_model, max_len=512, dropout=0.0):
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.weight = nn.Parameter(0.02 * torch.randn(max_len, d_model))

    def forward(self, x):
        return self.dropout(x + self.weight[: x.shape[-2]])
