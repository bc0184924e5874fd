"""The measurement as a table in the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks import lock
from benchmarks import machine as machines
from benchmarks.aims import aim
from benchmarks.memory import NOISE
from benchmarks.record import NO_KERNEL, Record, Row, geometric_mean, slope
from benchmarks.subjects import AGAIN, COMPILED, KERNELS, TEXTBOOK, TORCH
from benchmarks.timing import Spread

DISTURBED = 0.3  # share of turns with other work on the cores, from which on a row is marked
AIMED = ("ops", "nets")
WIDTH = 160  # of the table where the output is no terminal


def console() -> Console:
    found = Console()
    return found if found.is_terminal else Console(width=WIDTH)


def seconds(value: float) -> str:
    """Three significant digits of a time."""
    unit, factor = ("s", 1) if value >= 1 else ("ms", 1e3) if value >= 1e-3 else ("µs", 1e6)
    return f"{digits(value * factor)} {unit}"


def digits(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def megabytes(value: int | None) -> str:
    if value is None:
        return ""
    return f"{value / 1024:.1f} KB" if value < 2**17 else f"{digits(value / 2**20)} MB"


def threads(n: int) -> str:
    return f"{n} thread{'' if n == 1 else 's'}"


def time_cell(spread: Spread | None) -> str:
    """Median, and the 20th to 80th percentile as a distance from it."""
    if spread is None:
        return "[dim]–[/dim]"
    below, above = (1 - spread.q20 / spread.median) * 100, (spread.q80 / spread.median - 1) * 100
    return f"{seconds(spread.median)} [dim]-{below:.0f} +{above:.0f}%[/dim]"


def ratio_cell(ratio: float | None) -> str:
    if ratio is None:
        return "[dim]–[/dim]"
    colour = "green" if ratio <= 1.05 else "yellow" if ratio <= 2 else "red"
    return f"[{colour}]{digits(ratio)}[/{colour}]"


def build(rows: list[Row]) -> Table:
    """A line for each row: the step's times on both sides, their ratio, and that of the peak memory."""
    compiled = any(COMPILED in row.times.get("step", ()) for row in rows)
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("step", no_wrap=True, min_width=30)
    columns = ("scratch", "torch", "ratio", "aim", "textbook", "control", "memory", "ratio")
    for name in (*columns, *((COMPILED,) if compiled else ())):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        disturbed = " [yellow]~[/yellow]" if row.disturbed > DISTURBED else ""
        target, control = aim(row.name) if row.suite in AIMED else None, row.ratio(AGAIN)
        table.add_row(
            escape(row.name) + disturbed,
            time_cell(row.spread(row.best)),
            time_cell(row.spread(TORCH)),
            ratio_cell(row.ratio(row.best)),
            "" if target is None else f"{target:g}",
            ratio_cell(row.ratio(TEXTBOOK)) if row.best != TEXTBOOK else "",
            "" if control is None else digits(control),
            megabytes(row.memory.get(row.best)),
            ratio_cell(row.memory_ratio(row.best)),
            *([time_cell(row.spread(COMPILED))] if compiled else []),
        )
    return table


def build_memory(rows: list[Row]) -> Table:
    """Both meters of a fresh process."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("peak memory of a step, in fresh processes", no_wrap=True)
    for name in ("scratch", "torch", "ratio", "textbook", "resident: scratch", "torch", "ratio"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        pages = [above_noise(row.resident.get(name)) for name in (row.best, TORCH)]
        table.add_row(
            escape(row.name),
            megabytes(row.memory.get(row.best)),
            megabytes(row.memory.get(TORCH)),
            ratio_cell(row.memory_ratio(row.best)),
            megabytes(row.memory.get(TEXTBOOK)) if row.best != TEXTBOOK else "",
            *map(megabytes, pages),
            ratio_cell(pages[0] / pages[1] if all(pages) else None),
        )
    return table


def above_noise(resident: int | None) -> int | None:
    return resident if resident and resident > NOISE else None


def failures(rows: list[Row]) -> list[str]:
    """A line for everything that has no time, or not its own."""
    return [f"{row.name}: {name}: {reason}" for row in rows for name, reason in row.notes.items()]


def summary(rows: list[Row]) -> list[str]:
    """Geometric means over these rows, and what the control says about the noise."""
    lines = []
    ratios = [r for row in rows if (r := row.ratio(row.best)) is not None]
    if ratios:
        lines.append(f"step, scratch / torch: geometric mean {geometric_mean(ratios):.2f} over {len(ratios)} rows")
    textbook = [r for row in rows if (r := row.ratio(TEXTBOOK)) is not None]
    if textbook:
        lines.append(f"step, textbook / torch: geometric mean {geometric_mean(textbook):.2f} over {len(textbook)} rows")
    disturbed = sum(row.disturbed > DISTURBED for row in rows)
    if disturbed:
        lines.append(
            f"[yellow]{disturbed} of {len(rows)} rows (~) were disturbed by other work: time them again[/yellow]"
        )
    controls = sorted(r for row in rows if (r := row.ratio(AGAIN)) is not None)
    if controls:
        lines.append(f"control, torch / torch: {controls[0]:.2f} to {controls[-1]:.2f}")
    aims = [(r, a) for row in rows if row.suite in AIMED and (a := aim(row.name)) and (r := row.ratio(row.best))]
    if aims:
        lines.append(f"aims reached: {sum(r <= a for r, a in aims)} of {len(aims)}")
    return lines


def slopes(rows: list[Row]) -> list[str]:
    """How time and memory grow along each curve."""
    lines = []
    for name in dict.fromkeys(row.curve for row in rows if row.curve):
        points = [row for row in rows if row.curve == name]
        words = []
        for side in (points[-1].best, TORCH):
            label = "torch" if side == TORCH else "scratch"
            for what, value in (("time", slope(points, side)), ("memory", slope(points, side, memory=True))):
                if value is not None:
                    words.append(f"{label} {what} x^{value:.2f}")
        lines.append(f"{name}: {', '.join(words)}")
    return lines


def show(record: Record, out: Console) -> None:
    for line in machines.lines(record.machine):
        out.print(f"[dim]{line}[/dim]", highlight=False)
    for warning in machines.warnings(record.machine):
        out.print(f"[yellow]warning: {warning}[/yellow]", highlight=False)
    for suite in dict.fromkeys(row.suite for row in record.rows):
        rows = record.suite(suite)
        out.print(f"\n[bold]{suite}[/bold]")
        out.print((build_memory if suite == "memory" else build)(rows))
        of_lock = lock.summary(rows, record.settings["threads"]) if suite == "lock" else []
        for line in (*summary(rows), *slopes(rows), *of_lock):
            out.print(line, highlight=False)
    notes = failures([row for row in record.rows if row.failed])
    if notes:
        out.print(f"\n[red]{len(notes)} could not be measured[/red]")
        for line in notes:
            out.print(f"  {escape(line)}", highlight=False)
    plain = [row.name for row in record.rows if row.suite == "ops" and row.notes.get(KERNELS) == NO_KERNEL]
    if plain:
        out.print(f"\n[dim]no kernel, the textbook is what runs: {escape('; '.join(plain))}[/dim]", highlight=False)
