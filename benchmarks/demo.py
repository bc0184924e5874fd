"""python -m benchmarks.demo: train a convolutional network in scratch and in PyTorch side by side; write the report.

The same weights, the same batches, the same number of threads. Then: both test accuracies, every layer's largest
difference from autograd, times of a few layers, a float64 training whose two loss curves coincide, and
report/index.html with all of it.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

import parity_tests.pairs  # noqa: F401  (fills the registry)
import scratch
from benchmarks import machine as machines
from benchmarks import parity, report, table, training
from benchmarks.nets import lenet, lenet_8x8, twins
from benchmarks.run import How, entries, measure
from benchmarks.story import Curves, Sample, Story, Verdicts
from benchmarks.terminal import Screen, parity_summary, parity_table
from parity_tests.pair import REGISTRY

BATCH, LR = 100, 0.05
DOUBLE_STEPS = 300
SPEED = (  # rows of `python -m benchmarks`, by the beginning of their name; the first of each
    "LeNet",
    "MLP 784",
    "tiny MLP",
    "Conv2d",
    "MaxPool2d",
    "ReLU",
    "Linear",
    "BatchNorm2d",
    "CrossEntropyLoss",
    "Softmax",
    "Embedding",
    "MultiheadAttention",
    "LSTM",
)


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.demo", description=__doc__.split("\n\n")[0])
    parser.add_argument("--epochs", type=int, help="over the training set (default: 4; of the small digits 20)")
    parser.add_argument("--data", choices=("fashion-mnist", "digits"), help="default: FashionMNIST where it is found")
    parser.add_argument("--threads", type=int, help="on both sides (default: OMP_NUM_THREADS, or all cores)")
    parser.add_argument("--seed", type=int, default=0, help="of the weights and the order of the images")
    parser.add_argument("--out", type=Path, default=Path("report/index.html"), help="the report (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="a smoke test: a few steps, a few layers")
    return parser.parse_args(argv)


def main(argv: Sequence[str] = ()) -> Story:
    chosen = arguments(argv)
    start, screen = time.perf_counter(), Screen(table.console())
    machines.set_threads(chosen.threads)
    machine = machines.describe()
    for line in machines.lines(machine):
        screen.note(f"[dim]{line}[/dim]")
    for warning in machines.warnings(machine):
        screen.note(f"[yellow]warning: {warning}[/yellow]")
    data = scratch.data.load(chosen.data)
    small = data.train_images.shape[-1] < 28
    epochs = chosen.epochs or (20 if small else 4)
    build = lenet_8x8 if small else lenet
    screen.note(f"\n{data}")

    raw, data = data, _normalised(data)

    screen.heading("Training in float32, both sides in turns")
    ours, twin = _sides(build, "float32", chosen.seed)
    screen.note(repr(ours.net))
    single = _train(screen, ours, twin, data, "float32", epochs, 10 if chosen.quick else None, chosen.seed)
    few = slice(200 if chosen.quick else None)
    verdicts = training.judge(ours, twin, data.test_images[few], data.test_labels[few])
    accuracy, twin_accuracy = verdicts.accuracy()
    screen.note(f"  test accuracy: scratch {accuracy:.2%}, PyTorch {twin_accuracy:.2%}")

    screen.heading("The same in float64")
    sides = _sides(build, "float64", chosen.seed)
    double = _train(screen, *sides, data, "float64", epochs, 10 if chosen.quick else DOUBLE_STEPS, chosen.seed)
    screen.note(f"  the losses of {len(double.ours)} steps differ by {double.difference().max():.1e} at most")

    screen.heading("Every layer against autograd")
    worst = _survey(screen, chosen.quick)
    screen.console.print(parity_table(worst))
    screen.note(parity_summary(worst))

    screen.heading("Speed")
    speed = _speed(screen, chosen.quick)
    screen.console.print(table.build(speed))

    story = Story(
        data=repr(raw),
        classes=data.classes,
        network=repr(ours.net),
        machine=machine,
        epochs=epochs,
        seed=chosen.seed,
        single=single,
        double=double,
        verdicts=verdicts,
        test_images=raw.test_images[:, 0],
        filters=ours.net[0].weight.data[:, 0],
        samples=_samples(ours.net, data, raw, verdicts),
        parity=worst,
        speed=speed,
        seconds=time.perf_counter() - start,
    )
    report.write(story, chosen.out)
    _closing(screen, story, chosen.out)
    return story


def _normalised(data):
    """Pixels with mean 0 and standard deviation 1 over the training images."""
    mean, deviation = data.train_images.mean(), data.train_images.std()
    train, test = ((images - mean) / deviation for images in (data.train_images, data.test_images))
    return replace(data, train_images=train, test_images=test)


def _sides(build, dtype: str, seed: int):
    ours, twin = twins(build, dtype, seed)
    return training.ScratchSide(ours), training.TorchSide(twin)


def _train(screen, ours, twin, data, dtype, epochs, steps, seed) -> Curves:
    curves = Curves(dtype, batch=min(BATCH, len(data.train_images)))
    total = training.planned_steps(data, curves.batch, epochs, steps)
    with screen.training(curves, total) as update:
        for done in training.train(ours, twin, data, curves, epochs, steps, LR, seed):
            update(done)
    return curves


def _survey(screen: Screen, quick: bool):
    pairs = list(REGISTRY.values())
    if quick:
        pairs = [REGISTRY[name] for name in ("Linear", "linear", "Conv2d", "ReLU") if name in REGISTRY]
    with contextlib.ExitStack() as stack:
        show = lambda name: None  # noqa: E731
        if screen.console.is_terminal:
            status = stack.enter_context(screen.console.status("starting"))
            show = status.update
        return parity.survey(pairs, cases=2 if quick else 8, seconds=30, progress=show)


def _speed(screen: Screen, quick: bool):
    found, rows = entries(("nets", "ops")), []
    how = How(seconds=0.02, rounds=1) if quick else How(seconds=0.4)
    for start in SPEED[:1] if quick else SPEED:
        entry = next((e for e in found if e.name.startswith((start + ":", start + ",", start + " "))), None)
        if entry is not None:
            rows.append(measure(entry, how))
    return rows


def _samples(net, data, raw, verdicts: Verdicts, n: int = 4) -> list[Sample]:
    """The first n test images of different classes that are classified right, with their feature maps."""
    chosen: dict[int, int] = {}
    for i in np.flatnonzero(verdicts.ours == verdicts.labels):
        if len(chosen) < n:
            chosen.setdefault(int(verdicts.labels[i]), int(i))
    samples = []
    for label, i in chosen.items():
        image = data.test_images[i : i + 1]
        stages = [net[:2].predict(image)[0], net[:5].predict(image)[0]]  # after either convolution's ReLU
        samples.append(Sample(raw.test_images[i, 0], data.classes[label], stages))
    return samples


def _closing(screen: Screen, story: Story, path: Path) -> None:
    accuracy, twin_accuracy = story.verdicts.accuracy()
    speed, twin_speed = story.single.images_per_second()
    screen.heading("In short")
    screen.note(f"test accuracy: scratch {accuracy:.2%}, PyTorch {twin_accuracy:.2%}")
    screen.note(f"images a second: scratch {speed:,.0f}, PyTorch {twin_speed:,.0f}")
    screen.note(
        f"float64 losses differ by {story.double.difference().max():.1e} at most in {len(story.double.ours)} steps"
    )
    for dtype in parity.DTYPES:
        name, found = story.largest_gradient_difference(dtype)
        screen.note(
            f"largest gradient difference from autograd, {len(story.parity)} layers and functions, {dtype}: "
            f"{found.gradient:.1e} ({name}, {found.gradient_name})"
        )
    screen.note(f"report: {path.resolve()} ({path.stat().st_size / 1024:.0f} KB), after {story.seconds:.0f} s")


if __name__ == "__main__":
    machines.restart_with_allocator("benchmarks.demo", sys.argv[1:])
    main(sys.argv[1:])
