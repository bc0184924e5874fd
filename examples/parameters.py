"""Parameters: finding them, setting them, starting them, and sharing them.

The accesses are written as in PyTorch's tutorials, and work the same on both sides.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from types import ModuleType

import matplotlib.pyplot as plt
import numpy as np

import scratch
from examples.stage import Stage, array


def initialisers(stage) -> ModuleType:
    """scratch.init, or torch.nn.init: the same names."""
    if not stage.torch:
        return scratch.init
    import torch

    return torch.nn.init


def mlp(nn):
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))


def rounded(parameter):
    return array(parameter).astype(float).round(3).tolist()


def access(stage):
    """One parameter in several ways, all parameters in one, and those of blocks in blocks."""
    net = stage.build(mlp)
    x = stage.rng.random((2, 4)).astype(np.float32)
    print("net[2].state_dict():", {name: rounded(value) for name, value in net[2].state_dict().items()})
    print("net[2].bias:", type(net[2].bias).__name__, rounded(net[2].bias.data))
    print("net.state_dict()['2.bias']:", rounded(net.state_dict()["2.bias"]))
    print("net[2].weight.grad before any backward:", net[2].weight.grad)
    stage.vjp(net, x, np.ones((2, 1), np.float32))
    print("net[2].weight.grad after one:", rounded(net[2].weight.grad))
    print("named_parameters:", *[(name, tuple(p.shape)) for name, p in net.named_parameters()])

    def block(nn):
        return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 4), nn.ReLU())

    def blocks(nn):
        return nn.Sequential(OrderedDict((f"block {i}", block(nn)) for i in range(2)))

    nested = stage.build(lambda nn: nn.Sequential(blocks(nn), nn.Linear(4, 1)))
    print(nested)
    print("nested[0][1][0].bias:", rounded(nested[0][1][0].bias))
    return stage.predict(net, x), stage.predict(nested, x)


def share(stage):
    """One layer at two positions: equal before and after a change, its gradients added, counted once."""
    net = stage.build(lambda nn: nn.models.TiedMLP())
    x = stage.rng.random((2, 4)).astype(np.float32)
    net[2].weight.data[0, 0] = 100
    same = bool((net[2].weight.data == net[4].weight.data).all())
    print("\nset net[2].weight[0, 0] to 100; net[4] still has the same weights:", same, f"({net[2] is net[4]=})")
    print("parameters:", [name for name, _ in net.named_parameters()])
    print("state_dict:", list(net.state_dict()))
    stage.vjp(net, x, np.ones((2, 1), np.float32))
    print(f"the shared gradient, both uses added: its norm {np.linalg.norm(array(net[2].weight.grad)):.5g}")
    return stage.predict(net, x), array(net[2].weight.grad).copy()


def start(stage):
    """`apply` visits every layer; a layer may have a start of its own, and any number may be set by hand."""
    net, init = stage.build(mlp), initialisers(stage)
    linear = stage.nn.Linear

    def init_normal(m):
        if isinstance(m, linear):
            init.normal_(m.weight, mean=0, std=0.01)
            init.zeros_(m.bias)

    def init_xavier(m):
        if isinstance(m, linear):
            init.xavier_uniform_(m.weight)

    def init_42(m):
        if isinstance(m, linear):
            init.constant_(m.weight, 42)

    net.apply(init_normal)
    print("\nnet.apply(init_normal), net[0]:", rounded(net[0].weight.data[0]), rounded(net[0].bias.data[0]))
    net[0].apply(init_xavier)
    net[2].apply(init_42)
    print("Xavier on net[0], 42 on net[2]:", rounded(net[0].weight.data[0]), rounded(net[2].weight.data))
    net[0].weight.data[:] += 1
    net[0].weight.data[0, 0] = 42
    print("all of net[0] plus 1, its first 42:", rounded(net[0].weight.data[0]))


def starts(stage, n):
    """name -> (function that fills a parameter (n, n), the standard deviation it should have)"""
    init = initialisers(stage)

    def mine(weight):
        """U(-10, 10), but what is smaller than 5 becomes 0."""
        init.uniform_(weight, -10, 10)
        weight.data[:] = weight.data * (abs(weight.data) >= 5)

    def default(weight):
        init.kaiming_uniform_(weight, a=math.sqrt(5))

    def bounded(std):
        """Of N(0, std²) cut off at 2 std."""
        density, inside = math.exp(-2) / math.sqrt(2 * math.pi), math.erf(math.sqrt(2))
        return std * math.sqrt(1 - 4 * density / inside)

    return {
        "Linear's default": (default, 1 / math.sqrt(3 * n)),
        "normal_(0, 0.01)": (lambda w: init.normal_(w, 0, 0.01), 0.01),
        "xavier_uniform_": (init.xavier_uniform_, 1 / math.sqrt(n)),
        "xavier_normal_": (init.xavier_normal_, 1 / math.sqrt(n)),
        "kaiming_uniform_ (ReLU)": (lambda w: init.kaiming_uniform_(w, nonlinearity="relu"), math.sqrt(2 / n)),
        "kaiming_normal_ (ReLU)": (lambda w: init.kaiming_normal_(w, nonlinearity="relu"), math.sqrt(2 / n)),
        "trunc_normal_(0, 1, ±2)": (lambda w: init.trunc_normal_(w), bounded(1)),
        "orthogonal_": (init.orthogonal_, 1 / math.sqrt(n)),
        "sparse_(0.1, std 0.01)": (lambda w: init.sparse_(w, 0.1), 0.01 * math.sqrt(1 - math.ceil(0.1 * n) / n)),
        "U(-10, 10), small ones 0": (mine, math.sqrt(2 * (1000 - 125) / 3 / 20)),
    }


def main(argv: Sequence[str] | None = None):
    stage = Stage("parameters", __doc__, argv)
    found = access(stage) + share(stage)
    start(stage)

    n = 40 if stage.smoke else 400
    figure, axes = plt.subplots(2, 5, figsize=(14, 5))
    print(f"\nstarts of a weight ({n}, {n}){'mean':>14}{'std':>10}{'expected':>10}")
    for ax, (name, (fill, expected)) in zip(axes.flat, starts(stage, n).items()):
        weight = stage.build(lambda nn: nn.Linear(n, n)).weight
        fill(weight)
        values = array(weight).ravel()
        print(f"{name:30}{values.mean():12.5f}{values.std():10.5f}{expected:10.5f}")
        ax.hist(values, bins=60)
        ax.set_title(name, fontsize=10)
        ax.set(yticks=[])
        ax.locator_params(axis="x", nbins=4)
    figure.tight_layout()
    stage.save(figure, "parameters")
    return found


if __name__ == "__main__":
    main()
