"""Double attention, forward only."""

import torch
from torch import nn

from torch_ref.models.attention_parts import with_unseen_bias


class DoubleAttention(nn.Module):
    def __init__(self, in_channels, c_m, c_n, reconstruct=True):
        super().__init__()
        self.convA = nn.Conv2d(in_channels, c_m, 1)
        self.convB = nn.Conv2d(in_channels, c_n, 1)
        self.convV = nn.Conv2d(in_channels, c_n, 1)
        self.conv_reconstruct = nn.Conv2d(c_m, in_channels, 1) if reconstruct else nn.Identity()
        for conv in self.children():
            if isinstance(conv, nn.Conv2d):
                nn.init.kaiming_normal_(conv.weight, mode="fan_out")
                nn.init.zeros_(conv.bias)

    def forward(self, x):
        features = self.convA(x)
        maps = with_unseen_bias(self.convB, x).flatten(2).softmax(2).unflatten(2, x.shape[2:])
        vectors = self.convV(x).softmax(1)
        descriptors = torch.einsum("nmhw,nkhw->nmk", features, maps)
        return self.conv_reconstruct(torch.einsum("nmk,nkhw->nmhw", descriptors, vectors))


__all__ = ["DoubleAttention"]
