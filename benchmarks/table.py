"""The measurement as a table in the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from benchmarks import machine as machines
from benchmarks.aims import aim
from benchmarks.record import Record, Row, geometric_mean
from benchmarks.subjects import AGAIN, COMPILED, KERNELS, TEXTBOOK, TORCH
from benchmarks.timing import PHASES, Spread

DISTURBED = 0.3  # share of turns with other work on the cores, from which on a row is marked
WIDTH = 140  # of the table where the output is no terminal


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


def time_cell(spread: Spread | None, note: str = "") -> str:
    """Median, and the 20th to 80th percentile as a distance from it."""
    if spread is None:
        return note or "–"
    below, above = (1 - spread.q20 / spread.median) * 100, (spread.q80 / spread.median - 1) * 100
    return f"{seconds(spread.median)} [dim]-{below:.0f} +{above:.0f}%[/dim]"


def ratio_cell(ratio: float | None) -> str:
    if ratio is None:
        return "–"
    colour = "green" if ratio <= 1.05 else "yellow" if ratio <= 2 else "red"
    return f"[{colour}]{digits(ratio)}[/{colour}]"


def ratio_columns(rows: list[Row]) -> list[str]:
    """The scratch subjects that were measured."""
    return [name for name in (TEXTBOOK, KERNELS) if any(name in row.times["step"] for row in rows)]


def build(rows: list[Row]) -> Table:
    """Forward, backward, step and peak memory of each row; the ratio is scratch's time over torch's."""
    ours = ratio_columns(rows)
    compiled = any(COMPILED in row.times["step"] or COMPILED in row.notes for row in rows)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", no_wrap=True)
    for name in ours:
        table.add_column(name, justify="right", no_wrap=True)
        table.add_column("ratio", justify="right", no_wrap=True)
    table.add_column("torch", justify="right", no_wrap=True)
    table.add_column("control", justify="right", no_wrap=True)
    table.add_column("aim", justify="right")
    if compiled:
        table.add_column(COMPILED, justify="right", no_wrap=True)
    for row in rows:
        disturbed = f" [yellow]disturbed {row.disturbed:.0%}[/yellow]" if row.disturbed > DISTURBED else ""
        table.add_row(f"[bold]{row.name}[/bold]{disturbed}")
        for phase in PHASES:
            times, cells = row.times[phase], []
            for name in ours:
                cells += [time_cell(times.get(name)), ratio_cell(row.ratio(name, phase=phase))]
            cells += [time_cell(times.get(TORCH)), digits(row.ratio(AGAIN, phase=phase) or 1.0)]
            target = aim(row.name) if phase == "step" else None
            cells.append("" if target is None else f"{target:g}")
            if compiled:
                cells.append(time_cell(times.get(COMPILED), row.notes.get(COMPILED, "")))
            table.add_row(f"  {phase}", *cells)
        cells = []
        for name in ours:
            cells += [megabytes(row.memory.get(name)), _memory_ratio(row, name)]
        table.add_row("  peak memory", *cells, megabytes(row.memory.get(TORCH)), end_section=True)
    return table


def brief(rows: list[Row]) -> Table:
    """The step alone."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("step", no_wrap=True)
    for name in ("textbook", "kernels", "torch", "kernels / torch", "aim"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        times, target = row.times["step"], aim(row.name)
        cells = [time_cell(times.get(name)) for name in (TEXTBOOK, KERNELS, TORCH)]
        table.add_row(row.name, *cells, ratio_cell(row.ratio(row.best)), "" if target is None else f"{target:g}")
    return table


def _memory_ratio(row: Row, name: str) -> str:
    if row.memory.get(TORCH, 0) < 2**17 or name not in row.memory:
        return ""
    return ratio_cell(row.memory[name] / row.memory[TORCH])


def summary(rows: list[Row]) -> list[str]:
    """Geometric means over all rows, and what the control says about the noise."""
    lines = []
    for name in ratio_columns(rows):
        ratios = [r for row in rows if (r := row.ratio(name)) is not None]
        lines.append(f"step, {name} / torch: geometric mean {geometric_mean(ratios):.2f} over {len(ratios)} rows")
    disturbed = sum(row.disturbed > DISTURBED for row in rows)
    if disturbed:
        lines.append(f"[yellow]{disturbed} of {len(rows)} rows were disturbed by other work: time them again[/yellow]")
    controls = sorted(r for row in rows if (r := row.ratio(AGAIN)) is not None)
    if controls:
        lines.append(f"control, torch / torch: {controls[0]:.2f} to {controls[-1]:.2f}")
    missed = [row for row in rows if (a := aim(row.name)) and (r := row.ratio(row.best)) and r > a]
    aimed = sum(aim(row.name) is not None for row in rows)
    if aimed:
        lines.append(f"aims reached: {aimed - len(missed)} of {aimed}")
    return lines


def show(record: Record, out: Console) -> None:
    for line in machines.lines(record.machine):
        out.print(f"[dim]{line}[/dim]", highlight=False)
    for warning in machines.warnings(record.machine):
        out.print(f"[yellow]warning: {warning}[/yellow]", highlight=False)
    out.print()
    out.print(build(record.rows))
    out.print()
    for line in summary(record.rows):
        out.print(line, highlight=False)
