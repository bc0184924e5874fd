"""Which rows there are, and measuring them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

import torch
from tqdm import tqdm

import parity_tests.pairs  # noqa: F401  (fills the registry)
from benchmarks import memory
from benchmarks.nets import NETS, net_subjects
from benchmarks.record import Row
from benchmarks.subjects import COMPILED, pair_subjects
from benchmarks.timing import Subject, alternate
from parity_tests.pair import REGISTRY


def all_rows() -> dict[str, Callable[..., dict[str, Subject]]]:
    """Row name -> what makes its subjects from (dtype, device, compiled): whole networks, then every pair's sizes."""
    found: dict[str, Callable] = {}
    for net in NETS:
        if net.available():
            found[net.name] = lambda *how, net=net: net_subjects(net, *how)
    for pair in REGISTRY.values():
        for size, case in pair.sizes.items():
            found[f"{pair.name}: {size}"] = lambda *how, pair=pair, case=case: pair_subjects(pair, case, *how)
    return found


def selected(pattern: re.Pattern, device: str = "cpu") -> list[str]:
    """Names of the rows that match and can run on this device."""
    names = [name for name in all_rows() if pattern.search(name)]
    if device == "cuda":
        on_device = {pair.name for pair in REGISTRY.values() if pair.device is True}
        names = [name for name in names if ": " not in name or name.split(": ")[0] in on_device]
    return names


def rows(names: Iterable[str], dtype="float32", device="cpu", seconds=1.0, compiled=False) -> Iterator[Row]:
    """Measure these rows one after the other."""
    makers, bar = all_rows(), tqdm(list(names), leave=False, disable=None)
    for name in bar:
        bar.set_description(name)
        yield measure(name, makers[name](dtype, device, compiled), seconds)


def measure(name: str, subjects: dict[str, Subject], seconds: float) -> Row:
    notes = {}
    if COMPILED in subjects:
        try:
            subjects[COMPILED].run()
        except Exception as refusal:  # no compiler on this machine, or an op it cannot compile
            del subjects[COMPILED]
            notes[COMPILED] = type(refusal).__name__
            torch._dynamo.reset()
    timing = alternate(subjects, seconds)
    peaks = {n: memory.peak(s) for n, s in subjects.items() if n.split()[-1] != "again"}
    return Row(name, timing.phases, peaks, timing.disturbed, notes)
