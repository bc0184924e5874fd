"""Whole networks on both sides, from the same weights: what a training step costs.

A network with classes is timed as one training step: forward with the loss, backward without the gradient of the data,
one step of SGD. A block (no classes) is timed as it stands inside a network: its input's gradient is computed, too, for
a random upstream gradient, and there is no step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import torch

import scratch
import scratch.optim
from benchmarks.subjects import AGAIN, COMPILED, KERNELS, TEXTBOOK, TORCH, mode, move_module, scratch_on, to_array
from benchmarks.subjects import torch_on as on_torch
from benchmarks.timing import Subject

LR = 1e-4


@dataclass(frozen=True)
class Net:
    """`build(nn)` makes the network from the layers in nn: `scratch`, or `torch.nn`, which have the same names."""

    name: str
    build: Callable[[ModuleType], scratch.Module | torch.nn.Module]
    shape: tuple[int, ...]  # of the input
    classes: int | None = None
    layers: tuple[str, ...] = ()  # what scratch must have

    def available(self) -> bool:
        return all(hasattr(scratch, name) for name in self.layers)


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


_CNN = ("Conv2d", "ReLU", "MaxPool2d", "Flatten", "Linear", "CrossEntropyLoss", "optim")

NETS = (
    Net("tiny MLP 4-8-2, batch 8", mlp(4, 8, 2), (8, 4), 2, ("ReLU", "CrossEntropyLoss", "optim")),
    Net("MLP 784-256-10, batch 256", mlp(784, 256, 10), (256, 784), 10, ("ReLU", "CrossEntropyLoss", "optim")),
    Net("LeNet, batch 100", lenet, (100, 1, 28, 28), 10, _CNN),
    Net("ResNet block 64ch 32x32, batch 32", resnet_block, (32, 64, 32, 32), None, (*_CNN, "BatchNorm2d")),
    Net("Transformer layer, B8 T256 E256", transformer_layer, (8, 256, 256), None, ("TransformerEncoderLayer",)),
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


def net_subjects(net: Net, dtype, device="cpu", compiled=False) -> dict[str, Subject]:
    """name -> Subject, as `subjects.pair_subjects`."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=net.shape).astype(dtype)
    target = None if net.classes is None else rng.integers(0, net.classes, net.shape[0])
    ours = [TEXTBOOK] if device == "cuda" else [TEXTBOOK, KERNELS]
    subjects = {name: scratch_step(twins(net.build, dtype)[0], x, target, device, name) for name in ours}
    for name in [TORCH, AGAIN, COMPILED] if compiled else [TORCH, AGAIN]:
        subjects[name] = torch_step(twins(net.build, dtype)[1], x, target, device, name == COMPILED)
    return subjects


def scratch_step(net, x, target, device="cpu", name=KERNELS) -> Subject:
    move_module(net, device)
    x, learns = to_array(x, device), target is not None
    target = to_array(target, device)
    dy = None if learns else to_array(np.random.default_rng(2).normal(size=x.shape).astype(x.dtype), device)

    def forward():
        y, backward = net(x)
        return (*scratch.functional.cross_entropy(y, target), backward) if learns else (y, None, backward)

    def backward(held):
        _, loss_backward, net_backward = held
        upstream = scratch.pull(loss_backward, release=True) if learns else dy
        scratch.pull(net_backward, upstream, input_grad=not learns, release=True)

    step = Subject(forward, backward, clear=net.zero_grad, around=mode(name), **scratch_on(device))
    if learns:
        step.update = scratch.optim.SGD(net.parameters(), lr=LR).step
    return step


def torch_step(net, x, target, device="cpu", compiled=False) -> Subject:
    net.to(device)
    optimizer = torch.optim.SGD(net.parameters(), lr=LR)
    learns = target is not None
    x = torch.tensor(x, device=device, requires_grad=not learns)
    target = torch.tensor(target, device=device) if learns else None
    dy = None if learns else torch.tensor(np.random.default_rng(2).normal(size=x.shape), dtype=x.dtype, device=device)
    run = torch.compile(net) if compiled else net

    def forward():
        return torch.nn.functional.cross_entropy(run(x), target) if learns else run(x)

    def clear():
        optimizer.zero_grad()
        x.grad = None

    step = Subject(forward, lambda y: y.backward(dy), clear=clear, **on_torch(device))
    if learns:
        step.update = optimizer.step
    return step
