"""Whole networks, blocks and tiny layers on both sides, from the same weights: see steps.py for what is timed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import torch

import scratch


@dataclass(frozen=True)
class Net:
    """`build(nn)` makes the network from the layers in nn: `scratch`, or `torch.nn`, which have the same names."""

    name: str
    build: Callable[[ModuleType], scratch.Module | torch.nn.Module]
    shape: tuple[int, ...]  # of the input
    classes: int | None = None  # to train for; None: a block
    tokens: int | None = None  # the input is indices below this
    curve: str = ""  # of which it is the point at x
    x: int = 0


def mlp(*sizes: int):
    """Linear layers of these sizes with ReLU between them."""

    def build(nn):
        layers = []
        for i, o in zip(sizes, sizes[1:]):
            layers += [nn.Linear(i, o), nn.ReLU()]
        return nn.Sequential(*layers[:-1])

    return build


def lenet(nn, classes: int = 10):
    """The small convolutional network of the demo, for images (N, 1, 28, 28).

    After LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition", 1998.
    """
    return nn.Sequential(
        nn.Conv2d(1, 6, 5),  # (N, 6, 24, 24)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 6, 12, 12)
        nn.Conv2d(6, 12, 5),  # (N, 12, 8, 8)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 12, 4, 4)
        nn.Flatten(),
        nn.Linear(192, 120),
        nn.ReLU(),
        nn.Linear(120, 60),
        nn.ReLU(),
        nn.Linear(60, classes),
    )


def lenet_8x8(nn, classes: int = 10):
    """The same for scikit-learn's digits, (N, 1, 8, 8): smaller kernels, one pooling."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 3),  # (N, 6, 6, 6)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 6, 3, 3)
        nn.Conv2d(6, 12, 3, padding=1),  # (N, 12, 3, 3)
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(108, 60),
        nn.ReLU(),
        nn.Linear(60, classes),
    )


class TorchResidual(torch.nn.Module):
    """torch has no class for y = x + module(x)."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        return x + self.module(x)


def resnet_block(nn):
    """Two 3x3 convolutions with batch normalisation around a shortcut, 64 channels."""
    residual = nn.Residual if nn is scratch else TorchResidual
    inner = nn.Sequential(
        nn.Conv2d(64, 64, 3, padding=1, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.Conv2d(64, 64, 3, padding=1, bias=False),
        nn.BatchNorm2d(64),
    )
    return nn.Sequential(residual(inner), nn.ReLU())


def transformer_layer(nn):
    return nn.TransformerEncoderLayer(256, 8, 1024, dropout=0.0, activation="gelu", batch_first=True, norm_first=True)


class LSTMClassifier(scratch.Module):
    """Tokens (B, T) -> logits (B, C): embedding, LSTM, its last state, a linear layer."""

    def __init__(self, nn, tokens: int, width: int, hidden: int, classes: int):
        self.embedding = nn.Embedding(tokens, width)
        self.lstm = nn.LSTM(width, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, tokens):
        return scratch.containers.chain(tokens, self.embedding, self.last_state, self.head)

    def last_state(self, x):
        (_, (h, _)), backward = self.lstm(x)
        return h[-1], lambda dh: scratch.pull(backward, (None, (dh[None], None)), release=True)


class TorchLSTMClassifier(torch.nn.Module):
    def __init__(self, nn, tokens: int, width: int, hidden: int, classes: int):
        super().__init__()
        self.embedding = nn.Embedding(tokens, width)
        self.lstm = nn.LSTM(width, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, tokens):
        _, (h, _) = self.lstm(self.embedding(tokens))
        return self.head(h[-1])


def lstm_classifier(tokens: int, width: int, hidden: int, classes: int):
    return lambda nn: (LSTMClassifier if nn is scratch else TorchLSTMClassifier)(nn, tokens, width, hidden, classes)


class SelfAttention(scratch.Module):
    """Attention of x (*, T, d) to itself: the three gradients add up."""

    def forward(self, x):
        y, backward = scratch.functional.scaled_dot_product_attention(x, x, x)
        return y, lambda dy: sum(scratch.pull(backward, dy, release=True)[:3])


class TorchSelfAttention(torch.nn.Module):
    def forward(self, x):
        return torch.nn.functional.scaled_dot_product_attention(x, x, x)


def attention(nn):
    return SelfAttention() if nn is scratch else TorchSelfAttention()


NETS = (
    Net("tiny MLP 4-8-2, batch 8", mlp(4, 8, 2), (8, 4), 2),
    Net("MLP 784-256-10, batch 256", mlp(784, 256, 10), (256, 784), 10),
    Net("LeNet, batch 100", lenet, (100, 1, 28, 28), 10),
    Net("ResNet block 64ch 32x32, batch 32", resnet_block, (32, 64, 32, 32)),
    Net("Transformer layer, B8 T256 E256", transformer_layer, (8, 256, 256)),
    Net("LSTM classifier, B32 T50, 10k words", lstm_classifier(10_000, 128, 256, 2), (32, 50), 2, 10_000),
    Net("Attention, h8 T4096 d64", attention, (1, 8, 4096, 64)),
)


def _curve(name: str, points: dict[int, tuple]) -> tuple[Net, ...]:
    return tuple(Net(f"{name}: {x}", *net, curve=name, x=x) for x, net in points.items())


LONG = _curve("Attention h8 d64, sequence length", {t: (attention, (1, 8, t, 64)) for t in (512, 1024, 2048, 4096)})

SCALING = (
    *_curve("MLP 256-256-10, batch", {n: (mlp(256, 256, 10), (n, 256), 10) for n in (8, 32, 128, 512, 2048, 8192)}),
    *_curve("LeNet, batch", {n: (lenet, (n, 1, 28, 28), 10) for n in (1, 4, 16, 64, 256)}),
    *_curve("MLP w-w-10 batch 256, width", {w: (mlp(w, w, 10), (256, w), 10) for w in (32, 128, 512, 1024, 2048)}),
    *_curve(
        "Transformer layer B2 E256, sequence length",
        {t: (transformer_layer, (2, t, 256)) for t in (64, 128, 256, 512, 1024)},
    ),
    *_curve(
        "LSTM classifier B32, sequence length",
        {t: (lstm_classifier(1000, 64, 128, 2), (32, t), 2, 1000) for t in (8, 16, 32, 64, 128)},
    ),
    *LONG,
)

OVERHEAD = (
    Net("Linear 4-4, 8 rows", lambda nn: nn.Linear(4, 4), (8, 4)),
    Net("ReLU, 8x4", lambda nn: nn.ReLU(), (8, 4)),
    Net("GELU, 8x4", lambda nn: nn.GELU(), (8, 4)),
    Net("Softmax, 8x4", lambda nn: nn.Softmax(-1), (8, 4)),
    Net("LayerNorm, 8x4", lambda nn: nn.LayerNorm(4), (8, 4)),
    Net("BatchNorm1d, 8x4", lambda nn: nn.BatchNorm1d(4), (8, 4)),
    Net("Dropout, 8x4", lambda nn: nn.Dropout(0.1), (8, 4)),
    Net("Conv2d 3x3 1-2, 8x8 image", lambda nn: nn.Conv2d(1, 2, 3), (1, 1, 8, 8)),
    Net("MaxPool2d 2, 8x8 image", lambda nn: nn.MaxPool2d(2), (1, 1, 8, 8)),
    Net("Embedding 10x4, 8 tokens", lambda nn: nn.Embedding(10, 4), (8,), None, 10),
    Net("Attention, h1 T4 d4", attention, (1, 1, 4, 4)),
    Net("LSTM classifier, B1 T4", lstm_classifier(10, 4, 4, 2), (1, 4), 2, 10),
    Net("MLP of 16 layers of 4, batch 1", mlp(*[4] * 17), (1, 4)),
    Net("LeNet, batch 1", lenet, (1, 1, 28, 28), 10),
)


def twins(build, dtype="float32", seed: int = 0):
    """(scratch's network, torch's network) with the same weights."""
    ours = build(scratch)
    twin = build(torch.nn)
    _draw_weights(ours, seed)
    ours.to(dtype)
    twin.to(getattr(torch, np.dtype(dtype).name))
    twin.load_state_dict({key: torch.tensor(value) for key, value in ours.state_dict().items()})
    return ours, twin


def _draw_weights(net: scratch.Module, seed: int) -> None:
    """Draw all weights again from this seed."""
    rng = np.random.default_rng(seed)
    for module in net.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters(rng)
