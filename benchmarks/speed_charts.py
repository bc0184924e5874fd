"""Charts of the speed report: HTML and inline SVG, in the manner of report_charts.py.

A plot is an SVG stretched over a box, its strokes are not; dots and labels are placed over it in percent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape

REACH = 3.0  # a ratio bar ends at 8 times faster or slower


def ratio_bar(ratio: float | None, textbook: float | None = None, target: float | None = None) -> str:
    """A bar from 1 on a log scale, to the left where scratch is faster; a ring for the textbook, a tick for the aim."""
    if ratio is None:
        return ""
    left, right = sorted((50.0, _place(ratio)))
    kind = "faster" if ratio <= 1 else "slower"
    marks = f'<i class="bar {kind}" style="left:{left:.1f}%;width:{right - left:.1f}%"></i>'
    if textbook is not None:
        marks += f'<i class="ring" style="left:{_place(textbook):.1f}%" title="textbook ×{textbook:.2f}"></i>'
    if target is not None:
        marks += f'<i class="aim" style="left:{_place(target):.1f}%" title="aim ×{target:g}"></i>'
    return f'<span class="track"><i class="middle"></i>{marks}</span>'


def _place(ratio: float) -> float:
    return 50 + 50 * max(-1.0, min(1.0, math.log2(ratio) / REACH))


@dataclass
class Series:
    """Points (x, y, what to say of it) under a name; joined or not."""

    name: str
    kind: str  # CSS class
    points: list[tuple[float, float, str]] = field(default_factory=list)
    joined: bool = True


def log_plot(
    series: Sequence[Series],
    x_label: Callable[[float], str],
    y_label: Callable[[float], str],
    kind: str = "",
    x_ticks: Sequence[float] | None = None,
) -> str:
    """Series on two log scales."""
    xs = [math.log10(p[0]) for s in series for p in s.points]
    ys = [math.log10(p[1]) for s in series for p in s.points]
    x_low, x_high, y_low, y_high = min(xs), max(xs), min(ys), max(ys)
    x_high, y_high = max(x_high, x_low + 0.1), max(y_high, y_low + 0.1)
    y_low, y_high = y_low - 0.06 * (y_high - y_low), y_high + 0.06 * (y_high - y_low)

    def place(x, y):
        return 100 * (math.log10(x) - x_low) / (x_high - x_low), 100 * (math.log10(y) - y_low) / (y_high - y_low)

    lines = dots = labels = ""
    for tick in _decades(y_low, y_high):
        at = place(1, tick)[1]
        lines += f'<path class="grid" d="M0 {1000 - 10 * at:.1f}H1000"/>'
        labels += f'<span class="y" style="bottom:{at:.2f}%">{y_label(tick)}</span>'
    for tick in _decades(x_low, x_high) if x_ticks is None else x_ticks:
        labels += f'<span class="x" style="left:{place(tick, 1)[0]:.2f}%">{x_label(tick)}</span>'
    for s in series:
        placed = [place(x, y) for x, y, _ in s.points]
        if s.joined:
            path = "L".join(f"{10 * x:.1f} {1000 - 10 * y:.1f}" for x, y in placed)
            lines += f'<path class="{s.kind}" d="M{path}"/>'
        for (x, y), (_, _, words) in zip(placed, s.points):
            if words:
                title = escape(words, quote=True)
                dots += f'<i class="dot {s.kind}" style="left:{x:.2f}%;bottom:{y:.2f}%" title="{title}"></i>'
    svg = f'<svg viewBox="0 0 1000 1000" preserveAspectRatio="none" aria-hidden="true">{lines}</svg>'
    return f'<div class="plot {kind}">{svg}{labels}{dots}</div>'


def _decades(low: float, high: float) -> list[float]:
    """At most five powers of ten between two exponents, or 1, 2 and 5 times them where they are few."""
    every = max(1, math.ceil((high - low) / 5))
    found = [10.0**e for e in range(math.ceil(low), math.floor(high) + 1) if e % every == 0]
    if len(found) >= 2:
        return found
    fine = [m * 10.0**e for e in range(math.floor(low), math.ceil(high) + 1) for m in (1, 2, 5)]
    return [v for v in fine if low <= math.log10(v) <= high]
