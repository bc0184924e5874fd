"""Weight decay: 200 features, 20 samples. As a penalty, as the optimizer's option, and decoupled as in AdamW.

y = 0.05 + Σ 0.01 xᵢ + N(0, 0.01²). With 200 weights 20 samples can be learned by heart; a price on ||w||² forbids it.
"""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np

from examples.stage import Stage, array

FEATURES, TRAIN, TEST, BATCH, LR = 200, 20, 100, 5, 0.003


def data(rng, n):
    x = rng.normal(size=(n, FEATURES))
    y = 0.05 + x.sum(axis=1, keepdims=True) * 0.01 + rng.normal(scale=0.01, size=(n, 1))
    return x.astype(np.float32), y.astype(np.float32)


def train(stage, train_set, test_set, epochs, optimizer, decay=0.0, penalty=0.0, lr=LR):
    """Losses and ||w|| after each epoch. decay : the optimizer's, on the weight alone. penalty : λ of λ/2 ||w||²."""
    model = stage.build(lambda nn: nn.Linear(FEATURES, 1))
    model.weight.data[...] = stage.tensor(initial_weight(stage))
    model.bias.data[...] = 0
    groups = [{"params": [model.weight], "weight_decay": decay}, {"params": [model.bias], "weight_decay": 0}]
    optimizer = stage.optimizer(optimizer, groups, lr=lr)
    (x, y), order = train_set, np.random.default_rng(stage.seed)
    curves = np.empty((epochs, 3))
    for epoch in range(epochs):
        for rows in order.permutation(TRAIN).reshape(-1, BATCH):
            stage.gradients(model, "mse_loss", x[rows], y[rows])
            # loss = ... + penalty / 2 * Σ w²
            model.weight.grad += penalty * model.weight.data
            optimizer.step()
        fits = [np.square(stage.predict(model, a) - b).mean() for a, b in (train_set, test_set)]
        curves[epoch] = *fits, np.linalg.norm(array(model.weight))
    return curves


def initial_weight(stage):
    """N(0, 1): far too large, so that one sees what pulls it back."""
    return np.random.default_rng(stage.seed + 1).normal(size=(1, FEATURES)).astype(np.float32)


def main(argv: Sequence[str] | None = None):
    stage = Stage("weight_decay", __doc__, argv)
    epochs = 3 if stage.smoke else 100
    sets = data(stage.rng, TRAIN), data(stage.rng, TEST)
    runs = {
        "SGD, λ = 0": {"optimizer": "SGD"},
        "SGD, penalty λ = 3": {"optimizer": "SGD", "penalty": 3.0},
        "SGD, weight_decay = 3": {"optimizer": "SGD", "decay": 3.0},
        "Adam, λ = 0": {"optimizer": "Adam", "lr": 0.01},
        "Adam, weight_decay = 3": {"optimizer": "Adam", "lr": 0.01, "decay": 3.0},
        "AdamW, weight_decay = 3": {"optimizer": "AdamW", "lr": 0.01, "decay": 3.0},
    }
    found = {}
    print(f"{'':24}{'train loss':>12}{'test loss':>12}{'||w||':>9}   (true ||w||: {0.01 * FEATURES**0.5:.3f})")
    for name, options in runs.items():
        found[name] = train(stage, *sets, epochs, **options)
        fit, test, norm = found[name][-1]
        print(f"{name:24}{fit:12.3g}{test:12.4g}{norm:9.4f}")
    penalty, option = found["SGD, penalty λ = 3"], found["SGD, weight_decay = 3"]
    apart = np.abs(penalty / option - 1).max()
    print(f"penalty and weight_decay differ by {apart:.1e} (relative, all epochs)")

    figure, axes = plt.subplots(1, 3, figsize=(13, 3.7))
    for ax, names in zip(axes, (("SGD, λ = 0", "SGD, weight_decay = 3"), list(runs)[3:])):
        for i, name in enumerate(names):
            ax.semilogy(found[name][:, 0], color=f"C{i}", label=f"{name}: train")
            ax.semilogy(found[name][:, 1], "--", color=f"C{i}", label="test")
        ax.set(xlabel="epoch", ylabel="mean squared error", ylim=(1e-17, 1e3))
        ax.legend(fontsize=7, loc="lower left")
    for name in [n for n in runs if "penalty" not in n]:
        axes[2].semilogy(found[name][:, 2], label=name)
    axes[2].axhline(0.01 * FEATURES**0.5, color="k", ls=":", lw=0.8)
    axes[2].set(xlabel="epoch", ylabel="||w||; dotted: the true one", ylim=(3e-3, 30))
    axes[2].legend(fontsize=7, loc="lower left")
    figure.tight_layout()
    stage.save(figure, "weight_decay")
    return found


if __name__ == "__main__":
    main()
