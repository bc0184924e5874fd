"""Garments, told apart by a convolutional network, and what it sees: the maps behind its convolutions.

conv 1 -> 6 (5x5), ReLU, pool, conv 6 -> 12 (5x5), ReLU, pool, 192 - 120 - 60 - 10; Adam, batches of 100.
"""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np

from examples.fashion_mlp import accuracy, garments, train
from examples.stage import Stage


def network(nn):
    return nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2),  # (B, 1, 28, 28) -> (B, 6, 24, 24) -> (B, 6, 12, 12)
        nn.Conv2d(6, 12, 5), nn.ReLU(), nn.MaxPool2d(2),  # -> (B, 12, 8, 8) -> (B, 12, 4, 4)
        nn.Flatten(),
        nn.Linear(192, 120), nn.ReLU(), nn.Linear(120, 60), nn.ReLU(), nn.Linear(60, 10),
    )  # fmt: skip


def picture(stage, data, image, first, second):
    """image (28, 28); first (6, 24, 24) and second (12, 8, 8): what the convolutions make of it."""
    figure, axes = plt.subplots(3, 7, figsize=(11, 5))
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
    for ax in axes[1:, 0]:
        ax.axis("off")
    axes[0, 0].imshow(image, cmap="gray_r")
    axes[0, 0].set_title(data.classes[data.test_labels[0]], fontsize=9)
    for i, ax in enumerate(axes[0, 1:]):
        ax.imshow(first[i], cmap="gray_r")
        ax.set_title(f"conv1, filter {i}", fontsize=9)
    for i, ax in enumerate(axes[1:, 1:].flat):
        ax.imshow(second[i], cmap="gray_r")
        ax.set_title(f"conv2, filter {i}", fontsize=9)
    figure.tight_layout()
    stage.save(figure, "fashion_cnn")


def confusions(data, guess):
    """The three commonest mistakes: (times, in truth, taken for)."""
    table = np.zeros((10, 10), int)
    np.add.at(table, (data.test_labels, guess), 1)
    np.fill_diagonal(table, 0)
    worst = np.argsort(table, axis=None)[:-4:-1]
    return [(int(table.flat[i]), data.classes[i // 10], data.classes[i % 10]) for i in worst]


def main(argv: Sequence[str] | None = None):
    stage = Stage("fashion_cnn", __doc__, argv)
    data = garments(stage)
    print(data)
    model = stage.build(network)
    print(f"{sum(p.size if stage.side == 'scratch' else p.numel() for p in model.parameters()):,} parameters")
    before = accuracy(stage, model, data.test_images, data.test_labels)
    print(f"test accuracy before training: {before:.2%}")
    optimizer = stage.optimizer("Adam", model, lr=2e-3)
    found = train(stage, model, optimizer, data, epochs=1 if stage.smoke else 10, batch=100)
    for times, truth, taken in confusions(data, stage.predict(model, data.test_images).argmax(axis=1)):
        print(f"{times:4} times a {truth} was taken for a {taken}")
    first, second = (stage.predict(model[:n], data.test_images[:1])[0] for n in (2, 5))  # after ReLU
    picture(stage, data, data.test_images[0, 0], first, second)
    return found


if __name__ == "__main__":
    main()
