"""BAM, forward only."""

from collections import OrderedDict

import torch
from torch import nn

from torch_ref.models.attention_parts import with_unseen_bias


def run(layers, x):
    """A Sequential, where in training a batch norm takes away the bias of the layer before it."""
    children = list(layers)
    for layer, after in zip(children, [*children[1:], None]):
        unseen = layers.training and isinstance(after, nn.BatchNorm1d | nn.BatchNorm2d)
        x = with_unseen_bias(layer, x) if unseen else layer(x)
    return x


class ChannelGate(nn.Module):
    def __init__(self, channel, reduction=16, num_layers=3):
        super().__init__()
        widths = [channel] + [channel // reduction] * num_layers
        layers = OrderedDict(avgpool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten())
        for i, (before, after) in enumerate(zip(widths, widths[1:])):
            layers |= {f"fc{i}": nn.Linear(before, after), f"bn{i}": nn.BatchNorm1d(after), f"relu{i}": nn.ReLU()}
        layers["last_fc"] = nn.Linear(widths[-1], channel)
        self.ca = nn.Sequential(layers)

    def forward(self, x):
        return run(self.ca, x)[:, :, None, None]


class SpatialGate(nn.Module):
    def __init__(self, channel, reduction=16, num_layers=3, dia_val=2):
        super().__init__()
        hidden = channel // reduction
        layers = OrderedDict(
            conv_reduce1=nn.Conv2d(channel, hidden, 1), bn_reduce1=nn.BatchNorm2d(hidden), relu_reduce1=nn.ReLU()
        )
        for i in range(num_layers):
            layers[f"conv_{i}"] = nn.Conv2d(hidden, hidden, 3, padding="same", dilation=dia_val)
            layers[f"bn_{i}"] = nn.BatchNorm2d(hidden)
            layers[f"relu_{i}"] = nn.ReLU()
        layers["last_conv"] = nn.Conv2d(hidden, 1, 1)
        self.sa = nn.Sequential(layers)

    def forward(self, x):
        return run(self.sa, x)


class BAMBlock(nn.Module):
    def __init__(self, channel=512, reduction=16, dia_val=2):
        super().__init__()
        self.ca = ChannelGate(channel, reduction)
        self.sa = SpatialGate(channel, reduction, dia_val=dia_val)

    def forward(self, x):
        return (1 + torch.sigmoid(self.ca(x) + self.sa(x))) * x


__all__ = ["BAMBlock", "ChannelGate", "SpatialGate"]
