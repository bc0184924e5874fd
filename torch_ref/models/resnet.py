"""ResNet and ResNeXt in torch.nn, with torchvision's state_dict keys."""

import torch
from torch import nn
from torch.nn.functional import relu


def projection(in_channels, out_channels, stride):
    if stride == 1 and in_channels == out_channels:
        return None
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels))


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, in_channels, channels, stride=1, groups=1, base_width=64):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, kernel_size=3, stride=1, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = projection(in_channels, channels, stride)

    def forward(self, x):
        residual = x if self.downsample is None else self.downsample(x)
        out = relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return relu(out + residual)


class Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, in_channels, channels, stride=1, groups=1, base_width=64):
        super().__init__()
        inner = int(channels * (base_width / 64.0)) * groups
        outer = 4 * channels
        self.conv1 = nn.Conv2d(in_channels, inner, kernel_size=1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, kernel_size=3, stride=stride, padding=1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, outer, kernel_size=1, bias=False)
        self.bn3 = nn.BatchNorm2d(outer)
        self.downsample = projection(in_channels, outer, stride)

    def forward(self, x):
        residual = x if self.downsample is None else self.downsample(x)
        out = relu(self.bn1(self.conv1(x)))
        out = relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return relu(out + residual)


class ResNet(nn.Module):
    def __init__(
        self, block, layers, num_classes=1000, zero_init_residual=False, groups=1, width_per_group=64, in_channels=3,
        small_images=False, width=64,
    ):  # fmt: skip
        super().__init__()
        block = {"basic": BasicBlock, "bottleneck": Bottleneck}[block]
        if small_images:
            self.conv1 = nn.Conv2d(in_channels, width, kernel_size=3, stride=1, padding=1, bias=False)
        else:
            self.conv1 = nn.Conv2d(in_channels, width, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.Identity() if small_images else nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        into, planes = width, width
        self.depth = len(layers)
        for i, n in enumerate(layers, start=1):
            stage = nn.Sequential()
            for j in range(n):
                stage.append(block(into, planes, 2 if i > 1 and j == 0 else 1, groups, width_per_group))
                into = planes * block.expansion
            setattr(self, f"layer{i}", stage)
            planes = 2 * planes
        self.fc = nn.Linear(into, num_classes)

    def forward(self, x):
        x = self.maxpool(relu(self.bn1(self.conv1(x))))
        for i in range(self.depth):
            x = getattr(self, f"layer{i + 1}")(x)
        return self.fc(torch.mean(x, dim=(2, 3)))


def resnet18(**options):
    return ResNet("basic", [2, 2, 2, 2], **options)


def resnet34(**options):
    return ResNet("basic", [3, 4, 6, 3], **options)


def resnet50(**options):
    return ResNet("bottleneck", [3, 4, 6, 3], **options)


def resnet101(**options):
    return ResNet("bottleneck", [3, 4, 23, 3], **options)


def resnet152(**options):
    return ResNet("bottleneck", [3, 8, 36, 3], **options)


def resnext50_32x4d(**options):
    return ResNet("bottleneck", [3, 4, 6, 3], groups=32, width_per_group=4, **options)


def resnext101_32x8d(**options):
    return ResNet("bottleneck", [3, 4, 23, 3], groups=32, width_per_group=8, **options)
