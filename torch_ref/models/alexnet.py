"""AlexNet in torch.nn, with torchvision's state_dict keys."""

import torch
from torch import nn


class AlexNet(nn.Module):
    def __init__(
        self, num_classes=1000, dropout=0.5, in_channels=3, small_images=False, channels=(64, 192, 384, 256, 256),
        hidden=None,
    ):  # fmt: skip
        super().__init__()
        if small_images:
            first, places, hidden = nn.Conv2d(in_channels, channels[0], 3, 1, 1), 2, hidden or 512
        else:
            first, places, hidden = nn.Conv2d(in_channels, channels[0], 11, 4, 2), 6, hidden or 4096
        self.features = nn.Sequential(
            first,
            nn.ReLU(),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(channels[0], channels[1], kernel_size=5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(channels[1], channels[2], kernel_size=3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels[2], channels[3], kernel_size=3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels[3], channels[4], kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(kernel_size=3, stride=2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((places, places))
        self.classifier = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(channels[4] * places**2, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, num_classes),
        )

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))
