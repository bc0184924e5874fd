"""A step of a network on both sides: what is timed.

A network with classes does one training step: forward with the loss, backward without the gradient of the data, one
step of SGD. A block (no classes) is timed as it stands inside a network: its input's gradient is computed, too, for a
random upstream gradient, and there is no step.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

import scratch
import scratch.optim
from benchmarks.nets import Net, twins
from benchmarks.subjects import COMPILED, SCRATCH, mode, move_module, scratch_on, to_array, torch_on
from benchmarks.timing import Subject

LR = 1e-4


def net_subjects(net: Net, dtype, device: str, names: Sequence[str]) -> dict[str, Subject]:
    """name -> Subject, as `subjects.pair_subjects`."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=net.shape).astype(dtype) if net.tokens is None else rng.integers(0, net.tokens, net.shape)
    target = None if net.classes is None else rng.integers(0, net.classes, net.shape[0])
    subjects = {}
    for name in names:
        ours, twin = twins(net.build, dtype)
        if name in SCRATCH:
            subjects[name] = scratch_step(ours, x, target, device, name)
        else:
            subjects[name] = torch_step(twin, x, target, device, name == COMPILED)
    return subjects


def _upstream(shape, dtype) -> np.ndarray:
    return np.random.default_rng(2).normal(size=shape).astype(dtype)


def scratch_step(net, x, target, device="cpu", name="kernels") -> Subject:
    move_module(net, device)
    x, learns, differentiable = to_array(x, device), target is not None, x.dtype.kind == "f"
    target, upstream = to_array(target, device), []

    def forward():
        y, backward = net(x)
        if learns:
            return *scratch.functional.cross_entropy(y, target), backward
        if not upstream:
            upstream.append(to_array(_upstream(y.shape, y.dtype), device))
        return y, None, backward

    def backward(held):
        _, loss_backward, net_backward = held
        dy = scratch.pull(loss_backward, release=True) if learns else upstream[0]
        scratch.pull(net_backward, dy, input_grad=differentiable and not learns, release=True)

    step = Subject(forward, backward, clear=net.zero_grad, around=mode(name), **scratch_on(device))
    if learns:
        step.update = scratch.optim.SGD(net.parameters(), lr=LR).step
    return step


def torch_step(net, x, target, device="cpu", compiled=False) -> Subject:
    net.to(device)
    learns, upstream, weights = target is not None, [], list(net.parameters())
    x = torch.tensor(x, device=device, requires_grad=not learns and x.dtype.kind == "f")
    target = torch.tensor(target, device=device) if learns else None
    run = torch.compile(net) if compiled else net

    def forward():
        y = run(x)
        if learns:
            return torch.nn.functional.cross_entropy(y, target)
        if not upstream:
            upstream.append(torch.tensor(_upstream(y.shape, "float64"), dtype=y.dtype, device=device))
        return y

    def clear():
        x.grad = None
        for weight in weights:
            weight.grad = None

    step = Subject(forward, lambda y: y.backward(*upstream), clear=clear, **torch_on(device))
    if learns:
        step.update = torch.optim.SGD(weights, lr=LR).step
    return step
