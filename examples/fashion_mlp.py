"""Garments, told apart by two small networks: 784-256-10, and 784-256-256-10 with dropout.

x (B, 1, 28, 28) -> flatten -> Linear -> ReLU (-> dropout) -> ... -> 10 logits; cross-entropy; SGD, batches of 256.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np

import scratch.data
from examples.stage import Stage
from scratch.data import Dataset


def garments(stage) -> Dataset:
    """FashionMNIST. Where it is not found, and for --smoke: scikit-learn's digits, each pixel 3x3 large, in a frame."""
    found = scratch.data.digits() if stage.smoke else scratch.data.images()
    if found.train_images.shape[2:] == (28, 28):
        return found
    train, test = (
        np.pad(x.repeat(3, axis=2).repeat(3, axis=3), ((0, 0), (0, 0), (2, 2), (2, 2)))
        for x in (found.train_images, found.test_images)
    )
    return Dataset(
        "digits", train, found.train_labels, test, found.test_labels, found.classes, f"enlarged, {found.source}"
    )


def train(stage, model, optimizer, data, epochs, batch):
    """Returns the loss of every step and, after each epoch, (mean loss, accuracy on the test images)."""
    losses, rows, order = [], [], np.random.default_rng(stage.seed)
    began = time.perf_counter()
    for epoch in range(epochs):
        batches = scratch.data.batches(data.train_images, data.train_labels, batch, rng=order)
        steps = [
            stage.step(model, "cross_entropy", optimizer, x, y)
            for i, (x, y) in enumerate(stage.progress(batches, f"epoch {epoch + 1}"))
            if not stage.smoke or i < 3
        ]
        losses += steps
        rows.append((np.mean(steps), accuracy(stage, model, data.test_images, data.test_labels)))
        print(f"epoch {epoch + 1:2}: loss {rows[-1][0]:.4f}, test accuracy {rows[-1][1]:.2%}")
    fit = accuracy(stage, model, data.train_images, data.train_labels)
    print(f"train accuracy {fit:.2%}, test accuracy {rows[-1][1]:.2%}, {time.perf_counter() - began:.0f} s")
    return {"losses": np.array(losses), "epochs": np.array(rows), "train": fit, "test": rows[-1][1]}


def accuracy(stage, model, images, labels) -> float:
    return float((stage.predict(model, images).argmax(axis=1) == labels).mean())


def plain(nn):
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))


def with_dropout(nn):
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, 256), nn.ReLU(), nn.Dropout(0.2),
        nn.Linear(256, 256), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(256, 10),
    )  # fmt: skip


def picture(stage, data, found, probabilities):
    """probabilities : of the first test image, one network a row."""
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), width_ratios=(2, 1, 2))
    for i, (name, run) in enumerate(found.items()):
        epochs = np.arange(1, len(run["epochs"]) + 1)
        axes[0].plot(epochs, run["epochs"][:, 0], color=f"C{i}", label=f"{name}: loss")
        axes[0].plot(epochs, run["epochs"][:, 1], "--", color=f"C{i}", label="test accuracy")
    axes[0].set(xlabel="epoch", ylim=(0, 1.1))
    axes[0].legend(fontsize=8)
    axes[1].imshow(data.test_images[0, 0], cmap="gray_r")
    axes[1].set(title=f"true: {data.classes[data.test_labels[0]]}", xticks=[], yticks=[])
    for i, (name, p) in enumerate(zip(found, probabilities)):
        axes[2].barh(np.arange(10) + 0.4 * i, p, 0.4, label=name)
    axes[2].set(yticks=np.arange(10) + 0.2, yticklabels=data.classes, xlabel="predicted probability", xlim=(0, 1))
    axes[2].invert_yaxis()
    axes[2].legend(fontsize=8)
    figure.tight_layout()
    stage.save(figure, "fashion_mlp")


def main(argv: Sequence[str] | None = None):
    stage = Stage("fashion_mlp", __doc__, argv)
    data = garments(stage)
    print(data)
    found, probabilities = {}, []
    for name, make, lr in (("784-256-10", plain, 0.1), ("784-256-256-10, dropout", with_dropout, 0.5)):
        print(f"\n{name}, learning rate {lr}")
        model = stage.build(make)
        optimizer = stage.optimizer("SGD", model, lr=lr)
        found[name] = train(stage, model, optimizer, data, epochs=1 if stage.smoke else 10, batch=256)
        logits = stage.predict(model, data.test_images[:1])[0]
        probabilities.append(np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum())
        guess = data.classes[logits.argmax()]
        print(f"the first test image: {guess} (p = {probabilities[-1].max():.3f}), ", end="")
        print(f"in truth: {data.classes[data.test_labels[0]]}")
    picture(stage, data, found, probabilities)
    return found


if __name__ == "__main__":
    main()
