"""Pyramid squeeze attention, forward only."""

import torch
from torch import nn


class PSA(nn.Module):
    def __init__(self, channel=512, reduction=4, S=4):
        super().__init__()
        width = channel // S
        self.convs = nn.ModuleList(nn.Conv2d(width, width, 2 * i + 3, padding="same") for i in range(S))
        self.se_blocks = nn.ModuleList(
            nn.Sequential(
                nn.AdaptiveAvgPool2d(1),
                nn.Conv2d(width, width // reduction, 1, bias=False),
                nn.ReLU(),
                nn.Conv2d(width // reduction, width, 1, bias=False),
                nn.Sigmoid(),
            )
            for _ in range(S)
        )

    def forward(self, x):
        features = [conv(group) for conv, group in zip(self.convs, x.chunk(len(self.convs), dim=1))]
        scores = torch.stack([se(f) for se, f in zip(self.se_blocks, features)])
        return torch.cat([f * w for f, w in zip(features, scores.softmax(0))], dim=1)


__all__ = ["PSA"]
