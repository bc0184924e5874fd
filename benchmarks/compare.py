"""python -m benchmarks compare BEFORE.json AFTER.json: what has become faster, slower, larger, smaller.

A time has changed when a Mann-Whitney test over the medians of its turns says so, and the medians are more than 5%
apart. Hundreds of times are compared at once, so the tests' p-values are adjusted (Benjamini-Hochberg): of what is
reported as changed, one in twenty is expected to be chance. That speaks of the turns of two processes only; the next
process may have other luck with its memory. torch's own change between the two files is shown beside it: where torch
has moved too, it was the machine.
"""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from scipy.stats import false_discovery_control, mannwhitneyu

from benchmarks.record import Record, Row, geometric_mean
from benchmarks.subjects import TEXTBOOK, TORCH
from benchmarks.table import megabytes, seconds
from benchmarks.timing import Spread

SMALLEST = 0.05  # a change of less is none
MACHINE_KEYS = ("cpu", "cores", "numpy", "blas", "blas_core", "kernel_threads", "torch", "torch_threads", "allocator")


CHANCE = 0.05  # share of false alarms among what is reported
SCRATCH = "scratch"  # what users get: the kernel, or the textbook where there is none


@dataclass
class Change:
    """One time or peak memory before and after; `factor` is after / before, `machine` is torch's own factor."""

    row: str
    what: str
    subject: str
    before: str
    after: str
    factor: float
    p: float | None = None  # adjusted; None for memory
    machine: float = 1.0

    @property
    def verdict(self) -> str:
        if abs(self.factor - 1) < SMALLEST or (self.p is not None and self.p > CHANCE):
            return "no change"
        words = ("smaller", "larger") if self.p is None else ("faster", "slower")
        return words[self.factor > 1]


def chance(before: Spread, after: Spread) -> float:
    """The p-value of the turns of both coming from one distribution; at least 4 turns each are needed to tell."""
    if min(len(before.turns), len(after.turns)) < 4:
        return 1.0
    return float(mannwhitneyu(before.turns, after.turns).pvalue)


def changes(before: Record, after: Record) -> list[Change]:
    """Every time and every peak memory of scratch that is in both."""
    old, found = {(row.suite, row.name): row for row in before.rows}, []
    for new in after.rows:
        row = old.get((new.suite, new.name))
        if row is not None:
            found += [*_times(row, new), *_memory(row, new)]
    tested = [c for c in found if c.p is not None]
    if tested:
        for c, p in zip(tested, false_discovery_control([c.p for c in tested])):
            c.p = float(p)
    return found


def _subjects(row: Row, new: Row) -> dict[str, tuple[str, str]]:
    """Name -> what was measured under it before and after."""
    found = {SCRATCH: (row.best, new.best)}
    return found if TEXTBOOK in found[SCRATCH] else found | {TEXTBOOK: (TEXTBOOK, TEXTBOOK)}


def _times(row: Row, new: Row):
    for phase in new.times:
        a, b = row.spread(TORCH, phase), new.spread(TORCH, phase)
        machine = b.median / a.median if a and b else 1.0
        for name, (was, now) in _subjects(row, new).items():
            a, b = row.spread(was, phase), new.spread(now, phase)
            if a and b:
                cells = seconds(a.median), seconds(b.median)
                yield Change(new.name, phase, name, *cells, b.median / a.median, chance(a, b), machine)


def _memory(row: Row, new: Row):
    for name, (was, now) in _subjects(row, new).items():
        a, b = row.memory.get(was), new.memory.get(now)
        if a and b:
            yield Change(new.name, "peak memory", name, megabytes(a), megabytes(b), b / a)


def build(found: list[Change]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, justify in (("", "left"), ("", "left"), ("", "left"), ("before", "right"), ("after", "right")):
        table.add_column(name, justify=justify, no_wrap=True)
    table.add_column("change", justify="right")
    table.add_column("torch's own", justify="right")
    table.add_column("p", justify="right")
    table.add_column("")
    for c in found:
        colour = {"faster": "green", "smaller": "green", "slower": "red", "larger": "red"}.get(c.verdict, "dim")
        own, p = ("", "") if c.p is None else (f"×{c.machine:.2f}", f"{c.p:.2g}")
        verdict = f"[{colour}]{c.verdict}[/{colour}]"
        table.add_row(c.row, c.what, c.subject, c.before, c.after, f"×{c.factor:.2f}", own, p, verdict)
    return table


def show(before: Record, after: Record, out: Console, everything: bool = False) -> list[Change]:
    """Print what has changed, and a line on the rest; returns all."""
    for key in MACHINE_KEYS:
        if before.machine.get(key) != after.machine.get(key):
            out.print(f"[yellow]{key}: {before.machine.get(key)} before, {after.machine.get(key)} after[/yellow]")
    if before.settings != after.settings:
        out.print(f"[yellow]settings: {before.settings} before, {after.settings} after[/yellow]")
    found = changes(before, after)
    changed = [c for c in found if c.verdict != "no change"]
    if found and (everything or changed):
        out.print(build(found if everything else changed))
    out.print(f"{len(changed)} changed, {len(found) - len(changed)} did not.", highlight=False)
    names = tuple({f"{row.suite} {row.name}" for row in record.rows if not row.failed} for record in (before, after))
    for only, when in ((names[0] - names[1], "before"), (names[1] - names[0], "after")):
        if only:
            out.print(f"[dim]only {when}: {', '.join(sorted(only))}[/dim]", highlight=False)
    steps = [c for c in found if c.what == "step" and c.subject == SCRATCH]
    if steps:
        mean = geometric_mean(c.factor / c.machine for c in steps)
        out.print(f"step, over torch's own change: geometric mean ×{mean:.2f} over {len(steps)}", highlight=False)
    return found
