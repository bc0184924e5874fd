"""Vanishing and exploding gradients: how far a gradient gets, by activation, initialisation and depth.

dx = J₁ᵀ J₂ᵀ ... J_nᵀ dy: each layer multiplies the gradient by its Jacobian, transposed. The product of many matrices
grows or shrinks like a power, unless each keeps lengths. Measured: the gradient's norm at every layer, the product of
the Jacobians itself, and what BatchNorm and residual connections make of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np

from examples.stage import Stage, array
from scratch import init

WIDTH, BATCH = 64, 128
STARTS = {
    "small: N(0, 0.01²)": lambda w, rng: init.normal_(w, 0, 0.01, rng),
    "Xavier": lambda w, rng: init.xavier_normal_(w, 1, rng),
    "Kaiming": lambda w, rng: init.kaiming_normal_(w, nonlinearity="relu", rng=rng),
    "large: N(0, 1)": lambda w, rng: init.normal_(w, 0, 1, rng),
}
SMALL, XAVIER, KAIMING, LARGE = STARTS


def deep(stage, depth, activation, start, norm=False, residual=False):
    """depth blocks of Linear, (BatchNorm,) activation, each with a residual connection around it if asked for."""

    def block(nn):
        normed = [nn.BatchNorm1d(WIDTH)] if norm else []
        layers = nn.Sequential(nn.Linear(WIDTH, WIDTH), *normed, getattr(nn, activation)())
        return nn.Residual(layers) if residual else layers

    model = stage.build(lambda nn: nn.Sequential(*[block(nn) for _ in range(depth)]), "float64")
    rng = np.random.default_rng(stage.seed + 1)
    for p in model.parameters():
        if p.ndim == 2:
            p.data[...] = stage.tensor(STARTS[start](np.empty(tuple(p.shape)), rng))
    return model


def weight_gradients(stage, model):
    """The norm of each Linear's dweight, for a random x and dy of norm 1 a row."""
    rng = np.random.default_rng(stage.seed + 2)
    x, dy = rng.normal(size=(2, BATCH, WIDTH))
    stage.vjp(model, x, dy / np.sqrt(BATCH * WIDTH))
    return np.array([np.linalg.norm(array(p.grad)) for p in model.parameters() if p.ndim == 2])


def jacobian_stretch(stage, model):
    """How much the Jacobian of the first k blocks stretches: its singular values' root mean square, for every k."""
    x = np.random.default_rng(stage.seed + 3).normal(size=(1, WIDTH)).repeat(WIDTH, axis=0)  # one x, WIDTH times
    stretch = []
    for k in range(1, len(model) + 1):
        _, J = stage.vjp(model[:k], x, np.eye(WIDTH))  # row i: dy = the i-th unit vector gives J's i-th row
        stretch.append(np.sqrt((np.linalg.svd(J, compute_uv=False) ** 2).mean()))
    return np.array(stretch)


def norm_and_bias(stage):
    """BatchNorm takes the mean away, so a bias before it changes nothing. Returns (max dweight, max dbias, change)."""
    rng = np.random.default_rng(stage.seed + 4)
    model = stage.build(lambda nn: nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.BatchNorm1d(WIDTH)), "float64")
    x, dy = rng.normal(size=(2, BATCH, WIDTH))
    y, _ = stage.vjp(model, x, dy)
    dweight, dbias = (np.abs(array(p.grad)).max() for p in (model[0].weight, model[0].bias))
    model[0].bias.data += 10
    return dweight, dbias, np.abs(stage.vjp(model, x, dy)[0] - y).max()


def picture(depth, by_layer, by_depth, cures):
    figure, axes = plt.subplots(2, 3, figsize=(13, 7.2))
    for ax, (activation, curves) in zip(axes[0], by_layer.items()):
        for start, norms in curves.items():
            ax.semilogy(range(1, depth + 1), norms, label=start)
        ax.set(title=f"{activation}: ‖dweight‖ by layer", xlabel="layer", ylim=(1e-30, 1e30))
    axes[0, 0].legend(fontsize=8)
    for ax, curves, title in (
        (axes[1, 0], by_depth, "stretch of the Jacobian of the first k blocks"),
        (axes[1, 1], {n: c[0] for n, c in cures.items()}, "the cures: ‖dweight‖ by layer"),
        (axes[1, 2], {n: c[1] for n, c in cures.items() if c[1] is not None}, "the cures: stretch of the Jacobian"),
    ):
        for name, values in curves.items():
            ax.semilogy(range(1, depth + 1), values, label=name)
        ax.set(title=title, xlabel="layer")
        ax.legend(fontsize=7)
    figure.tight_layout()
    return figure


def main(argv: Sequence[str] | None = None):
    stage = Stage("gradient_flow", __doc__, argv)
    depth = 4 if stage.smoke else 30

    by_layer = {
        activation: {start: weight_gradients(stage, deep(stage, depth, activation, start)) for start in STARTS}
        for activation in ("Sigmoid", "Tanh", "ReLU")
    }
    print(f"‖dweight‖ of the first and the last of {depth} layers")
    print(f"{'':10}" + "".join(f"{start:>21}" for start in STARTS))
    for activation, curves in by_layer.items():
        print(f"{activation:10}" + "".join(f"{norms[0]:11.1e} {norms[-1]:9.1e}" for norms in curves.values()))

    by_depth = {
        f"{activation}, {start.split(':')[0]}": jacobian_stretch(stage, deep(stage, depth, activation, start))
        for activation, start in (("Sigmoid", XAVIER), ("Tanh", XAVIER), ("ReLU", XAVIER), ("ReLU", KAIMING))
    }
    print("\nstretch of the product of Jacobians: after one block, after all; the mean factor of a block")
    for name, stretch in by_depth.items():
        print(f"{name:20}{stretch[0]:12.3f}{stretch[-1]:12.2e}{(stretch[-1]) ** (1 / depth):12.3f}")

    product = np.linalg.multi_dot(np.random.default_rng(stage.seed).normal(size=(100, 4, 4)))
    print(f"100 random 4 x 4 matrices N(0, 1) multiplied: largest element {np.abs(product).max():.1e}")

    cures = {}
    for name, activation, start, options in (
        ("sigmoid, Xavier", "Sigmoid", XAVIER, {}),
        ("sigmoid, Xavier, BatchNorm", "Sigmoid", XAVIER, {"norm": True}),
        ("sigmoid, Xavier, residual", "Sigmoid", XAVIER, {"residual": True}),
        ("ReLU, small", "ReLU", SMALL, {}),
        ("ReLU, small, BatchNorm", "ReLU", SMALL, {"norm": True}),
        ("ReLU, small, residual", "ReLU", SMALL, {"residual": True}),
    ):
        model = deep(stage, depth, activation, start, **options)
        # in training one row's Jacobian through BatchNorm is none: it depends on the whole batch
        cures[name] = weight_gradients(stage, model), None if "norm" in options else jacobian_stretch(stage, model)
    print("\n‖dweight‖ of the first and the last layer, and the stretch of all Jacobians")
    for name, (norms, stretch) in cures.items():
        print(f"{name:28}{norms[0]:11.1e} {norms[-1]:9.1e}" + ("" if stretch is None else f"{stretch[-1]:11.1e}"))

    dweight, dbias, change = norm_and_bias(stage)
    print(
        f"\nBatchNorm(W u + b): largest |dW| {dweight:.2g}, largest |db| {dbias:.1e}; b + 10 changes y by {change:.1e}"
    )
    stage.save(picture(depth, by_layer, by_depth, cures), "gradient_flow")
    return {"by_layer": by_layer, "by_depth": by_depth, "cures": cures}


if __name__ == "__main__":
    main()
