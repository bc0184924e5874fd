"""Underfitting and overfitting: a polynomial of degree 3, learned from 2, 4 or all 20 of the features x^i / i!.

The division by i! keeps the features small: without it x^19 would dwarf everything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np

from examples.stage import Stage, array

DEGREES = 20
TRUE = np.array([5, 1.2, -3.4, 5.6])
FITS = {"underfit: 2 features": 2, "right: 4 features": 4, "overfit: 20 features": DEGREES}


def data(rng, n):
    """features (n, 20) and y (n, 1) = 5 + 1.2 x - 3.4 x²/2! + 5.6 x³/3! + N(0, 0.1²)"""
    x = rng.normal(size=(n, 1))
    powers = np.arange(DEGREES)
    features = x**powers / np.array([math.factorial(i) for i in powers], float)
    y = features[:, : len(TRUE)] @ TRUE[:, None] + rng.normal(scale=0.1, size=(n, 1))
    return features.astype(np.float32), y.astype(np.float32)


def fit(stage, train, test, features, epochs, batch=10):
    """Gradient descent on the first features. Returns (train loss, test loss) after each epoch and the weights."""
    (x, y), (x_test, y_test) = [(x[:, :features].copy(), y) for x, y in (train, test)]
    model = stage.build(lambda nn: nn.Linear(features, 1, bias=False))
    optimizer = stage.optimizer("SGD", model, lr=0.01)
    order = np.random.default_rng(stage.seed)
    losses = np.empty((epochs, 2))
    for epoch in stage.progress(range(epochs), f"{features} features"):
        for rows in order.permutation(len(x)).reshape(-1, batch):
            stage.step(model, "mse_loss", optimizer, x[rows], y[rows])
        losses[epoch] = [np.square(stage.predict(model, a) - b).mean() for a, b in ((x, y), (x_test, y_test))]
    return losses, array(model.weight)[0].copy()


def trained_for_ever(train, test, features):
    """(train loss, test loss) of the least-squares fit, to which gradient descent would come at last."""
    (x, y), (x_test, y_test) = [(x[:, :features].astype(float), y) for x, y in (train, test)]
    weights = np.linalg.lstsq(x, y, rcond=None)[0]
    return [np.square(a @ weights - b).mean() for a, b in ((x, y), (x_test, y_test))]


def main(argv: Sequence[str] | None = None):
    stage = Stage("polynomial_regression", __doc__, argv)
    epochs, n = (5, 100) if stage.smoke else (400, 100)
    train, test = data(stage.rng, n), data(stage.rng, n)
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.5), sharey=True)
    found = {}
    print(f"{'':22}{'train loss':>11}{'test loss':>11}{'at last':>11}{'at last':>11}   first weights (true: {TRUE})")
    for ax, (name, features) in zip(axes, FITS.items()):
        losses, weights = found[name] = fit(stage, train, test, features, epochs)
        numbers = *losses[-1], *trained_for_ever(train, test, features)
        print(f"{name:22}" + "".join(f"{loss:11.4g}" for loss in numbers) + f"   {weights[:6].round(3)}")
        ax.semilogy(losses, label=["train", "test"])
        ax.axhline(0.01, color="k", lw=0.6, ls=":")
        ax.set(title=name, xlabel="epoch")
    axes[0].set_ylabel("mean squared error")
    axes[0].legend()
    figure.tight_layout()
    stage.save(figure, "polynomial_regression")
    return found


if __name__ == "__main__":
    main()
