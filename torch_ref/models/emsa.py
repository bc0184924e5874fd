"""The efficient multi-head self-attention of ResT, forward only."""

from collections import OrderedDict

import torch
from torch import nn

from torch_ref.models.attention_parts import with_unseen_bias
from torch_ref.models.dot_product_attention import split, start_small


class EMSA(nn.Module):
    def __init__(self, d_model, d_k, d_v, h, dropout=0.1, H=7, W=7, ratio=3, apply_transform=True):
        super().__init__()
        self.h, self.size, self.ratio = h, (H, W), ratio
        self.fc_q = nn.Linear(d_model, h * d_k)
        self.fc_k = nn.Linear(d_model, h * d_k)
        self.fc_v = nn.Linear(d_model, h * d_v)
        self.fc_o = nn.Linear(h * d_v, d_model)
        self.dropout = nn.Dropout(dropout)
        if ratio > 1:
            self.sr_conv = nn.Conv2d(d_model, d_model, ratio + 1, ratio, ratio // 2, groups=d_model)
            self.sr_ln = nn.LayerNorm(d_model)
        self.apply_transform = apply_transform and h > 1
        if self.apply_transform:
            self.transform = nn.Sequential(OrderedDict(conv=nn.Conv2d(h, h, 1), norm=nn.InstanceNorm2d(h)))
        start_small(self)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out")
                nn.init.zeros_(layer.bias)

    def smaller(self, tokens):
        if self.ratio == 1:
            return tokens
        return self.sr_ln(self.sr_conv(tokens.mT.unflatten(2, self.size)).flatten(2).mT)

    def forward(self, queries, keys, values, attention_mask=None, attention_weights=None):
        weighted, masked = attention_weights is not None, attention_mask is not None
        dropped = self.training and self.dropout.p > 0
        # the softmax is blind to what is added to all scores of a query, unless they are weighted in between
        scored = nn.Module.__call__ if weighted else with_unseen_bias
        # the norm makes the weights of a query sum to 0, which hides what is added to all values
        mixed = with_unseen_bias if self.apply_transform and not (masked or dropped) else nn.Module.__call__
        q, k, v = self.fc_q(queries), scored(self.fc_k, self.smaller(keys)), mixed(self.fc_v, self.smaller(values))
        q, k, v = (split(x, self.h) for x in (q, k, v))
        scores = q @ k.mT / q.shape[-1] ** 0.5
        if self.apply_transform:
            scores = scored(self.transform.conv, scores)
        if attention_weights is not None:
            scores = scores * attention_weights
        mask = torch.zeros_like(scores, dtype=torch.bool) if attention_mask is None else attention_mask
        mask = mask.expand(scores.shape)
        weights = scores.masked_fill(mask, -torch.inf).softmax(-1).masked_fill(mask, 0.0)
        if self.apply_transform:
            weights = self.transform.norm(weights).masked_fill(mask, 0.0)
        return self.fc_o((self.dropout(weights) @ v).transpose(1, 2).flatten(2))


__all__ = ["EMSA"]
