"""The blocks of scratch.models.blocks in PyTorch, forward only."""

import torch
from torch import nn
from torch.nn import functional as F


class MLP(nn.Module):
    """out(relu(hidden(x)))."""

    def __init__(self, in_features=20, hidden=256, out_features=10):
        super().__init__()
        self.hidden = nn.Linear(in_features, hidden)
        self.out = nn.Linear(hidden, out_features)

    def forward(self, x):
        return self.out(F.relu(self.hidden(x)))


class NestMLP(nn.Module):
    """linear(net(x))."""

    def __init__(self, in_features=20, hidden=(64, 32), out_features=16):
        super().__init__()
        first, second = hidden
        self.net = nn.Sequential(nn.Linear(in_features, first), nn.ReLU(), nn.Linear(first, second), nn.ReLU())
        self.linear = nn.Linear(second, out_features)

    def forward(self, x):
        return self.linear(self.net(x))


class FixedHiddenMLP(nn.Module):
    """A constant random weight, one layer used twice, a loop; a scalar comes out."""

    def __init__(self, in_features=20):
        super().__init__()
        self.register_buffer("rand_weight", torch.rand(in_features, in_features))
        self.linear = nn.Linear(in_features, in_features)

    def forward(self, x):
        x = self.linear(x)
        x = F.relu(x @ self.rand_weight + 1)
        x = self.linear(x)
        while x.abs().sum() > 1:
            x = x / 2
        return x.sum()


class Chimera(nn.Sequential):
    """Blocks of all kinds in one."""

    def __init__(self, in_features=20, hidden=(64, 32), out_features=16, fixed_features=20):
        super().__init__(
            NestMLP(in_features, hidden, out_features),
            nn.Linear(out_features, fixed_features),
            FixedHiddenMLP(fixed_features),
        )


class MySequential(nn.Module):
    """Sequential by hand."""

    def __init__(self, *modules):
        super().__init__()
        self.count = len(modules)
        for i, module in enumerate(modules):
            self.add_module(str(i), module)

    def forward(self, x):
        for i in range(self.count):
            x = self.get_submodule(str(i))(x)
        return x


class TiedMLP(nn.Sequential):
    """The same hidden layer at positions 2 and 4."""

    def __init__(self, in_features=4, hidden=8, out_features=1):
        shared = nn.Linear(hidden, hidden)
        super().__init__(
            nn.Linear(in_features, hidden),
            nn.ReLU(),
            shared,
            nn.ReLU(),
            shared,
            nn.ReLU(),
            nn.Linear(hidden, out_features),
        )


class LinearNet(nn.Module):
    """A matrix and then its transpose."""

    def __init__(self, in_features, hidden):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(hidden, in_features) / in_features**0.5)

    def forward(self, x):
        return F.linear(F.linear(x, self.weight), self.weight.T)


class ConvNet(nn.Module):
    """A kernel and then the kernel with height and width swapped."""

    def __init__(self, channels=1, kernel_size=(3, 3)):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, channels, *kernel_size) / 3)

    def forward(self, x):
        return F.conv2d(F.conv2d(x, self.weight), self.weight.transpose(2, 3))
