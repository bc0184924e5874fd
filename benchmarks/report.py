"""The demo's report: one HTML file that needs nothing else, no network and no other file."""

from __future__ import annotations

from html import escape
from pathlib import Path
from string import Template

import numpy as np

from benchmarks import machine as machines
from benchmarks import report_charts as charts
from benchmarks.record import Row
from benchmarks.story import Curves, Story, Worst
from benchmarks.subjects import TEXTBOOK, TORCH
from benchmarks.table import seconds

TEMPLATE = Path(__file__).with_name("report.html")
BINS = 300  # points of a curve
SHOWN = 12  # predictions of each kind


def write(story: Story, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(story), encoding="utf-8")


def render(story: Story) -> str:
    """The whole page."""
    ours, twin = story.verdicts.accuracy()
    _, double = story.largest_gradient_difference("float64")
    speed, twin_speed = story.single.images_per_second()
    values = {
        "cards": "".join(
            [
                _card("Test accuracy", f"{100 * ours:.2f}%", f"PyTorch {100 * twin:.2f}%"),
                _card("Largest gradient difference", charts.scientific(double.gradient), "from autograd, float64"),
                _card("Images a second", f"{speed:,.0f}", f"PyTorch {twin_speed:,.0f}, same threads"),
                _card(
                    "Losses in float64 differ by",
                    charts.scientific(float(story.double.difference().max())),
                    f"at most, in {len(story.double.ours):,} steps",
                ),
            ]
        ),
        "data": escape(story.data.split(";")[0]),
        "epochs": f"{story.epochs} epoch{'s' if story.epochs != 1 else ''}",
        "single": _curves(story.single, 1e-8),
        "double": _curves(story.double, 1e-17),
        "filters": "".join(_filter_tiles(story.filters)),
        "samples": "".join(_sample(sample) for sample in story.samples),
        "classes": charts.class_bars(story.classes, story.verdicts.by_class(len(story.classes))),
        "disagreements": f"{story.verdicts.disagreements():,} of {len(story.verdicts.labels):,}",
        "right": _predictions(story, right=True),
        "wrong": _predictions(story, right=False),
        "parity_chart": charts.parity_dots(_parity_rows(story)),
        "parity_table": _parity_table(story.parity),
        "layers": str(len(story.parity)),
        "speed_chart": charts.ratio_bars([_speed_row(row) for row in story.speed]),
        "network": escape(story.network),
        "machine": "<br>".join(map(escape, machines.lines(story.machine))),
        "warnings": "".join(f"<p class=warning>{escape(w)}</p>" for w in machines.warnings(story.machine)),
        "seconds": f"{story.seconds:.0f}",
    }
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(values)


def _card(title: str, value: str, note: str) -> str:
    return f'<div class="card"><h3>{title}</h3><strong>{value}</strong><small>{note}</small></div>'


def _curves(curves: Curves, floor: float) -> str:
    """The two losses, and their difference below."""
    steps, difference = len(curves.ours), curves.difference()
    losses = charts.loss_plot(
        charts.binned(curves.ours, BINS, np.mean), charts.binned(curves.twin, BINS, np.mean), steps
    )
    below = charts.difference_plot(charts.binned(difference, BINS, np.max), steps, floor)
    return (
        f'<figure class="panel"><figcaption><b>{curves.dtype}</b> · {steps:,} steps of {curves.batch} images'
        f"</figcaption>{losses}<p class=axis-title>loss scratch − loss PyTorch, absolute "
        f"(largest {charts.scientific(float(difference.max()))})</p>{below}<p class=axis-title>step</p></figure>"
    )


def _filter_tiles(filters: np.ndarray):
    reach = float(np.abs(filters).max())
    for i, weight in enumerate(filters):
        yield charts.tile(weight, f"filter {i + 1}", "RdBu_r", -reach, reach, "tile filter")


def _sample(sample) -> str:
    maps = ""
    for number, stage in enumerate(sample.stages, 1):
        tiles = "".join(
            charts.tile(m, f"feature map {i + 1}", "magma", 0, float(m.max()) or 1.0) for i, m in enumerate(stage)
        )
        maps += f'<div class="stage stage{number}"><small>after convolution {number}</small><div>{tiles}</div></div>'
    picture = charts.tile(sample.image, sample.label, "gray", 0, 1, "picture")
    return f'<div class="sample"><figure>{picture}<small>{escape(sample.label)}</small></figure>{maps}</div>'


def _predictions(story: Story, right: bool) -> str:
    """The first images of the test set that scratch gets right (one of each class first), or the surest mistakes."""
    verdicts = story.verdicts
    correct = verdicts.ours == verdicts.labels
    if right:
        found = np.flatnonzero(correct)
        first = {int(verdicts.labels[i]): int(i) for i in found[::-1]}  # the first of each class
        chosen = [first[c] for c in sorted(first)]
        chosen += [int(i) for i in found if int(i) not in chosen][: max(0, SHOWN - len(chosen))]
    else:
        found = np.flatnonzero(~correct)
        chosen = found[np.argsort(-verdicts.confidence[found], kind="stable")]
    return "".join(_prediction(story, int(i)) for i in chosen[:SHOWN])


def _prediction(story: Story, i: int) -> str:
    verdicts, names = story.verdicts, story.classes
    said, truth, twin = (names[v[i]] for v in (verdicts.ours, verdicts.labels, verdicts.twin))
    note = "" if said == truth else f"<small>is a {escape(truth)}</small>"
    if twin != said:
        note += f"<small>PyTorch: {escape(twin)}</small>"
    picture = charts.tile(story.test_images[i], truth, "gray", 0, 1, "picture")
    kind = "right" if said == truth else "wrong"
    probability = f"{100 * verdicts.confidence[i]:.0f}%"
    return (
        f'<figure class="prediction {kind}">{picture}<b>{escape(said)}</b><small>{probability}</small>{note}</figure>'
    )


def _parity_rows(story: Story) -> list[tuple[str, float, float]]:
    """Classes, or everything where there are none; by name."""
    names = [name for name in story.parity if name[0].isupper()] or list(story.parity)
    return [
        (name, story.parity[name]["float64"].gradient, story.parity[name]["float32"].gradient)
        for name in sorted(names, key=str.lower)
    ]


def _parity_table(parity: dict[str, dict[str, Worst]]) -> str:
    def cells(w: Worst) -> str:
        return (
            f"<td>{charts.scientific(w.output)}<td>{w.output_ulps:.3g}"
            f'<td title="{escape(w.gradient_name)}">{charts.scientific(w.gradient)}<td>{w.gradient_ulps:.3g}'
        )

    rows = "".join(
        f"<tr><th scope=row>{escape(name)}{cells(found['float64'])}{cells(found['float32'])}"
        for name, found in sorted(parity.items(), key=lambda item: item[0].lower())
    )
    return rows


def _speed_row(row: Row) -> tuple[str, float, float | None, str]:
    times = row.times["step"]
    words = f"{seconds(times[row.best].median)}, PyTorch {seconds(times[TORCH].median)}"
    textbook = row.ratio(TEXTBOOK) if row.best != TEXTBOOK else None
    return row.name, row.ratio(row.best) or 1.0, textbook, words
