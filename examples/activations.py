"""All activations and their derivatives, and what overflow does to formulas taken literally.

The derivative is the layer's own backward for dy = 1. Beside each stable form stands the formula as one would write it
down: exp(800) is inf, and inf / inf is nan.
"""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np

from examples.stage import Stage, array

ELEMENTWISE = {
    "Sigmoid": {}, "Tanh": {}, "Softsign": {}, "Hardsigmoid": {}, "Hardtanh": {}, "ReLU6": {}, "LogSigmoid": {},
    "ReLU": {}, "LeakyReLU": {}, "PReLU": {}, "RReLU": {}, "ELU": {}, "CELU": {"alpha": 0.5}, "SELU": {},
    "Softplus": {}, "GELU": {}, "SiLU": {}, "Mish": {}, "Hardswish": {}, "Threshold": {"threshold": 1, "value": -1},
    "Tanhshrink": {}, "Hardshrink": {}, "Softshrink": {},
}  # fmt: skip
OF_TWO = ("GLU", "Softmax", "Softmin", "LogSoftmax")  # of the pair (x, 0): their first output

NAIVE = {  # name: (the formula taken literally, where it fails)
    "LogSigmoid": (lambda exp, log, x: log(1 / (1 + exp(-x))), -800.0),
    "Tanh": (lambda exp, log, x: (exp(x) - exp(-x)) / (exp(x) + exp(-x)), 800.0),
    "Softplus": (lambda exp, log, x: log(1 + exp(x)), 800.0),
}


def measured(stage, name: str, x):
    """(y, slope) of an activation at the points x (n,)."""
    layer = stage.build(lambda nn: getattr(nn, name)(**ELEMENTWISE.get(name, {"dim": -1})), "float64").eval()
    if name in ELEMENTWISE:
        return stage.vjp(layer, x, np.ones_like(x))
    pairs = np.stack([x, np.zeros_like(x)], axis=-1)  # (n, 2)
    columns = 1 if name == "GLU" else 2
    y, slope = stage.vjp(layer, pairs, np.eye(1, columns).repeat(len(x), axis=0))
    return y[:, 0], slope[:, 0]


def naive(stage, name: str, x):
    """The formula taken literally, in this side's arithmetic."""
    formula, _ = NAIVE[name]
    if not stage.torch:
        with np.errstate(all="ignore"):
            return formula(np.exp, np.log, x)
    import torch

    return array(formula(torch.exp, torch.log, torch.from_numpy(x)))


def plot_all(x, curves):
    figure, axes = plt.subplots(4, 7, figsize=(16, 8.5), sharex=True, sharey=True)
    for ax, (name, (y, slope)) in zip(axes.flat, curves.items()):
        ax.axhline(0, color="0.8", lw=0.8)
        ax.axvline(0, color="0.8", lw=0.8)
        ax.plot(x, np.where(np.abs(np.gradient(y)) > 0.2, np.nan, y), label="y")  # a jump is no line
        ax.plot(x, slope, "--", label="dy/dx")
        ax.set_title(f"{name}(x, 0)" if name in OF_TWO else name, fontsize=10)
        ax.set_ylim(-2.2, 3.2)
    for ax in axes.flat[len(curves) :]:
        ax.axis("off")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    axes.flat[-1].legend(handles, labels, loc="center", fontsize=12)
    figure.subplots_adjust(hspace=0.3)
    return figure


def plot_stable(x, curves):
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.2))
    for ax, (name, (literal, y)) in zip(axes, curves.items()):
        ax.plot(x, y, lw=5, alpha=0.35, label="the layer")
        ax.plot(x, np.where(np.isfinite(literal), literal, np.nan), label="literal formula, where finite")
        ax.set_title(name)
        ax.set_xlabel("x")
    axes[0].legend(loc="lower right", fontsize=8)
    figure.subplots_adjust(hspace=0.3)
    return figure


def main(argv: Sequence[str] | None = None):
    stage = Stage("activations", __doc__, argv)
    x = np.linspace(-5, 5, 101 if stage.smoke else 1001)
    points = np.array([-2.0, 0.0, 2.0])
    curves = {name: measured(stage, name, x) for name in (*ELEMENTWISE, *OF_TWO)}

    print(f"{'activation':12}{'y(-2)':>9}{'y(0)':>9}{'y(2)':>9}{'slope(0)':>10}   slopes in [-5, 5]")
    for name, (_, slope) in curves.items():
        y, slopes = measured(stage, name, points)
        span = f"{slope.min():.3f} to {slope.max():.3f}"
        print(f"{name:12}{y[0]:9.4f}{y[1]:9.4f}{y[2]:9.4f}{slopes[1]:10.4f}   {span}")

    wide = np.linspace(-1000, 1000, 2001)
    extremes = {}
    print(f"\n{'at the extremes':20}{'literal':>9}{'layer':>9}{'slope':>9}")
    for name, (_, worst) in NAIVE.items():
        x0 = np.array([worst])
        y, slope = measured(stage, name, x0)
        print(f"{f'{name}({worst:g})':20}{naive(stage, name, x0)[0]:9.4g}{y[0]:9.4g}{slope[0]:9.4g}")
        extremes[name] = naive(stage, name, wide), measured(stage, name, wide)[0]

    stage.save(plot_all(x, curves), "activations")
    stage.save(plot_stable(wide, extremes), "activations_stable")
    return curves


if __name__ == "__main__":
    main()
