"""docs/speed.md: every row of the measurements that README.md sums up, with aims and the reason for each miss."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from benchmarks import lock
from benchmarks import machine as machines
from benchmarks.aims import aim, reason
from benchmarks.floors import floor
from benchmarks.record import Record, Row, geometric_mean
from benchmarks.subjects import TEXTBOOK, TORCH
from benchmarks.table import AIMED, above_noise, megabytes, seconds, slopes, summary, threads

PAGE = "docs/speed.md"
HEAD = """\
# Speed and memory, row by row

Written by `python -m benchmarks --readme {files}`; [how to measure](../README.md#speed). The HTML report
(`--html`) says how it is measured and what would make it lie; the JSON files hold every figure.

A step is forward and backward with all gradients, for networks the optimizer too. Times are medians; a ratio is
scratch's over PyTorch's, below 1 scratch needs less; its aim is what was reached where the algorithm was worked out on
its own. Where a row misses its aim, or takes more than twice PyTorch's time, stand the reason and, where it was counted
(`benchmarks/floors.py`), the floor: the ratio that would be left if the kernel's passes over blocks in cache, or its
products, were all that it does. On a GPU: not yet measured.
"""


COLUMNS = "Scratch", "PyTorch", "ratio", "aim", "floor", "textbook", "memory", "ratio", "why"


def write(records: Sequence[Record], files: Sequence[str], root: Path) -> None:
    """The first record in full; of further ones the networks, the sums, and models."""
    first, *others = records
    parts = [HEAD.format(files=" ".join(files)), _conditions(first)]
    parts += [_times("Networks", first, "nets"), _times("Layers", first, "ops")]
    parts += [_memory(first.suite("memory")), _scaling(first.suite("scaling")), _lock(first)]
    parts += [_times("Models", first, "models"), _times("Tiny inputs", first, "overhead")]
    for record in others:
        parts += [_conditions(record), _times("Networks", record, "nets"), _misses(record)]
        parts.append(_times("Models", record, "models"))
    page = root / PAGE
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("\n".join(filter(None, parts)), encoding="utf-8")


def _conditions(record: Record) -> str:
    settings = record.settings
    lines = "\n".join(f"- {line}" for line in machines.lines(record.machine))
    return f"## {threads(settings['threads'])}, {settings['dtype']}\n\n{lines}\n"


def _times(title: str, record: Record, suite: str) -> str:
    rows = record.suite(suite)
    if not rows:
        return ""
    lines = "\n".join(_line(row, record) for row in rows)
    return f"### {title}\n\n{_head('step', *COLUMNS)}{lines}\n\n{_sums(rows, record)}\n"


def _sums(rows: Sequence[Row], record: Record) -> str:
    lines = [line for line in summary(rows) if "[" not in line]
    counted = [(lowest, row) for row in rows if (lowest := floor(row, record)) and row.ratio(row.best)]
    if counted:
        floors = geometric_mean([lowest / row.spread(TORCH).median for lowest, row in counted])
        ours = geometric_mean([row.ratio(row.best) for _, row in counted])
        lines.append(f"floors / torch: geometric mean {floors:.2f} over {len(counted)} rows; scratch there {ours:.2f}")
        timed = [row for row in rows if row.ratio(row.best)]
        best = geometric_mean([_at_floor(row, record) for row in timed])
        lines.append(f"if each of these rows were at its floor: geometric mean {best:.2f} over all {len(timed)} rows")
    return "\n".join(f"- {line}" for line in lines)


def _at_floor(row: Row, record: Record) -> float:
    """The row's ratio if the kernel took no longer than its floor, where that was counted."""
    return min(row.ratio(row.best), (floor(row, record) or math.inf) / row.spread(TORCH).median)


def _misses(record: Record) -> str:
    """Only the layers that miss their aim or take more than twice as long, under the sums of all."""
    rows = record.suite("ops")
    if not rows:
        return ""
    some = [row for row in rows if missed(row)]
    return (
        f"### Layers behind their aim\n\n{_head('step', *COLUMNS)}"
        + "\n".join(_line(row, record) for row in some)
        + f"\n\nAll layers:\n\n{_sums(rows, record)}\n"
    )


def missed(row: Row) -> bool:
    """Whether a row is behind its aim, or takes more than twice PyTorch's time."""
    ratio = row.ratio(row.best)
    target = (aim(row.name) if row.suite in AIMED else None) or 2.0
    return ratio is not None and ratio > target


def _line(row: Row, record: Record) -> str:
    lowest, theirs = floor(row, record), row.spread(TORCH)
    target = aim(row.name) if row.suite in AIMED else None
    times = [seconds(spread.median) if (spread := row.spread(name)) else "–" for name in (row.best, TORCH)]
    cells = [
        row.name,
        *times,
        _ratio(row.ratio(row.best)),
        "" if target is None else f"{target:g}",
        _ratio(lowest / theirs.median if lowest and theirs and missed(row) else None),
        _ratio(row.ratio(TEXTBOOK)) if row.best != TEXTBOOK else "",
        megabytes(row.memory.get(row.best)),
        _ratio(row.memory_ratio(row.best)),
        reason(row.name) if missed(row) else "",
    ]
    return f"| {' | '.join(cells)} |"


def _head(*names: str) -> str:
    """The first two lines of a table; what is not the first or called `why` is a number."""
    align = ("--:" if i and name != "why" else "---" for i, name in enumerate(names))
    return f"| {' | '.join(names)} |\n|{'|'.join(align)}|\n"


def _ratio(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}"


def _memory(rows: list[Row]) -> str:
    if not rows:
        return ""
    lines = []
    for row in rows:
        pages = [above_noise(row.resident.get(name)) for name in (row.best, TORCH)]
        asked = [megabytes(row.memory.get(name)) for name in (row.best, TORCH)]
        share = _ratio(pages[0] / pages[1]) if all(pages) else ""
        lines.append(
            f"| {' | '.join([row.name, *asked, _ratio(row.memory_ratio(row.best)), *map(megabytes, pages), share])} |"
        )
    head = _head("asked for at a step's peak", "Scratch", "PyTorch", "ratio", "resident: Scratch", "PyTorch", "ratio")
    return f"### Peak memory, each in a fresh process\n\n{head}" + "\n".join(lines) + "\n"


def _scaling(rows: list[Row]) -> str:
    if not rows:
        return ""
    lines = "\n".join(f"- {line}" for line in slopes(rows))
    return f"### How it grows: exponents over the last three points of each curve\n\n{lines}\n"


def _lock(record: Record) -> str:
    rows, n = record.suite("lock"), record.settings["threads"]
    if not rows:
        return ""
    lines = [
        f"| {' | '.join((row.name, *map(_ratio, gain)))} |" for row in rows if (gain := lock.gains(row, n)) is not None
    ]
    head = _head("step", f"{n} threads", f"{n} processes", f"PyTorch, {n} threads", "ratio", "ratio without the lock")
    sums = "\n".join(f"- {line}" for line in lock.summary(rows, n))
    return (
        f"### What the interpreter lock costs: the work of {n} threads over that of one\n\n"
        f"{n} processes side by side share the machine, but not the interpreter. Were its lock to cost nothing,\n"
        "threads would gain as much as they; the last column is what would then be left of the ratio to PyTorch.\n\n"
        f"{head}" + "\n".join(lines) + f"\n\n{sums}\n"
    )
