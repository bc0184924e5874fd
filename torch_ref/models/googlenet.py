"""GoogLeNet in torch.nn, with torchvision's state_dict keys, without auxiliary heads."""

import torch
from torch import nn
from torch.nn.functional import max_pool2d, relu


class BasicConv2d(nn.Module):
    def __init__(self, in_channels, out_channels, batch_norm, **geometry):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, bias=not batch_norm, **geometry)
        if batch_norm:
            self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x):
        x = self.conv(x)
        return relu(self.bn(x) if hasattr(self, "bn") else x)


class Inception(nn.Module):
    def __init__(self, in_channels, ch1x1, ch3x3red, ch3x3, ch5x5red, ch5x5, pool_proj, batch_norm=True):
        super().__init__()
        wide = {"kernel_size": 3, "padding": 1} if batch_norm else {"kernel_size": 5, "padding": 2}
        self.branch1 = BasicConv2d(in_channels, ch1x1, batch_norm, kernel_size=1)
        self.branch2 = nn.Sequential(
            BasicConv2d(in_channels, ch3x3red, batch_norm, kernel_size=1),
            BasicConv2d(ch3x3red, ch3x3, batch_norm, kernel_size=3, padding=1),
        )
        self.branch3 = nn.Sequential(
            BasicConv2d(in_channels, ch5x5red, batch_norm, kernel_size=1),
            BasicConv2d(ch5x5red, ch5x5, batch_norm, **wide),
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(kernel_size=3, stride=1, padding=1, ceil_mode=True),
            BasicConv2d(in_channels, pool_proj, batch_norm, kernel_size=1),
        )

    def forward(self, x):
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], dim=1)


TABLE = [
    [(64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)],
    [
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ],
    [(256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)],
]


class GoogLeNet(nn.Module):
    def __init__(
        self, num_classes=1000, dropout=0.2, in_channels=3, small_images=False, batch_norm=True, stem=(64, 64, 192),
        stages=TABLE,
    ):  # fmt: skip
        super().__init__()
        self.small_images, self.stages, self.batch_norm = small_images, stages, batch_norm
        if small_images:
            self.conv1 = BasicConv2d(in_channels, stem[2], batch_norm, kernel_size=3, padding=1)
        else:
            self.conv1 = BasicConv2d(in_channels, stem[0], batch_norm, kernel_size=7, stride=2, padding=3)
            self.conv2 = BasicConv2d(stem[0], stem[1], batch_norm, kernel_size=1)
            self.conv3 = BasicConv2d(stem[1], stem[2], batch_norm, kernel_size=3, padding=1)
        width = stem[2]
        for s, blocks in enumerate(stages):
            for b, numbers in enumerate(blocks):
                setattr(self, f"inception{s + 3}{'abcdefgh'[b]}", Inception(width, *numbers, batch_norm=batch_norm))
                width = numbers[0] + numbers[2] + numbers[4] + numbers[5]
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(width, num_classes)

    def forward(self, x):
        x = self.conv1(x)
        if not self.small_images:
            x = max_pool2d(x, 3, 2, ceil_mode=True)
            x = self.conv3(self.conv2(x))
            x = max_pool2d(x, 3, 2, ceil_mode=True)
        for s, blocks in enumerate(self.stages):
            if s > 0:
                last = s == len(self.stages) - 1
                x = max_pool2d(x, 2 if last and self.batch_norm else 3, 2, ceil_mode=True)
            for b in range(len(blocks)):
                x = getattr(self, f"inception{s + 3}{'abcdefgh'[b]}")(x)
        return self.fc(self.dropout(x.mean(dim=(2, 3))))
