"""Attention pooling in PyTorch: Nadaraya-Watson regression, Bahdanau's and Luong's attention."""

import math

import torch
from torch import nn


class NadarayaWatson(nn.Module):
    def __init__(self, w=1.0, learn=True):
        super().__init__()
        self.w = nn.Parameter(torch.tensor([float(w)]), requires_grad=learn)

    def forward(self, query, key, value):
        distances = (query.unsqueeze(-2) - key.unsqueeze(-3)).square().sum(-1)
        weights = torch.softmax(-(self.w**2) * distances / 2, dim=-1)
        return weights @ value, weights


def masked_softmax(scores, valid_lens):
    """Softmax over the first valid_lens (B,) or (B, T) of the scores (B, T, S)."""
    if valid_lens is not None:
        places = torch.arange(scores.shape[-1], device=scores.device)
        seen = places < (valid_lens[:, None, None] if valid_lens.dim() == 1 else valid_lens[:, :, None])
        scores = scores.masked_fill(~seen, -math.inf)
    return torch.softmax(scores, dim=-1)


class AdditiveAttention(nn.Module):
    def __init__(self, query_size, key_size, num_hiddens, dropout=0.0):
        super().__init__()
        self.W_q = nn.Linear(query_size, num_hiddens, bias=False)
        self.W_k = nn.Linear(key_size, num_hiddens, bias=False)
        self.w_v = nn.Linear(num_hiddens, 1, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, query, key, value, valid_lens=None):
        features = torch.tanh(self.W_q(query).unsqueeze(2) + self.W_k(key).unsqueeze(1))
        weights = masked_softmax(self.w_v(features).squeeze(-1), valid_lens)
        return torch.bmm(self.dropout(weights), value), weights


class DotProductAttention(nn.Module):
    def __init__(self, dropout=0.0, scaled=True):
        super().__init__()
        self.dropout, self.scaled = nn.Dropout(dropout), scaled

    def forward(self, query, key, value, valid_lens=None):
        scores = torch.bmm(query, key.transpose(1, 2))
        if self.scaled:
            scores = scores / math.sqrt(query.shape[-1])
        weights = masked_softmax(scores, valid_lens)
        return torch.bmm(self.dropout(weights), value), weights
