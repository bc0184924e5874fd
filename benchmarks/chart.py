"""The measurement as a picture for the README: networks and layers with an aim, step time over torch's, log scale."""

from __future__ import annotations

from pathlib import Path

from benchmarks import machine as machines
from benchmarks.aims import aim
from benchmarks.record import Record, Row
from benchmarks.subjects import TEXTBOOK

FASTER, SLOWER, PLAIN = "#0b6e7f", "#f08c3a", "#a9a49a"


def shown(record: Record) -> list[Row]:
    """The networks, then the layers that have an aim (all where none has), fastest first."""
    ops = record.suite("ops")
    ops = [row for row in ops if aim(row.name) is not None] or ops
    return [*record.suite("nets"), *sorted(ops, key=lambda row: row.ratio(row.best) or 0.0)]


def draw(record: Record, path: str | Path) -> None:
    """A bar for each row from 1 (as fast as torch), to the left where scratch is faster; dots: the textbook."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.lines import Line2D
    from matplotlib.ticker import FuncFormatter, NullFormatter

    rows = [row for row in shown(record) if row.ratio(row.best) is not None][::-1]
    figure, axes = plt.subplots(figsize=(9, 1.5 + 0.26 * len(rows)), layout="constrained")
    right = axes.get_yaxis_transform()  # x in parts of the width, y in rows
    for y, row in enumerate(rows):
        ratio, textbook = row.ratio(row.best), row.ratio(TEXTBOOK)
        axes.barh(y, ratio - 1, left=1, height=0.62, color=FASTER if ratio <= 1 else SLOWER)
        axes.text(1.01, y, f"×{ratio:.2f}", transform=right, va="center", fontsize=8.5)
        if textbook is not None and row.best != TEXTBOOK:
            axes.plot(textbook, y, "o", color=PLAIN, markersize=5, zorder=3)
    axes.axvline(1, color="black", linewidth=0.8)
    nets = sum(row.suite == "nets" for row in rows)
    if 0 < nets < len(rows):
        axes.axhline(len(rows) - nets - 0.5, color="#ced4da", linewidth=0.8)
    axes.set_xscale("log", base=2)
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, 0.45) * 0.9, max(high, 2.2) * 1.1)
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.set_yticks(range(len(rows)), [row.name for row in rows], fontsize=8.5)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:.2g}×"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(length=0)
    axes.spines[["top", "right", "left", "bottom"]].set_visible(False)
    axes.grid(axis="x", color="#e9ecef", zorder=0)
    axes.set_axisbelow(True)
    figure.suptitle("Time of a step in Scratch over PyTorch's", x=0.02, ha="left", fontsize=12)
    figure.supxlabel(machines.short(record.machine), x=0.02, ha="left", fontsize=7, color="#6d6a64")
    marks = [
        Line2D([], [], color=FASTER, linewidth=6, label="Scratch is faster"),
        Line2D([], [], color=SLOWER, linewidth=6, label="PyTorch is faster"),
        Line2D([], [], color=PLAIN, marker="o", linestyle="", label="Scratch's textbook code"),
    ]
    figure.legend(handles=marks, loc="outside upper right", ncols=3, fontsize=8.5, frameon=False)
    figure.savefig(path, dpi=150, facecolor="white")
    plt.close(figure)
