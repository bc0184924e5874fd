"""What the demo found out, as plain values: the report is drawn from this alone."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from benchmarks.record import Row


@dataclass
class Curves:
    """The losses of one training on both sides, step by step, and how fast each side went."""

    dtype: str
    ours: list[float] = field(default_factory=list)
    twin: list[float] = field(default_factory=list)
    our_seconds: float = 0.0
    twin_seconds: float = 0.0
    batch: int = 0

    def difference(self) -> np.ndarray:
        return np.abs(np.array(self.ours) - np.array(self.twin))

    def images_per_second(self) -> tuple[float, float]:
        images = len(self.ours) * self.batch
        return images / max(self.our_seconds, 1e-9), images / max(self.twin_seconds, 1e-9)


@dataclass
class Verdicts:
    """Both networks' answers for the test images."""

    labels: np.ndarray  # (N,)
    ours: np.ndarray  # (N,) predicted classes
    twin: np.ndarray  # (N,)
    confidence: np.ndarray  # (N,) scratch's probability of what it predicts

    def accuracy(self) -> tuple[float, float]:
        return float((self.ours == self.labels).mean()), float((self.twin == self.labels).mean())

    def by_class(self, n: int) -> list[tuple[float, float]]:
        masks = [self.labels == c for c in range(n)]
        return [(float((self.ours[m] == c).mean()), float((self.twin[m] == c).mean())) for c, m in enumerate(masks)]

    def disagreements(self) -> int:
        return int((self.ours != self.twin).sum())


@dataclass
class Worst:
    """The largest differences from autograd of one layer in one dtype: absolute, and in ulps of the largest element."""

    output: float = 0.0
    output_ulps: float = 0.0
    gradient: float = 0.0
    gradient_ulps: float = 0.0
    gradient_name: str = ""
    cases: int = 0


@dataclass
class Sample:
    """One test image on its way through the network: (H, W) and the maps (channels, h, w) after each convolution."""

    image: np.ndarray
    label: str
    stages: list[np.ndarray]


@dataclass
class Story:
    data: str  # the data set in one line
    classes: tuple[str, ...]
    network: str
    machine: dict
    epochs: int
    seed: int
    single: Curves
    double: Curves
    verdicts: Verdicts
    test_images: np.ndarray  # (N, H, W)
    filters: np.ndarray  # (F, R, S) of the first convolution
    samples: list[Sample]
    parity: dict[str, dict[str, Worst]]  # layer -> dtype -> Worst
    speed: list[Row]
    seconds: float = 0.0

    def largest_gradient_difference(self, dtype: str) -> tuple[str, Worst]:
        return max(((name, found[dtype]) for name, found in self.parity.items()), key=lambda item: item[1].gradient)
