"""A network of two layers three times: by hand on plain arrays, with layers, with a Sequential and an optimizer.

64 samples, 1000 inputs, 100 hidden units, 10 outputs, no biases, summed squared error, gradient descent. The three
columns must be equal: each is only a shorter way to write the one before.
"""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np

import scratch
from examples.stage import Stage

N, IN, HIDDEN, OUT = 64, 1000, 100, 10


def by_hand(stage, x, y, w1, w2, lr, steps):
    """Plain arrays (with --torch plain tensors): every derivative is written out. w1 (IN, HIDDEN), w2 (HIDDEN, OUT)"""
    x, y, w1, w2 = (stage.tensor(a.copy()) for a in (x, y, w1, w2))
    losses = []
    for _ in stage.progress(range(steps), "by hand"):
        h = x @ w1  # (N, HIDDEN)
        a = h * (h > 0)
        prediction = a @ w2  # (N, OUT)
        losses.append(float(((prediction - y) ** 2).sum()))

        # loss = Σ (prediction - y)²
        dprediction = 2 * (prediction - y)
        # prediction = a @ w2
        dw2 = a.T @ dprediction
        da = dprediction @ w2.T
        # a = relu(h)
        dh = da * (h > 0)
        # h = x @ w1
        dw1 = x.T @ dh

        w1 = w1 - lr * dw1
        w2 = w2 - lr * dw2
    return losses


def with_layers(stage, x, y, w1, w2, lr, steps):
    """Two Linear layers and relu know their own derivatives; the update is still by hand."""
    first, second = (stage.build(lambda nn, w=w: linear(nn, w), "float64") for w in (w1, w2))
    losses = []
    for _ in stage.progress(range(steps), "with layers"):
        if stage.torch:
            import torch

            relu, mse_loss = torch.nn.functional.relu, torch.nn.functional.mse_loss
            loss = mse_loss(second(relu(first(stage.tensor(x)))), stage.tensor(y), reduction="sum")
            loss.backward()
            loss = loss.detach()
        else:
            h, first_backward = first(x)
            a, relu_backward = scratch.functional.relu(h)
            prediction, second_backward = second(a)
            loss, loss_backward = scratch.functional.mse_loss(prediction, y, reduction="sum")
            dprediction, _ = loss_backward()
            first_backward(relu_backward(second_backward(dprediction)))
        losses.append(float(loss))
        for layer in (first, second):
            layer.weight.data -= lr * layer.weight.grad
            layer.zero_grad()
    return losses


def with_sequential(stage, x, y, w1, w2, lr, steps):
    """Sequential is the chain rule, the optimizer the update."""
    model = stage.build(lambda nn: nn.Sequential(linear(nn, w1), nn.ReLU(), linear(nn, w2)), "float64")
    optimizer = stage.optimizer("SGD", model, lr=lr)
    return [
        stage.step(model, "mse_loss", optimizer, x, y, reduction="sum")
        for _ in stage.progress(range(steps), "with Sequential")
    ]


def linear(nn, w):
    """Linear without a bias that multiplies with w (I, O): its weight is (O, I)."""
    layer = nn.Linear(*w.shape, bias=False).double()
    if nn is scratch:
        layer.weight.data[...] = w.T
    return layer


def main(argv: Sequence[str] | None = None):
    stage = Stage("two_layer_network", __doc__, argv)
    rng, steps = stage.rng, 20 if stage.smoke else 500
    x, y = rng.normal(size=(N, IN)), rng.normal(size=(N, OUT))
    normal = rng.normal(size=(IN, HIDDEN)), rng.normal(size=(HIDDEN, OUT))
    small = [w / np.sqrt(len(w)) for w in normal]  # so that every layer keeps its input's size

    three = [way(stage, x, y, *small, 1e-4, steps) for way in (by_hand, with_layers, with_sequential)]
    print(f"weights of size 1/√inputs, lr 1e-4\n{'step':>6}{'by hand':>22}{'layers':>22}{'Sequential':>22}")
    for step in range(0, steps, max(1, steps // 10)):
        print(f"{step:6}" + "".join(f"{losses[step]:22.14g}" for losses in three))
    apart = max(np.abs(np.divide(losses, three[0]) - 1).max() for losses in three[1:])
    print(f"largest relative difference between the columns: {apart:.1e}")
    if not apart < 1e-9:
        raise RuntimeError(f"the three ways must give the same numbers, but differ by {apart:.1e}")

    with np.errstate(all="ignore"):
        classic = {lr: by_hand(stage, x, y, *normal, lr, steps) for lr in (1e-6, 1e-4)}
    lost = next((i for i, loss in enumerate(classic[1e-4]) if not loss < 10 * classic[1e-4][0]), None)
    print(f"weights of size 1, lr 1e-6: from {classic[1e-6][0]:.4g} to {classic[1e-6][-1]:.4g}")
    print(f"weights of size 1, lr 1e-4: from {classic[1e-4][0]:.4g} to {classic[1e-4][1]:.4g} in one step", end="")
    print("" if lost is None else f", beyond ten times the first loss at step {lost}")

    figure, ax = plt.subplots(figsize=(6.5, 3.8))
    styles = ("-", 6), ("--", 3), (":", 1.5)
    for label, losses, (style, width) in zip(("by hand", "layers", "Sequential"), three, styles):
        ax.semilogy(losses, style, lw=width, label=f"{label}, lr 1e-4")
    ax.semilogy(classic[1e-6], color="0.5", label="weights of size 1, lr 1e-6")
    ax.set_xlabel("step")
    ax.set_ylabel("summed squared error")
    ax.legend()
    stage.save(figure, "two_layer_network")
    return {"three": three, "classic": classic[1e-6]}


if __name__ == "__main__":
    main()
