"""Attention with weighted and masked scores, forward only."""

import torch
from torch import nn

from torch_ref.models.attention_parts import with_unseen_bias


def attention(q, k, v, attention_mask, attention_weights, dropout):
    """q (B, h, T, k), k (B, h, S, k), v (B, h, S, v); a query without any key gets zeros."""
    scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    if attention_weights is not None:
        scores = scores * attention_weights
    if attention_mask is None:
        return dropout(scores.softmax(-1)) @ v
    attention_mask = attention_mask.expand(scores.shape)
    weights = scores.masked_fill(attention_mask, -torch.inf).softmax(-1)
    weights = weights.masked_fill(attention_mask.all(-1, keepdim=True), 0.0)
    return dropout(weights) @ v


def split(x, heads):
    return x.unflatten(-1, (heads, x.shape[-1] // heads)).transpose(1, 2)


def start_small(module):
    for layer in module.children():
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=0.001)
            nn.init.zeros_(layer.bias)


class ScaledDotProductAttention(nn.Module):
    def __init__(self, d_model, d_k, d_v, h, dropout=0.1):
        super().__init__()
        self.h = h
        self.fc_q = nn.Linear(d_model, h * d_k)
        self.fc_k = nn.Linear(d_model, h * d_k)
        self.fc_v = nn.Linear(d_model, h * d_v)
        self.fc_o = nn.Linear(h * d_v, d_model)
        self.dropout = nn.Dropout(dropout)
        start_small(self)

    def forward(self, queries, keys, values, attention_mask=None, attention_weights=None):
        q, v = self.fc_q(queries), self.fc_v(values)
        k = self.fc_k(keys) if attention_weights is not None else with_unseen_bias(self.fc_k, keys)
        q, k, v = (split(x, self.h) for x in (q, k, v))
        mixed = attention(q, k, v, attention_mask, attention_weights, self.dropout)
        return self.fc_o(mixed.transpose(1, 2).flatten(2))


class SimplifiedScaledDotProductAttention(nn.Module):
    def __init__(self, d_model, h, dropout=0.1):
        super().__init__()
        self.h = h
        self.fc_o = nn.Linear(d_model, d_model)
        self.dropout = nn.Dropout(dropout)
        start_small(self)

    def forward(self, queries, keys, values, attention_mask=None, attention_weights=None):
        q, k, v = (split(x, self.h) for x in (queries, keys, values))
        mixed = attention(q, k, v, attention_mask, attention_weights, self.dropout)
        return self.fc_o(mixed.transpose(1, 2).flatten(2))


__all__ = ["ScaledDotProductAttention", "SimplifiedScaledDotProductAttention"]
