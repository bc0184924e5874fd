"""The demo in the terminal: both losses while they fall, live, or as plain lines where there is no terminal."""

from __future__ import annotations

import math
from contextlib import contextmanager

import numpy as np
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from benchmarks.story import Curves, Worst

BLOCKS = "▁▂▃▄▅▆▇█"
OURS, TWIN = "cyan", "dark_orange"
RECENT = 50  # losses averaged for display


class Screen:
    """`with screen.training(...) as update` shows a training; `note` prints a line between."""

    def __init__(self, console: Console):
        self.console = console

    def note(self, text: str) -> None:
        self.console.print(text, highlight=False)

    def heading(self, text: str) -> None:
        self.console.print(f"\n[bold]{text}[/bold]")

    @contextmanager
    def training(self, curves: Curves, total: int):
        """Yields `update(steps_done)`."""
        if self.console.is_terminal:
            with Live(console=self.console, refresh_per_second=8) as live:
                yield lambda done: live.update(self._panel(curves, done, total))
        else:
            lines = max(1, total // 12)
            shown = [0]

            def update(done):
                if done - shown[0] >= lines or done == total:
                    shown[0] = done
                    self.note(_line(curves, done, total))

            yield update

    def _panel(self, curves: Curves, done: int, total: int) -> Panel:
        width = min(self.console.width, 100) - 4
        speed, twin_speed = curves.images_per_second()
        table = Table.grid(padding=(0, 3))
        for justify in ("left", "right", "right"):
            table.add_column(justify=justify)
        table.add_row("", "loss", "images/s", style="dim")
        table.add_row(f"[{OURS}]scratch[/]", f"{_recent(curves.ours):.6f}", f"{speed:,.0f}")
        table.add_row(f"[{TWIN}]PyTorch[/]", f"{_recent(curves.twin):.6f}", f"{twin_speed:,.0f}")
        table.add_row("difference", f"{curves.difference()[-RECENT:].max():.1e}", f"×{speed / twin_speed:.2f}")
        parts = [
            Text(sparkline(curves.ours, width), style=OURS),
            Text(sparkline(curves.twin, width), style=TWIN),
            Text(""),
            table,
            Text(""),
            ProgressBar(total, done, width=width, complete_style=OURS),
        ]
        return Panel(
            Group(*parts), title=f"{curves.dtype}: step {done:,} of {total:,}", title_align="left", width=width + 4
        )


def _recent(losses: list[float]) -> float:
    return float(np.mean(losses[-RECENT:]))


def _line(curves: Curves, done: int, total: int) -> str:
    speed, twin_speed = curves.images_per_second()
    return (
        f"  step {done:5,} of {total:,}  loss scratch {_recent(curves.ours):.6f}  PyTorch {_recent(curves.twin):.6f}  "
        f"largest difference {curves.difference()[-RECENT:].max():.1e}  images/s {speed:,.0f}, {twin_speed:,.0f}"
    )


def sparkline(values: list[float], width: int) -> str:
    """Means of the values as blocks of eight heights, the largest at the top."""
    means = [float(part.mean()) for part in np.array_split(np.asarray(values), min(width, len(values)))]
    top = max(means)
    return "".join(BLOCKS[min(7, int(8 * m / top))] if top > 0 and math.isfinite(m) else " " for m in means)


def parity_table(parity: dict[str, dict[str, Worst]]) -> Table:
    """Classes one a line; the functions are summed up by `parity_summary`."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("layer", no_wrap=True)
    for dtype in ("float64", "float32"):
        table.add_column(f"{dtype} output", justify="right")
        table.add_column("gradient", justify="right")
        table.add_column("ulps", justify="right")
    for name, found in sorted(parity.items(), key=lambda item: item[0].lower()):
        if name[0].isupper():
            cells = []
            for dtype in ("float64", "float32"):
                w = found[dtype]
                cells += [f"{w.output:.1e}", f"{w.gradient:.1e}", f"{w.gradient_ulps:.3g}"]
            table.add_row(name, *cells)
    return table


def parity_summary(parity: dict[str, dict[str, Worst]]) -> str:
    functions = {name: found for name, found in parity.items() if not name[0].isupper()}
    if not functions:
        return ""
    name, found = max(functions.items(), key=lambda item: item[1]["float64"].gradient)
    return (
        f"and {len(functions)} functions, largest gradient difference {found['float64'].gradient:.1e} ({name}, float64)"
    )
