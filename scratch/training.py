"""fit: the training loop, and evaluate: the same without learning.

One step is: forget the gradients, forward, loss, backward, update. `fit` does nothing else that could not be written
by hand in ten lines; it adds shuffled mini-batches, averages, a progress bar and a clean end on Ctrl-C.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tqdm import tqdm

from scratch import random
from scratch.data.batches import batches
from scratch.module import Module
from scratch.op import pull
from scratch.optim.lr_scheduler import ReduceLROnPlateau
from scratch.optim.optimizer import Optimizer


def accuracy(prediction, target) -> float:
    """The share of right answers: prediction (N, C, *) scores of C classes, target (N, *) class numbers."""
    return float((prediction.argmax(axis=1) == target).mean())


@dataclass
class History:
    """What `fit` saw.

    rows : one dict per whole epoch: "epoch" (from 1), "loss" and the metrics, averaged over its examples as they were
        met; "validation_loss" and so on, at its end; "lr" of each group during it; "seconds".
    losses : the loss of every step. interrupted : whether Ctrl-C ended it.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    interrupted: bool = False

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, name: str) -> list:
        """One column: history["validation_accuracy"]."""
        return [row[name] for row in self.rows]


def train_step(model: Module, loss: Callable, optimizer: Optimizer, x, y) -> tuple[float, Any]:
    """One step: (loss, prediction), both from before the update.

    The gradient of the data x is not asked for, and what each layer remembered is let go as the backward passes it.
    """

    def closure():
        nonlocal prediction
        optimizer.zero_grad()
        prediction, model_backward = model(x)
        value, loss_backward = loss(prediction, y)
        dprediction = pull(loss_backward, release=True)
        if isinstance(dprediction, tuple):  # the target is differentiable too
            dprediction = dprediction[0]
        pull(model_backward, dprediction, input_grad=False, release=True)
        return float(value)

    prediction = None
    return optimizer.step(closure), prediction


def fit(
    model: Module,
    loss: Callable,
    optimizer: Optimizer,
    train: tuple | Callable[[np.random.Generator], Iterable[tuple]],
    epochs: int,
    batch_size: int = 64,
    *,
    validation: tuple | None = None,
    metrics: Mapping[str, Callable] | Iterable[Callable] = (),
    scheduler=None,
    scheduler_every: str = "epoch",
    rng: np.random.Generator | int | None = None,
    start_epoch: int = 0,
    after_epoch: Callable[[int, History], Any] | None = None,
    history: History | None = None,
    progress: bool | None = None,
) -> History:
    """Train the model; returns the History.

    Parameters
    ----------
    model : the Module. In eval mode, it is put into training mode; parts of a model in training mode stay as they are.
    loss : `loss(prediction, y) -> (value, backward)`: a loss module or function, averaged over the examples.
    optimizer : holds the parameters to update.
    train : arrays (x, y), one example per row, shuffled anew for each epoch; or a function from a generator to an
        epoch's batches (x, y).
    epochs : how many in all; the first one done is `start_epoch`.
    batch_size : examples a step. validation : arrays (x, y), evaluated after each epoch.
    metrics : functions `(prediction, y) -> number`, averages over examples, such as `accuracy`; or {name: function}.
    scheduler : learning-rate scheduler, stepped after each "epoch" or each "step" as `scheduler_every` says;
        ReduceLROnPlateau is given the validation loss, or without validation the loss.
    rng : for shuffling: Generator, None (the shared one), or a seed, which makes each epoch's order a function of seed
        and epoch alone.
    start_epoch, history : to go on where a checkpoint was saved.
    after_epoch : called with the number of epochs done and the history: the place to save; True ends the training.
    progress : show progress bars; default: if stderr is a terminal.

    Ctrl-C ends the training after the step that is under way, and the history of the whole epochs so far is returned
    as usual; a second Ctrl-C stops at once, as without fit.

    Raises ValueError when the arguments do not fit, before anything is changed.
    """
    if scheduler_every not in ("epoch", "step"):
        raise ValueError(f"fit: scheduler_every must be 'epoch' or 'step', but is {scheduler_every!r}")
    for name, data in (("train", train), ("validation", validation)):
        if isinstance(data, tuple) and (len(data) != 2 or len(data[0]) != len(data[1])):
            raise ValueError(f"fit: {name} must be (x, y) with one row per example, but has {[len(a) for a in data]}")
    if batch_size < 1:
        raise ValueError(f"fit: batch_size must be positive, but is {batch_size}")
    metrics = _named(metrics)
    history = History() if history is None else history
    history.interrupted = False
    show = sys.stderr.isatty() if progress is None else progress
    if not model.training:
        model.train()
    with _ctrl_c() as interrupted:
        for epoch in range(start_epoch, epochs):
            began = time.perf_counter()
            row = {"epoch": epoch + 1, "lr": [group["lr"] for group in optimizer.param_groups]}
            bar = tqdm(
                _epoch(train, batch_size, rng, epoch),
                desc=f"epoch {epoch + 1}/{epochs}",
                total=-(-len(train[0]) // batch_size) if isinstance(train, tuple) else None,
                disable=not show,
            )
            with bar:
                average = _Average()
                for x, y in bar:
                    value, prediction = train_step(model, loss, optimizer, x, y)
                    average.add(len(x), {"loss": value, **{k: float(f(prediction, y)) for k, f in metrics.items()}})
                    history.losses.append(value)
                    if scheduler is not None and scheduler_every == "step":
                        scheduler.step()
                    bar.set_postfix(average.means(), refresh=False)
                    if interrupted():
                        break
                row |= average.means()
                if validation is not None and not interrupted():
                    found = evaluate(model, loss, validation, batch_size, metrics, stop=interrupted)
                    row |= {f"validation_{name}": value for name, value in found.items()}
                    bar.set_postfix({k: v for k, v in row.items() if isinstance(v, float)})
            if interrupted():
                history.interrupted = True
                break
            if isinstance(scheduler, ReduceLROnPlateau):
                scheduler.step(row.get("validation_loss", row.get("loss")))
            elif scheduler is not None and scheduler_every == "epoch":
                scheduler.step()
            history.rows.append({**row, "seconds": time.perf_counter() - began})
            if after_epoch is not None and after_epoch(epoch + 1, history) is True:
                break
    return history


def evaluate(
    model: Module,
    loss: Callable | None,
    data: tuple,
    batch_size: int = 256,
    metrics: Mapping[str, Callable] | Iterable[Callable] = (),
    *,
    stop: Callable[[], bool] = lambda: False,
) -> dict[str, float]:
    """{"loss": ..., metric: ...}, averaged over the examples (x, y), in eval mode; afterwards the mode is as before.

    `stop` is asked between batches whether to leave the rest.
    """
    metrics = _named(metrics)
    before = [(module, module.training) for module in model.modules()]
    model.eval()
    average = _Average()
    try:
        for x, y in batches(*data, batch_size, shuffle=False):
            prediction = model.predict(x)
            found = {} if loss is None else {"loss": float(loss(prediction, y)[0])}
            average.add(len(x), {**found, **{name: float(f(prediction, y)) for name, f in metrics.items()}})
            if stop():
                break
    finally:
        for module, training in before:
            module.training = training
    return average.means()


def _epoch(train, batch_size, rng, epoch):
    if isinstance(rng, (int, np.integer)):
        rng = np.random.default_rng([int(rng), epoch])
    rng = random.generator(rng)
    return train(rng) if callable(train) else batches(*train, batch_size, rng=rng)


def _named(metrics) -> dict[str, Callable]:
    return dict(metrics) if isinstance(metrics, Mapping) else {f.__name__: f for f in metrics}


class _Average:
    """Means over examples of numbers that are means over batches."""

    def __init__(self):
        self.examples, self.sums = 0, {}

    def add(self, examples: int, values: dict[str, float]) -> None:
        self.examples += examples
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value * examples

    def means(self) -> dict[str, float]:
        return {name: total / self.examples for name, total in self.sums.items()}


@contextmanager
def _ctrl_c():
    """Inside, the first Ctrl-C only makes the yielded function return True, so that a step is never cut in half."""
    pressed = False
    previous = signal.getsignal(signal.SIGINT)

    def handler(number, frame):
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True

    ours = threading.current_thread() is threading.main_thread() and previous is signal.default_int_handler
    if ours:
        signal.signal(signal.SIGINT, handler)
    try:
        yield lambda: pressed
    finally:
        if ours:
            signal.signal(signal.SIGINT, previous)
