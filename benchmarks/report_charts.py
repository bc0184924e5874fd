"""Charts of the report: HTML with inline SVG, which keeps its text size and gives way in width on a phone.

A plot is an SVG stretched over a box (its strokes are not stretched) with HTML labels placed beside it in percent. All
colours are CSS variables, so that the charts follow the reader's light or dark scheme.
"""

from __future__ import annotations

import base64
import io
import json
import math
from html import escape

import numpy as np


def png(array: np.ndarray, colours: str = "gray", low=None, high=None) -> str:
    """A data URI of a small image, one pixel per element."""
    from matplotlib.image import imsave

    buffer = io.BytesIO()
    imsave(buffer, array, cmap=colours, vmin=low, vmax=high, format="png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def tile(array: np.ndarray, alt: str, colours="gray", low=None, high=None, kind="tile") -> str:
    return f'<img class="{kind}" src="{png(array, colours, low, high)}" alt="{escape(alt)}">'


def power(value: float) -> str:
    """ "10⁻⁷" for 1e-7."""
    exponent = str(round(math.log10(value)))
    return "10" + exponent.translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def scientific(value: float) -> str:
    """ "2.4·10⁻¹⁵", "0" for 0."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    exponent = math.floor(math.log10(abs(value)))
    return f"{value / 10**exponent:.1f}·{power(10.0**exponent)}"


def binned(values, bins: int, how) -> list[float]:
    """At most `bins` numbers, each `how` of its share of the values."""
    parts = np.array_split(np.asarray(values, dtype=float), min(bins, len(values)))
    return [float(how(part)) for part in parts]


def _polyline(ys: list[float], kind: str) -> str:
    """ys in [0, 1] from the bottom, spread over the width; a gap where nan."""
    n = max(len(ys) - 1, 1)
    path, pen = [], "M"
    for i, y in enumerate(ys):
        if math.isnan(y):
            pen = "M"
            continue
        path.append(f"{pen}{1000 * i / n:.1f} {1000 * (1 - y):.1f}")
        pen = "L"
    return f'<path class="{kind}" d="{" ".join(path)}"/>'


def _plot(lines: str, y_ticks: list[tuple[float, str]], x_ticks: list[tuple[float, str]], kind: str, data: str) -> str:
    grid = "".join(f'<path class="grid" d="M0 {1000 * (1 - y):.1f}H1000"/>' for y, _ in y_ticks)
    labels = "".join(f'<span class="y" style="bottom:{100 * y:.2f}%">{text}</span>' for y, text in y_ticks)
    labels += "".join(f'<span class="x" style="left:{100 * x:.2f}%">{text}</span>' for x, text in x_ticks)
    svg = f'<svg viewBox="0 0 1000 1000" preserveAspectRatio="none" aria-hidden="true">{grid}{lines}</svg>'
    return f'<div class="plot {kind}"{data}>{svg}{labels}<i class="cursor"></i></div>'


def loss_plot(ours: list[float], twin: list[float], steps: int) -> str:
    """Both losses over the steps, torch's broad and pale underneath, scratch's thin on top."""
    top = 1.06 * max(map(max, (ours, twin)))
    tick = next(t for t in (0.05, 0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0, 1e9) if top / t <= 5)
    y_ticks = [(i * tick / top, f"{i * tick:g}") for i in range(int(top / tick) + 1)]
    lines = _polyline([v / top for v in twin], "twin") + _polyline([v / top for v in ours], "ours")
    data = escape(json.dumps({"steps": steps, "ours": _rounded(ours), "twin": _rounded(twin)}), quote=True)
    return _plot(lines, y_ticks, [], "tall", f' data-series="{data}"')


def _rounded(values):
    return [float(f"{v:.5g}") for v in values]


def difference_plot(difference: list[float], steps: int, floor: float) -> str:
    """|difference| over the steps on a log scale from `floor` (a power of ten, where 0 is drawn)."""
    low = round(math.log10(floor))
    high = max(low + 2, math.ceil(math.log10(max(max(difference), floor * 10))))
    every = max(1, math.ceil((high - low) / 4))
    y_ticks = [((e - low) / (high - low), "0" if e == low else power(10.0**e)) for e in range(low, high + 1, every)]
    ys = [(math.log10(max(v, floor)) - low) / (high - low) for v in difference]
    x_ticks = [(i / 4, f"{round(steps * i / 4):,}") for i in range(5)]
    return _plot(_polyline(ys, "difference"), y_ticks, x_ticks, "short", "")


def class_bars(names, accuracies: list[tuple[float, float]]) -> str:
    """Accuracy of each class on both sides."""
    rows = [
        f'<div class="bar-row"><span class="name">{escape(name)}</span><span class="bars">'
        f'<i class="bar ours" style="width:{100 * ours:.1f}%"></i><i class="bar twin" style="width:{100 * twin:.1f}%">'
        f'</i></span><span class="value">{100 * ours:.1f}<small> / {100 * twin:.1f}</small></span></div>'
        for name, (ours, twin) in zip(names, accuracies)
    ]
    return f'<div class="bar-rows">{"".join(rows)}</div>'


def parity_dots(rows: list[tuple[str, float, float]], low: int = -18, high: int = -3) -> str:
    """A row for each layer with two dots on a log scale: its largest gradient difference in float64 and in float32."""

    def place(value):
        at = math.log10(value) if value > 0 else low
        return 100 * (min(max(at, low), high) - low) / (high - low)

    def row(name, double, single):
        return (
            f'<div class="dot-row"><span class="name">{escape(name)}</span><span class="track">'
            f'<i class="dot ours" style="left:{place(double):.1f}%" title="float64: {double:.2g}"></i>'
            f'<i class="dot twin" style="left:{place(single):.1f}%" title="float32: {single:.2g}"></i></span></div>'
        )

    ticks = "".join(
        f'<span style="left:{100 * (e - low) / (high - low):.1f}%">{"0" if e == low else power(10.0**e)}</span>'
        for e in range(low, high + 1, 3)
    )
    axis = f'<div class="dot-row axis"><span class="name"></span><span class="track">{ticks}</span></div>'
    half = (len(rows) + 1) // 2
    columns = ("".join(row(*r) for r in part) for part in (rows[:half], rows[half:]))
    return f'<div class="dot-rows">{"".join(f"<div>{column}{axis}</div>" for column in columns)}</div>'


def ratio_bars(rows: list[tuple[str, float, float | None, str]]) -> str:
    """Bars from 1 on a log scale: (name, kernels' time over torch's, the textbook's, both times in words)."""
    values = [v for _, ratio, textbook, _ in rows for v in (ratio, textbook) if v]
    reach = max(1.2, max(abs(math.log2(v)) for v in values) * 1.08)

    def place(ratio):
        return 50 + 50 * math.log2(ratio) / reach

    def row(name, ratio, textbook, words):
        left, right = sorted((50, place(ratio)))
        faster = "faster" if ratio <= 1 else "slower"
        dot = f'<i class="dot hollow" style="left:{place(textbook):.1f}%"></i>' if textbook else ""
        return (
            f'<div class="ratio-row"><span class="name">{escape(name)}<small>{escape(words)}</small></span>'
            f'<span class="track"><i class="middle"></i><i class="bar {faster}" '
            f'style="left:{left:.1f}%;width:{right - left:.1f}%"></i>{dot}</span>'
            f'<span class="value">×{ratio:.2f}</span></div>'
        )

    every = max(1, math.ceil(reach / 3))
    powers = [e for e in range(-math.floor(reach), math.floor(reach) + 1) if e % every == 0]
    ticks = "".join(f'<span style="left:{place(2.0**e):.1f}%">{2.0**e:g}×</span>' for e in powers)
    axis = (
        f'<div class="ratio-row axis"><span class="name"></span><span class="track">{ticks}</span>'
        '<span class="value"></span></div>'
    )
    return f'<div class="ratio-rows">{"".join(row(*r) for r in rows)}{axis}</div>'
