"""Shuffle attention, forward only."""

import torch
from torch import nn


class ShuffleAttention(nn.Module):
    def __init__(self, channel=512, reduction=16, G=8):
        super().__init__()
        self.G, width = G, channel // (2 * G)
        self.cweight = nn.Parameter(torch.zeros(1, width, 1, 1))
        self.cbias = nn.Parameter(torch.ones(1, width, 1, 1))
        self.sweight = nn.Parameter(torch.zeros(1, width, 1, 1))
        self.sbias = nn.Parameter(torch.ones(1, width, 1, 1))
        self.gn = nn.GroupNorm(width, width)

    def forward(self, x):
        a, b = x.unflatten(1, (self.G, -1)).flatten(0, 1).chunk(2, dim=1)
        a = a * torch.sigmoid(self.cweight * a.mean((2, 3), keepdim=True) + self.cbias)
        b = b * torch.sigmoid(self.sweight * self.gn(b) + self.sbias)
        return nn.functional.channel_shuffle(torch.cat([a, b], dim=1).reshape(x.shape), 2)


__all__ = ["ShuffleAttention"]
