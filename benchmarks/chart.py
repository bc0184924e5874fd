"""The measurement as a picture: each row's step time over torch's, on a log scale."""

from __future__ import annotations

from pathlib import Path

from benchmarks import machine as machines
from benchmarks.aims import aim
from benchmarks.record import Record, geometric_mean
from benchmarks.subjects import TEXTBOOK

OURS, PLAIN, FASTER, SLOWER = "#0b7285", "#adb5bd", "#0b7285", "#d9480f"


def draw(record: Record, path: str | Path) -> None:
    """A bar for each row from 1 (as fast as torch); left is faster. Dots: the textbook. Ticks: the aim."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.lines import Line2D
    from matplotlib.ticker import FuncFormatter, NullFormatter

    rows = [row for row in record.rows if row.ratio(row.best) is not None][::-1]
    figure, axes = plt.subplots(figsize=(9, 1.4 + 0.3 * len(rows)), layout="constrained")
    for y, row in enumerate(rows):
        ratio = row.ratio(row.best)
        axes.barh(y, ratio - 1, left=1, height=0.62, color=FASTER if ratio <= 1 else SLOWER)
        axes.annotate(
            f"{ratio:.2f}", (ratio, y), (-4 if ratio <= 1 else 4, 0), textcoords="offset points", va="center",
            ha="right" if ratio <= 1 else "left", fontsize=8,
        )  # fmt: skip
        textbook = row.ratio(TEXTBOOK)
        if textbook is not None and row.best != TEXTBOOK:
            axes.plot(textbook, y, "o", color=PLAIN, markersize=5, zorder=3)
        target = aim(row.name)
        if target is not None:
            axes.plot([target, target], [y - 0.42, y + 0.42], color="black", linewidth=1.4, zorder=4)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xscale("log", base=2)
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, 0.45) * 0.85, max(high, 2.2) * 1.15)
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.set_yticks(range(len(rows)), [row.name for row in rows], fontsize=9)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:.2g}×"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(length=0)
    axes.spines[["top", "right", "left", "bottom"]].set_visible(False)
    axes.grid(axis="x", color="#e9ecef", zorder=0)
    axes.set_axisbelow(True)
    mean = geometric_mean(row.ratio(row.best) for row in rows)
    axes.set_title(
        f"Time of a step in scratch over PyTorch's: {mean:.2f} on geometric average", loc="left", fontsize=11
    )
    axes.set_xlabel(f"left of 1: scratch is faster\n{machines.short(record.machine)}", fontsize=7.5, loc="left")
    marks = [
        Line2D([], [], color=FASTER, linewidth=6, label="scratch is faster"),
        Line2D([], [], color=SLOWER, linewidth=6, label="torch is faster"),
        Line2D([], [], color=PLAIN, marker="o", linestyle="", label="textbook"),
        Line2D([], [], color="black", marker="|", markersize=9, linestyle="", label="aim"),
    ]
    figure.legend(handles=marks, loc="outside lower right", ncols=4, fontsize=8, frameon=False)
    figure.savefig(path, dpi=150, facecolor="white")
    plt.close(figure)
