"""A line through y = 10x + 5 + noise, three ways, by Adam with weight decay: why does b stop at 7 to 9?

Adam with coupled decay λ minimises mean (wx + b - y)² + λ/2 (w² + b²), a parabola in (w, b), whose minimum solves two
linear equations. So one can say where training must end, and see how far it has come.
"""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np

import scratch
from examples.stage import Stage, array

LR = 0.01


class Line(scratch.Module):
    """y = x @ weightᵀ + bias, built from nothing but Parameters."""

    def __init__(self):
        self.weight = scratch.Parameter(np.zeros((1, 1)))
        self.bias = scratch.Parameter(np.zeros(1))

    def forward(self, x):
        weight = self.weight.data

        def backward(dy):
            # y = x @ weight.T + bias
            self.weight.add_grad(dy.T @ x)
            self.bias.add_grad(dy.sum(axis=0))
            return dy @ weight

        return x @ weight.T + self.bias.data, backward


def torch_line():
    """The same in PyTorch."""
    import torch

    class Line(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1, 1, dtype=torch.float64))
            self.bias = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))

        def forward(self, x):
            return x @ self.weight.T + self.bias

    return Line()


def outer_product(stage, x, y, decay, steps):
    """prediction = outer(x, w) + b, and the gradients put into `.grad` by hand. Returns the path of (w, b)."""
    line = torch_line() if stage.torch else Line()
    w, b = line.weight, line.bias
    optimizer = stage.optimizer("Adam", [w, b], lr=LR, weight_decay=decay)
    x, y = stage.tensor(x), stage.tensor(y)
    path = np.empty((steps, 2))
    for step in range(steps):
        path[step] = float(w.data[0, 0]), float(b.data[0])
        prediction = x[:, 0, None] * w.data[:, 0] + b.data  # (n, 1): every x times every w
        # loss = mean (prediction - y)²
        dprediction = 2 * (prediction - y) / len(y)
        # prediction = outer(x, w) + b
        w.grad = x.T @ dprediction
        b.grad = dprediction.sum(0)
        optimizer.step()
    return path


def module(stage, line, x, y, decay, steps):
    """The same with a module, whose backward knows the gradients."""
    optimizer = stage.optimizer("Adam", line, lr=LR, weight_decay=decay)
    path = np.empty((steps, 2))
    for step in stage.progress(range(steps)):
        path[step] = array(line.weight)[0, 0], array(line.bias)[0]
        stage.step(line, "mse_loss", optimizer, x, y)
    return path


def layer(stage):
    """nn.Linear, from zero."""
    line = stage.build(lambda nn: nn.Linear(1, 1), "float64")
    for p in line.parameters():
        p.data[...] = 0
    return line


def optimum(x, y, decay):
    """The (w, b) that minimises mean (wx + b - y)² + decay/2 (w² + b²): (H + decay) θ = g, and H's eigenvalues."""
    features = np.concatenate([x, np.ones_like(x)], axis=1)  # (n, 2)
    H, g = 2 / len(x) * features.T @ features, 2 / len(x) * features.T @ y[:, 0]
    return np.linalg.solve(H + decay * np.eye(2), g), np.linalg.eigvalsh(H)


def picture(x, y, paths, optima, marks):
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
    w, b = np.meshgrid(np.linspace(0, 12, 121), np.linspace(0, 12, 121))
    loss = ((w[..., None] * x[:, 0] + b[..., None] - y[:, 0]) ** 2).mean(axis=-1)
    left.contour(w, b, np.log10(loss), levels=18, colors="0.8", linewidths=0.7)
    for (decay, path), color in zip(paths.items(), ("C0", "C1")):
        left.plot(*path.T, color=color, label=f"decay {decay}")
        left.plot(*path[marks].T, ".", color=color)
        left.plot(*optima[decay], "*", ms=13, color=color, mec="k")
        right.plot(path[:, 1], color=color, label=f"decay {decay}")
        right.axhline(optima[decay][1], ls=":", color=color)
    left.set(xlabel="w", ylabel="b", title="path over the loss; dots at marked steps, stars: optima")
    right.set(xlabel="step", ylabel="b", title="b; dotted: where it must end")
    right.axhline(5, color="k", lw=0.6)
    left.legend(loc="lower right")
    right.legend()
    figure.tight_layout()
    return figure


def main(argv: Sequence[str] | None = None):
    stage = Stage("line_fit", __doc__, argv)
    steps = 60 if stage.smoke else 10_000
    x = 10 * stage.rng.random((100, 1))
    y = 10 * x + 5 + stage.rng.normal(size=x.shape)
    marks = [steps // 10, steps // 5, steps // 2, steps - 1]

    own = torch_line() if stage.torch else Line()
    three = [
        outer_product(stage, x, y, 0.1, steps),
        module(stage, own, x, y, 0.1, steps),
        module(stage, layer(stage), x, y, 0.1, steps),
    ]
    print(f"{'step':>6}{'outer product':>20}{'own Linear':>20}{'Linear':>20}   (w, b) with decay 0.1")
    for step in marks:
        print(f"{step:6}" + "".join(f"{path[step, 0]:12.5f},{path[step, 1]:7.4f}" for path in three))
    apart = max(np.abs(path - three[0]).max() for path in three[1:])
    if not apart < 1e-8:
        raise RuntimeError(f"the three ways must give the same numbers, but differ by {apart:.1e}")
    print(f"largest difference between the columns: {apart:.1e}\n")

    paths = {0.1: three[2], 0.0: module(stage, layer(stage), x, y, 0.0, steps)}
    optima = {decay: optimum(x, y, decay)[0] for decay in paths}
    for decay, path in paths.items():
        w, b = optima[decay]
        print(f"decay {decay}: b is highest, {path[:, 1].max():.2f}, at step {path[:, 1].argmax()}; ", end="")
        print(f"ends at w {path[-1, 0]:.3f}, b {path[-1, 1]:.3f}; the optimum is w {w:.3f}, b {b:.3f}")
    low, high = optimum(x, y, 0)[1]
    print(f"curvature of the loss: {high:.1f} across the valley, {low:.2f} along it")

    stage.save(picture(x, y, paths, optima, marks), "line_fit")
    return {"three": three, "without": paths[0.0]}


if __name__ == "__main__":
    main()
