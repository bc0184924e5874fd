"""Channel attention in three ways, forward only."""

from collections import OrderedDict

import torch
from torch import nn

from torch_ref.models.attention_parts import with_unseen_bias


class SEAttention(nn.Module):
    def __init__(self, channel=512, reduction=16):
        super().__init__()
        self.fc = nn.Sequential(
            nn.Linear(channel, channel // reduction, bias=False),
            nn.ReLU(),
            nn.Linear(channel // reduction, channel, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x):
        return x * self.fc(x.mean((2, 3)))[:, :, None, None]


class ECAAttention(nn.Module):
    def __init__(self, kernel_size=3):
        super().__init__()
        self.conv = nn.Conv1d(1, 1, kernel_size, padding="same")

    def forward(self, x):
        weights = self.conv(x.mean((2, 3)).unsqueeze(1)).squeeze(1).sigmoid()
        return torch.einsum("nchw,nc->nchw", x, weights)


class SKAttention(nn.Module):
    def __init__(self, channel=512, kernels=(1, 3, 5, 7), reduction=16, group=1, L=32):
        super().__init__()
        width = max(L, channel // reduction)
        self.convs = nn.ModuleList(
            nn.Sequential(
                OrderedDict(
                    conv=nn.Conv2d(channel, channel, k, padding="same", groups=group),
                    bn=nn.BatchNorm2d(channel),
                    relu=nn.ReLU(),
                )
            )
            for k in kernels
        )
        self.fc = nn.Linear(channel, width)
        self.fcs = nn.ModuleList(nn.Linear(width, channel) for _ in kernels)

    def forward(self, x):
        features = torch.stack([self.feature(branch, x) for branch in self.convs], dim=1)  # (N, K, C, H, W)
        z = self.fc(features.sum(1).mean((2, 3)))
        weights = torch.stack([fc(z) for fc in self.fcs], dim=1).softmax(1)  # (N, K, C)
        return torch.einsum("nkchw,nkc->nchw", features, weights)

    def feature(self, branch, x):
        return branch[1:](with_unseen_bias(branch.conv, x) if self.training else branch.conv(x))


__all__ = ["ECAAttention", "SEAttention", "SKAttention"]
