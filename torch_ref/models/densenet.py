"""DenseNet in torch.nn, with torchvision's state_dict keys."""

import torch
from torch import nn
from torch.nn.functional import dropout, relu


class DenseLayer(nn.Module):
    def __init__(self, in_channels, growth_rate=32, bn_size=4, dropout=0.0):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, bn_size * growth_rate, kernel_size=1, bias=False)
        self.norm2 = nn.BatchNorm2d(bn_size * growth_rate)
        self.conv2 = nn.Conv2d(bn_size * growth_rate, growth_rate, kernel_size=3, padding=1, bias=False)
        self.p = dropout

    def forward(self, x):
        new = self.conv1(relu(self.norm1(x)))
        new = self.conv2(relu(self.norm2(new)))
        return torch.cat([x, dropout(new, self.p, self.training)], dim=1)


class DenseNet(nn.Module):
    def __init__(
        self, growth_rate=32, block_config=(6, 12, 24, 16), num_init_features=64, bn_size=4, drop_rate=0.0,
        num_classes=1000, in_channels=3, small_images=False,
    ):  # fmt: skip
        super().__init__()
        self.features = nn.Sequential()
        if small_images:
            self.features.add_module("conv0", nn.Conv2d(in_channels, num_init_features, 3, padding=1, bias=False))
        else:
            self.features.add_module("conv0", nn.Conv2d(in_channels, num_init_features, 7, 2, 3, bias=False))
            self.features.add_module("norm0", nn.BatchNorm2d(num_init_features))
            self.features.add_module("relu0", nn.ReLU())
            self.features.add_module("pool0", nn.MaxPool2d(kernel_size=3, stride=2, padding=1))
        width = num_init_features
        for b, n in enumerate(block_config):
            block = nn.Sequential()
            for i in range(n):
                block.add_module(
                    f"denselayer{i + 1}", DenseLayer(width + i * growth_rate, growth_rate, bn_size, drop_rate)
                )
            self.features.add_module(f"denseblock{b + 1}", block)
            width += n * growth_rate
            if b + 1 != len(block_config):
                narrow = nn.Sequential()
                narrow.add_module("norm", nn.BatchNorm2d(width))
                narrow.add_module("relu", nn.ReLU())
                narrow.add_module("conv", nn.Conv2d(width, width // 2, kernel_size=1, bias=False))
                narrow.add_module("pool", nn.AvgPool2d(kernel_size=2, stride=2))
                self.features.add_module(f"transition{b + 1}", narrow)
                width //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(width))
        self.classifier = nn.Linear(width, num_classes)

    def forward(self, x):
        x = relu(self.features(x))
        return self.classifier(x.mean(dim=(2, 3)))


def densenet121(**options):
    return DenseNet(block_config=(6, 12, 24, 16), **options)


def densenet169(**options):
    return DenseNet(block_config=(6, 12, 32, 32), **options)


def densenet201(**options):
    return DenseNet(block_config=(6, 12, 48, 32), **options)
