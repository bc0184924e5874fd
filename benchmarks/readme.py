"""README.md's table of speed and its chart, between the marks <!-- speed --> and <!-- /speed -->."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks import chart
from benchmarks import machine as machines
from benchmarks import page as full
from benchmarks.record import Record, Row, geometric_mean
from benchmarks.subjects import AGAIN, TEXTBOOK, TORCH
from benchmarks.table import megabytes, seconds, threads

ROOT = Path(__file__).resolve().parent.parent
START, END = "<!-- speed -->", "<!-- /speed -->"
IMAGE = "docs/images/speed.png"


def write(records: Sequence[Record], files: Sequence[str], root: Path = ROOT) -> None:
    """The first record is shown in full; of further ones (another machine, other settings) a line each.

    docs/speed.md, with every row, is written too.
    """
    page, image = root / "README.md", root / IMAGE
    before, _, rest = page.read_text(encoding="utf-8").partition(START)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"{page} has no place between {START} and {END}")
    image.parent.mkdir(parents=True, exist_ok=True)
    chart.draw(records[0], image)
    page.write_text(f"{before}{START}\n{section(records)}\n{END}{after}", encoding="utf-8")
    full.write(records, files, root)


def section(records: Sequence[Record]) -> str:
    """Markdown: geometric means of each record, the networks of the first, the chart."""
    lines = [
        "Scratch's time (memory) for a step over PyTorch's, geometric means; below 1 Scratch needs less. PyTorch "
        "beside itself is the control.",
        "",
        "| | layers | networks | tiny inputs | textbook code, layers | peak memory, networks | control |",
        "|---|--:|--:|--:|--:|--:|--:|",
        *(_means(record) for record in records if record.suite("ops") or record.suite("nets")),
        "",
        f"Measured on {machines.short(records[0].machine)}:",
        "",
        "| training step | Scratch | memory | PyTorch | memory | time |",
        "|---|--:|--:|--:|--:|--:|",
        *map(_net, records[0].suite("nets")),
        "",
        f"![Time of a step in Scratch over PyTorch's, layer by layer]({IMAGE})",
        "",
        f"[Every row, with its aim and the reason for each miss]({full.PAGE}). On a GPU: not yet measured.",
    ]
    return "\n".join(lines)


def _means(record: Record) -> str:
    nets, ops = record.suite("nets"), record.suite("ops")
    cells = [
        _mean(row.ratio(row.best) for row in ops),
        _mean(row.ratio(row.best) for row in nets),
        _mean(row.ratio(row.best) for row in record.suite("overhead")),
        _mean(row.ratio(TEXTBOOK) for row in ops),
        _mean(row.memory_ratio(row.best) for row in nets),
        _mean(row.ratio(AGAIN) for row in (*ops, *nets)),
    ]
    machine, settings = record.machine, record.settings
    name = machine.get("gpu") or machine["cpu"]
    on = "" if settings["device"] == "cuda" else f", {threads(settings['threads'])}"
    allocator = "" if machine["allocator"] or settings["device"] == "cuda" else ", default allocator"
    alone = "" if ops else ", these suites alone"
    return f"| {name}, {settings['dtype']}{on}{allocator}{alone} | {' | '.join(cells)} |"


def _mean(ratios) -> str:
    found = [r for r in ratios if r is not None]
    return f"{geometric_mean(found):.2f}" if found else "–"


def _net(row: Row) -> str:
    cells = []
    for name in (row.best, TORCH):
        spread = row.spread(name)
        cells += [seconds(spread.median) if spread else "–", megabytes(row.memory.get(name)) or "–"]
    ratio = row.ratio(row.best)
    return f"| {row.name} | {' | '.join(cells)} | {'–' if ratio is None else f'×{ratio:.2f}'} |"
