"""VGG in torch.nn, with torchvision's state_dict keys."""

import torch
from torch import nn


class VGG(nn.Module):
    def __init__(
        self, stages, num_classes=1000, batch_norm=False, dropout=0.5, in_channels=3, small_images=False, hidden=None,
    ):  # fmt: skip
        super().__init__()
        features = []
        for n, out_channels in stages:
            for _ in range(n):
                features.append(nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1))
                if batch_norm:
                    features.append(nn.BatchNorm2d(out_channels))
                features.append(nn.ReLU())
                in_channels = out_channels
            features.append(nn.MaxPool2d(kernel_size=2, stride=2, ceil_mode=small_images))
        self.features = nn.Sequential(*features)
        places = 1 if small_images else 7
        hidden = hidden or (512 if small_images else 4096)
        self.avgpool = nn.AdaptiveAvgPool2d((places, places))
        self.classifier = nn.Sequential(
            nn.Linear(in_channels * places**2, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, num_classes),
        )

    def forward(self, x):
        x = self.avgpool(self.features(x))
        return self.classifier(torch.flatten(x, 1))


def vgg11(**options):
    return VGG(((1, 64), (1, 128), (2, 256), (2, 512), (2, 512)), **options)


def vgg13(**options):
    return VGG(((2, 64), (2, 128), (2, 256), (2, 512), (2, 512)), **options)


def vgg16(**options):
    return VGG(((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)), **options)


def vgg19(**options):
    return VGG(((2, 64), (2, 128), (4, 256), (4, 512), (4, 512)), **options)
