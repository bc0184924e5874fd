"""Which rows there are, and measuring them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from tqdm import tqdm

import parity_tests.pairs  # noqa: F401  (fills the registry)
import scratch
from benchmarks import lock, memory, roofline
from benchmarks.aims import aim
from benchmarks.nets import LONG, NETS, OVERHEAD, SCALING, Net
from benchmarks.record import NO_KERNEL, Row
from benchmarks.steps import net_subjects
from benchmarks.subjects import AGAIN, COMPILED, CUPY, KERNELS, SCRATCH, TEXTBOOK, TORCH, chosen, pair_subjects
from benchmarks.timing import ROUNDS, Subject, alternate
from parity_tests.pair import REGISTRY
from scratch.op import Op

SUITES = ("ops", "nets", "memory", "scaling", "overhead", "models", "lock")
DEFAULT = ("ops", "nets", "memory")


@dataclass(frozen=True)
class Entry:
    """A row to be measured. make(dtype, device, names) -> subjects; why_not: the reason why it cannot be."""

    suite: str
    name: str
    make: Callable[..., dict[str, Subject]]
    curve: str = ""
    x: int = 0
    why_not: str = ""


@dataclass(frozen=True)
class How:
    """The settings of a measurement. seconds: for each subject of a row."""

    names: Sequence[str] = chosen()
    dtype: str = "float32"
    device: str = "cpu"
    seconds: float = 0.5
    rounds: int = ROUNDS


def entries(suites: Iterable[str] = SUITES, pattern: str = "", device: str = "cpu") -> list[Entry]:
    """The rows of these suites whose name matches."""
    on_curve = {net.shape for net in LONG}  # measured there, not twice
    short = [net for net in NETS if net.shape not in on_curve]
    nets = {"nets": NETS, "memory": (*short, *LONG), "scaling": SCALING, "overhead": OVERHEAD}
    found: list[Entry] = []
    for suite in suites:
        if suite == "lock":
            aimed = [entry for entry in entries(("ops", "nets")) if aim(entry.name) and device == "cpu"]
            found += [replace(entry, suite=suite) for entry in aimed]
        else:
            found += [_net_entry(suite, net) for net in nets[suite]] if suite in nets else _pairs(suite, device)
    return [entry for entry in found if re.search(pattern, entry.name)]


def _net_entry(suite: str, net: Net) -> Entry:
    return Entry(suite, net.name, lambda *how: net_subjects(net, *how), net.curve, net.x)


def _pairs(suite: str, device: str) -> Iterator[Entry]:
    """Every pair's sizes: of layers ("ops"), or of the networks in scratch.models."""
    for pair in REGISTRY.values():
        if (suite == "models") != hasattr(scratch.models, pair.name):
            continue
        reason = f"not on a GPU: {pair.device}" if device == "cuda" and pair.device is not True else ""
        for size, case in pair.sizes.items():
            make = lambda *how, pair=pair, case=case: pair_subjects(pair, case, *how)  # noqa: E731
            yield Entry(suite, f"{pair.name}: {size}", make, why_not=reason)


def rows(found: Sequence[Entry], how: How) -> Iterator[Row]:
    """Measure these rows one after the other."""
    with tqdm(found, leave=False, disable=None, unit="row") as bar:
        for entry in bar:
            bar.set_description(f"{entry.suite}: {entry.name}")
            special = {"memory": measure_memory, "lock": lock.measure} if how.device == "cpu" else {}
            row = special.get(entry.suite, measure)(entry, how)
            row.suite, row.curve, row.x = entry.suite, entry.curve, entry.x
            yield row


def measure(entry: Entry, how: How) -> Row:
    """Times and peak memory of every subject that runs; the reason for every one that does not."""
    row = Row(entry.name, suite=entry.suite)
    subjects: dict[str, Subject] = {}
    for name in how.names:
        if entry.why_not and name in SCRATCH:
            row.notes[name] = entry.why_not
            continue
        try:
            subject = entry.make(how.dtype, how.device, [name])[name]
            with subject.around(), _kernels_taken() as taken:
                subject.run()
        except Exception as failure:  # a benchmark goes on: the row says what happened
            row.notes[name] = _reason(failure)
            if name == COMPILED:
                torch._dynamo.reset()
            continue
        if name == KERNELS and not taken:
            row.notes[name] = NO_KERNEL
            if TEXTBOOK in subjects:
                continue
            name = TEXTBOOK
        subjects[name] = subject
    if not subjects:
        return row
    timing = alternate(subjects, how.seconds, rounds=how.rounds)
    row.times, row.disturbed = timing.phases, timing.disturbed
    for name, subject in subjects.items():
        if name != AGAIN:
            row.memory[name] = memory.peak(subject)
    if TORCH in subjects and entry.suite in ("ops", "nets"):
        row.flops, row.traffic = roofline.flops(subjects[TORCH]), subjects[TORCH].traffic
    return row


def measure_memory(entry: Entry, how: How) -> Row:
    """Peak memory of every subject, each in a fresh process."""
    row = Row(entry.name, suite=entry.suite)
    for name in how.names:
        if name in (AGAIN, COMPILED, CUPY):
            continue
        try:
            found = memory.fresh(entry.name, name, how.dtype, scratch.num_threads())
        except Exception as failure:
            row.notes[name] = _reason(failure)
            continue
        row.memory[name] = found["asked"]
        if "resident" in found:
            row.resident[name] = found["resident"]
    return row


def _reason(failure: Exception) -> str:
    words = (str(failure).strip().splitlines() or [""])[0]
    return f"{type(failure).__name__}: {words}"[:200]


@contextmanager
def _kernels_taken():
    """The names of the ops that ran on a kernel within."""
    taken, choose = set(), Op._choose

    def watched(self, values, options):
        found = choose(self, values, options)
        if found is not self._textbook:
            taken.add(self.__name__)
        return found

    Op._choose = watched
    try:
        yield taken
    finally:
        Op._choose = choose
