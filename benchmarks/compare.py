"""python -m benchmarks compare BEFORE.json AFTER.json: what has become faster, slower, larger, smaller.

A time has changed when the ranges from the 20th to the 80th percentile do not overlap and the medians are more than 5%
apart. torch's own change between the two files is shown beside it: where torch has moved too, it was the machine.
"""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from benchmarks.record import Record, geometric_mean
from benchmarks.subjects import AGAIN, TORCH
from benchmarks.table import megabytes, seconds
from benchmarks.timing import Spread

SMALLEST = 0.05  # a change of less is none
MACHINE_KEYS = ("cpu", "cores", "numpy", "blas", "blas_core", "kernel_threads", "torch", "torch_threads", "allocator")


@dataclass
class Change:
    """One time or peak memory before and after; `factor` is after / before, `machine` is torch's own factor."""

    row: str
    what: str
    subject: str
    before: str
    after: str
    factor: float
    verdict: str
    machine: float = 1.0


def verdict(before: Spread, after: Spread) -> str:
    """ "faster", "slower" or "no change"."""
    overlap = before.q20 <= after.q80 and after.q20 <= before.q80
    factor = after.median / before.median
    if overlap or abs(factor - 1) < SMALLEST:
        return "no change"
    return "faster" if factor < 1 else "slower"


def changes(before: Record, after: Record) -> list[Change]:
    """Every time and every peak memory of scratch that is in both."""
    old, found = {row.name: row for row in before.rows}, []
    for new in after.rows:
        if new.name not in old:
            continue
        row = old[new.name]
        for phase, times in new.times.items():
            was = row.times.get(phase, {})
            machine = times[TORCH].median / was[TORCH].median if TORCH in times and TORCH in was else 1.0
            for subject in times:
                if subject in was and subject not in (TORCH, AGAIN):
                    a, b = was[subject], times[subject]
                    factor = b.median / a.median
                    cells = seconds(a.median), seconds(b.median)
                    found.append(Change(new.name, phase, subject, *cells, factor, verdict(a, b), machine))
        for subject, b in new.memory.items():
            a = row.memory.get(subject, 0)
            if a and subject != TORCH:
                factor = b / a
                judged = "no change" if abs(factor - 1) < SMALLEST else "smaller" if factor < 1 else "larger"
                found.append(Change(new.name, "peak memory", subject, megabytes(a), megabytes(b), factor, judged))
    return found


def build(found: list[Change]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, justify in (("", "left"), ("", "left"), ("", "left"), ("before", "right"), ("after", "right")):
        table.add_column(name, justify=justify, no_wrap=True)
    table.add_column("change", justify="right")
    table.add_column("torch's own", justify="right")
    table.add_column("")
    for c in found:
        colour = {"faster": "green", "smaller": "green", "slower": "red", "larger": "red"}.get(c.verdict, "dim")
        own = "" if c.what == "peak memory" else f"×{c.machine:.2f}"
        table.add_row(
            c.row, c.what, c.subject, c.before, c.after, f"×{c.factor:.2f}", own, f"[{colour}]{c.verdict}[/{colour}]"
        )
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
    names = {row.name for row in before.rows}, {row.name for row in after.rows}
    for only, when in ((names[0] - names[1], "before"), (names[1] - names[0], "after")):
        if only:
            out.print(f"[dim]only {when}: {', '.join(sorted(only))}[/dim]", highlight=False)
    steps = [c for c in found if c.what == "step"]
    if steps:
        mean = geometric_mean(c.factor / c.machine for c in steps)
        out.print(f"step, over torch's own change: geometric mean ×{mean:.2f} over {len(steps)}", highlight=False)
    return found
