"""CBAM, forward only."""

import torch
from torch import nn


class ChannelAttention(nn.Module):
    def __init__(self, channel, reduction=16):
        super().__init__()
        self.se = nn.Sequential(
            nn.Conv2d(channel, channel // reduction, 1, bias=False),
            nn.ReLU(),
            nn.Conv2d(channel // reduction, channel, 1, bias=False),
        )

    def forward(self, x):
        highest = nn.functional.adaptive_max_pool2d(x, 1)
        return torch.sigmoid(self.se(highest) + self.se(x.mean((2, 3), keepdim=True)))


class SpatialAttention(nn.Module):
    def __init__(self, kernel_size=7):
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel_size, padding="same")

    def forward(self, x):
        highest, _ = x.max(dim=1, keepdim=True)
        return torch.sigmoid(self.conv(torch.cat([highest, x.mean(1, keepdim=True)], dim=1)))


class CBAMBlock(nn.Module):
    def __init__(self, channel=512, reduction=16, kernel_size=7):
        super().__init__()
        self.ca = ChannelAttention(channel, reduction)
        self.sa = SpatialAttention(kernel_size)

    def forward(self, x):
        h = x * self.ca(x)
        return h * self.sa(h) + x


__all__ = ["CBAMBlock", "ChannelAttention", "SpatialAttention"]
