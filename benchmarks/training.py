"""Training the same network on both sides: the same weights, the same batches in the same order, taking turns.

The two sides' thread pools would fight over the cores if they changed places at every step. So each side does a chunk
of steps alone; before it, a pause in which the other's threads fall asleep and a forward that wakes its own, neither of
them counted.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice

import numpy as np
import torch

import scratch
import scratch.optim
from benchmarks.story import Curves, Verdicts
from benchmarks.timing import settle

MOMENTUM = 0.9


class ScratchSide:
    def __init__(self, net):
        self.net = net
        self.optimizer = scratch.optim.SGD(net.parameters(), lr=0.0, momentum=MOMENTUM)

    def step(self, x, y) -> float:
        self.optimizer.zero_grad()
        logits, backward = self.net(x)
        loss, loss_backward = scratch.functional.cross_entropy(logits, y)
        scratch.pull(backward, loss_backward(), input_grad=False, release=True)
        self.optimizer.step()
        return float(loss)

    def predict(self, x) -> np.ndarray:
        return self.net.predict(x)


class TorchSide:
    def __init__(self, net):
        self.net = net
        self.optimizer = torch.optim.SGD(net.parameters(), lr=0.0, momentum=MOMENTUM)

    def step(self, x, y) -> float:
        self.optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(self.net(torch.from_numpy(x)), torch.from_numpy(y))
        loss.backward()
        self.optimizer.step()
        return float(loss.detach())

    @torch.no_grad()
    def predict(self, x) -> np.ndarray:
        return self.net(torch.from_numpy(x)).numpy()


def train(
    ours: ScratchSide,
    twin: TorchSide,
    data,
    curves: Curves,
    epochs: int,
    steps: int | None,
    lr: float,
    seed: int,
    chunk=50,
) -> Iterator[int]:
    """Train both sides and note it all in `curves`; yields the number of steps done after every chunk.

    The learning rate falls in a straight line to 0. `steps` cuts the training short.
    """
    total = planned_steps(data, curves.batch, epochs, steps)
    stream = islice(_batches(data, curves.batch, epochs, seed, curves.dtype), total)
    done, ours_first = 0, True
    while batches := list(islice(stream, chunk)):
        rates = [lr * (1 - (done + i) / total) for i in range(len(batches))]
        for our_turn in (ours_first, not ours_first):
            losses, seconds = _chunk(ours if our_turn else twin, batches, rates)
            if our_turn:
                curves.ours += losses
                curves.our_seconds += seconds
            else:
                curves.twin += losses
                curves.twin_seconds += seconds
        ours_first = not ours_first
        done += len(batches)
        yield done


def planned_steps(data, batch: int, epochs: int, steps: int | None = None) -> int:
    planned = epochs * (len(data.train_images) // batch)
    return planned if steps is None else min(planned, steps)


def _batches(data, size: int, epochs: int, seed: int, dtype: str):
    rng = np.random.default_rng(seed)
    for _ in range(epochs):
        for x, y in scratch.data.batches(data.train_images, data.train_labels, size, rng=rng, drop_last=True):
            yield x.astype(dtype, copy=False), y


def _chunk(side, batches, rates) -> tuple[list[float], float]:
    settle()
    side.predict(batches[0][0])
    start, losses = time.perf_counter(), []
    for (x, y), rate in zip(batches, rates):
        for group in side.optimizer.param_groups:
            group["lr"] = rate
        losses.append(side.step(x, y))
    return losses, time.perf_counter() - start


def judge(ours: ScratchSide, twin: TorchSide, images, labels, size: int = 500) -> Verdicts:
    """Both sides' answers for these images."""
    logits = np.concatenate([ours.predict(images[i : i + size]) for i in range(0, len(images), size)])
    others = np.concatenate([twin.predict(images[i : i + size]) for i in range(0, len(images), size)])
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    confidence = (exponentials / exponentials.sum(axis=1, keepdims=True)).max(axis=1)
    return Verdicts(np.asarray(labels), logits.argmax(axis=1), others.argmax(axis=1), confidence)
