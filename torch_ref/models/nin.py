"""Network in Network in torch.nn."""

import torch
from torch import nn


class NiN(nn.Module):
    def __init__(self, num_classes=1000, dropout=0.5, in_channels=3, small_images=False, blocks=None):
        super().__init__()
        if blocks is None and small_images:
            blocks = [(5, 1, 2, (192, 160, 96)), (5, 1, 2, (192, 192, 192)), (3, 1, 1, (192, 192, 10))]
        elif blocks is None:
            blocks = [
                (11, 4, 0, (96,) * 3),
                (5, 1, 2, (256,) * 3),
                (3, 1, 1, (384,) * 3),
                (3, 1, 1, (1024, 1024, 1000)),
            ]
        features = []
        for kernel_size, stride, padding, widths in blocks:
            features.append(nn.MaxPool2d(3, 2))
            for width in widths:
                features.append(nn.Conv2d(in_channels, width, kernel_size, stride, padding))
                features.append(nn.ReLU())
                in_channels, kernel_size, stride, padding = width, 1, 1, 0
        features = features[1:]  # no pooling before the first block
        features.insert(-6, nn.Dropout(dropout))
        features[-2] = nn.Conv2d(blocks[-1][3][1], num_classes, 1)
        self.features = nn.Sequential(*features)

    def forward(self, x):
        return torch.mean(self.features(x), dim=(2, 3))
