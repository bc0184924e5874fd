"""LeNet in torch.nn."""

from torch import nn


class LeNet(nn.Module):
    def __init__(
        self, num_classes=10, in_channels=1, channels=(6, 16), hidden=(120, 84), activation="tanh", pooling="avg",
        padding=2, image_size=28,
    ):  # fmt: skip
        super().__init__()
        act = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}[activation]
        pool = {"avg": nn.AvgPool2d, "max": nn.MaxPool2d}[pooling]
        c1, c2 = channels
        h1, h2 = hidden
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, c1, kernel_size=5, padding=padding),
            act(),
            pool(kernel_size=2),
            nn.Conv2d(c1, c2, kernel_size=5),
            act(),
            pool(kernel_size=2),
        )
        side = ((image_size + 2 * padding - 4) // 2 - 4) // 2
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(c2 * side**2, h1),
            act(),
            nn.Linear(h1, h2),
            act(),
            nn.Linear(h2, num_classes),
        )

    def forward(self, x):
        return self.classifier(self.features(x))


def small_lenet(**options):
    small = {"channels": (6, 12), "hidden": (120, 60), "activation": "relu", "pooling": "max", "padding": 0}
    return LeNet(**(small | options))
