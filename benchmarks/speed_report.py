"""The report of `python -m benchmarks --html`: one HTML file that needs nothing else."""

from __future__ import annotations

from html import escape
from pathlib import Path
from string import Template

from benchmarks import lock
from benchmarks import machine as machines
from benchmarks.aims import aim
from benchmarks.record import NO_KERNEL, Record, Row, geometric_mean, slope
from benchmarks.speed_charts import Series, log_plot, ratio_bar
from benchmarks.subjects import AGAIN, COMPILED, KERNELS, TEXTBOOK, TORCH
from benchmarks.table import AIMED, DISTURBED, above_noise, megabytes, seconds

TEMPLATE = Path(__file__).with_name("speed_report.html")


def write(record: Record, path: str | Path) -> None:
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(record), encoding="utf-8")


def render(record: Record) -> str:
    """The whole page; a suite that was not measured has no section."""
    machine, settings = record.machine, record.settings
    sections = [
        ("nets", "Networks", NETS_TEXT, _times(record.suite("nets"))),
        ("ops", "Layer by layer", OPS_TEXT, _search() + _times(record.suite("ops"))),
        ("memory", "Peak memory, each in a process of its own", MEMORY_TEXT, _memory(record.suite("memory"))),
        ("scaling", "How it grows", SCALING_TEXT, _curves(record.suite("scaling"))),
        ("lock", "What the interpreter lock costs", LOCK_TEXT, _lock(record.suite("lock"), settings["threads"])),
        ("models", "The model collection", MODELS_TEXT, _times(record.suite("models"))),
        ("overhead", "Tiny inputs: what a call costs", OVERHEAD_TEXT, _times(record.suite("overhead"))),
    ]
    shown = [_section(s, title, text, body) for s, title, text, body in sections if record.suite(s)]
    if record.peaks and any(row.flops for row in record.rows):
        shown.append(_section("roofline", "Roofline", ROOFLINE_TEXT, _roofline(record)))
    values = {
        "cards": "".join(_cards(record)),
        "machine": "".join(f"<li>{escape(line)}" for line in machines.lines(machine)),
        "settings": escape(f"{settings['dtype']} on {settings['device']}, {settings['seconds']:g} s a subject"),
        "warnings": "".join(f"<p class=warning>{escape(w)}</p>" for w in _warnings(record)),
        "sections": "".join(shown),
        "failures": _failures(record.rows),
    }
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(values)


NETS_TEXT = """A whole training step: forward with the loss, backward, optimizer; for blocks forward and backward. Under
each time its peak memory above what is held between steps."""
OPS_TEXT = """Forward and backward with all gradients. The bar is scratch's time over PyTorch's on a log scale from 1/8
to 8, to the left where scratch is faster; the ring is the plain textbook code, the tick the aim. Click a heading to
sort."""
MEMORY_TEXT = """What a step asks its allocator for, and what the system really gave (resident pages): two meters that
know nothing of each other, in a fresh process for each subject."""
SCALING_TEXT = """Both axes logarithmic, so a power law is a line; its slope, fitted through the last three points, is
the exponent."""
LOCK_TEXT = """The work done in a given time over that of one thread: by all threads, and by as many processes side by
side, which share the machine but not the interpreter. Were its lock to cost nothing, threads would gain as much as
they; the last column is what would then be left of the ratio to PyTorch."""
MODELS_TEXT = "Forward and backward of the networks in <code>scratch.models</code>."
OVERHEAD_TEXT = "Next to no arithmetic is left; what remains is the price of the calls."
ROOFLINE_TEXT = """Every row of the layers: how many operations it does for each byte it must move, and how fast it is.
Under the slope the memory is the limit, under the flat part the arithmetic. Matrix products, convolutions and attention
are counted by PyTorch's counter, all else as one operation an element; bytes are those any implementation must move
(inputs and weights read twice, gradients and output written, upstream gradient read). Small rows live in the caches and
may rise above the slope."""


def _section(key: str, title: str, text: str, body: str) -> str:
    return f'<section id="{key}"><h2>{title}</h2><p>{text}</p>{body}</section>'


def _warnings(record: Record) -> list[str]:
    found = machines.warnings(record.machine)
    disturbed = sum(row.disturbed > DISTURBED for row in record.rows)
    if disturbed:
        found.append(f"{disturbed} of {len(record.rows)} rows (marked ~) were disturbed by other work")
    if record.settings.get("quick"):
        found.append("a quick run of one turn each: no figure here is to be quoted")
    return found


def _cards(record: Record):
    for suite, title in (("ops", "Layers"), ("nets", "Networks"), ("overhead", "Tiny inputs")):
        ratios = [r for row in record.suite(suite) if (r := row.ratio(row.best)) is not None]
        if ratios:
            faster = sum(r <= 1 for r in ratios)
            yield _card(title, f"×{geometric_mean(ratios):.2f}", f"of PyTorch's time; {faster} of {len(ratios)} faster")
    for suite, title in (("nets", "Peak memory, networks"), ("ops", "Peak memory, layers")):
        ratios = [r for row in record.suite(suite) if (r := row.memory_ratio(row.best)) is not None]
        if ratios:
            yield _card(
                title,
                f"×{geometric_mean(ratios):.2f}",
                f"of PyTorch's; {sum(r <= 1 for r in ratios)} of {len(ratios)} less",
            )
            break
    controls = sorted(r for row in record.rows if (r := row.ratio(AGAIN)) is not None)
    if controls:
        low, high = (controls[int(q * (len(controls) - 1))] for q in (0.1, 0.9))
        yield _card("PyTorch beside itself", f"{low:.2f}–{high:.2f}", "the control, 10th to 90th percentile: noise")


def _card(title: str, value: str, note: str) -> str:
    return f'<div class="card"><h3>{title}</h3><strong>{value}</strong><small>{note}</small></div>'


def _search() -> str:
    return '<input class="search" type="search" placeholder="show only …" aria-label="show only rows that contain">'


def _times(rows: list[Row]) -> str:
    """A table of times with peak memory, ratio bars, and the phases' ratios."""
    compiled = any(row.spread(COMPILED) for row in rows)
    head = ["", "scratch", "PyTorch", "", "step", "forward", "backward", "memory", "textbook", "control"]
    head += [COMPILED] if compiled else []
    wide = {"forward", "backward", "memory", "textbook", "control", COMPILED}
    heads = "".join(f'<th class="{"wide" if h in wide else ""}">{h}' for h in head)
    body = "".join(_times_row(row, compiled) for row in rows)
    return _table("times sortable", heads, body)


def _table(kind: str, heads: str, body: str) -> str:
    return f'<div class="scroll"><table class="{kind}"><thead><tr>{heads}</thead><tbody>{body}</tbody></table></div>'


def _times_row(row: Row, compiled: bool) -> str:
    best, ratio = row.best, row.ratio(row.best)
    textbook = row.ratio(TEXTBOOK) if best != TEXTBOOK else None
    mark = '&nbsp;<abbr title="other work ran on this machine meanwhile">~</abbr>' if row.disturbed > DISTURBED else ""
    if row.failed:
        mark += " <small class=bad>" + escape("; ".join(f"{k}: {v}" for k, v in row.notes.items())) + "</small>"
    cells = [
        f"<th scope=row>{escape(row.name)}{mark}",
        _time(row, best),
        _time(row, TORCH),
        f'<td class="chart">{ratio_bar(ratio, textbook, aim(row.name) if row.suite in AIMED else None)}',
        _ratio(ratio),
        _ratio(row.ratio(best, phase="forward") if row.times else None, "wide"),
        _ratio(row.ratio(best, phase="backward") if row.times else None, "wide"),
        _ratio(row.memory_ratio(best), "wide"),
        _ratio(textbook, "wide", judged=False),
        _ratio(row.ratio(AGAIN), "wide", judged=False),
    ]
    if compiled:
        cells.append(_time(row, COMPILED, "wide"))
    return f"<tr>{''.join(cells)}"


def _time(row: Row, name: str, kind: str = "") -> str:
    spread = row.spread(name)
    if spread is None:
        return f'<td class="{kind}">–'
    words = f"{seconds(spread.q20)} to {seconds(spread.q80)} (20th to 80th percentile of {spread.n} runs)"
    memory = megabytes(row.memory.get(name))
    cell = f"{seconds(spread.median)}<small>{memory}</small>"
    return f'<td class="{kind}" data-value="{spread.median:g}" title="{words}">{cell}'


def _ratio(ratio: float | None, kind: str = "", judged: bool = True) -> str:
    if ratio is None:
        return f'<td class="{kind}" data-value="">'
    colour = ("good" if ratio <= 1.05 else "bad" if ratio > 2 else "") if judged else "soft"
    return f'<td class="{kind} {colour}" data-value="{ratio:g}">×{ratio:.2f}'


def _memory(rows: list[Row]) -> str:
    head = ["", "scratch", "PyTorch", "", "ratio", "textbook", "resident: scratch", "PyTorch", "ratio"]
    body = ""
    for row in rows:
        ratio, pages = row.memory_ratio(row.best), [above_noise(row.resident.get(n)) for n in (row.best, TORCH)]
        mark = f" <small class=bad>{escape('; '.join(row.notes.values()))}</small>" if row.failed else ""
        cells = [f"<th scope=row>{escape(row.name)}{mark}"]
        cells += [f"<td>{megabytes(row.memory.get(name)) or '–'}" for name in (row.best, TORCH)]
        cells += [f'<td class="chart">{ratio_bar(ratio)}', _ratio(ratio)]
        cells += [f'<td class="wide soft">{megabytes(row.memory.get(TEXTBOOK)) if row.best != TEXTBOOK else ""}']
        cells += [f'<td class="wide">{megabytes(n) or "–"}' for n in pages]
        cells += [_ratio(pages[0] / pages[1] if all(pages) else None, "wide")]
        body += f"<tr>{''.join(cells)}"
    heads = "".join(f'<th class="{"wide" if i > 4 else ""}">{h}' for i, h in enumerate(head))
    return _table("times", heads, body)


def _lock(rows: list[Row], n: int) -> str:
    heads = ("", f"{n} threads", f"{n} processes", f"PyTorch, {n} threads", "ratio", "ratio without the lock")
    body = ""
    for row in rows:
        if gain := lock.gains(row, n):
            body += f"<tr><th scope=row>{escape(row.name)}" + "".join(f"<td>{value:.2f}" for value in gain)
    sums = "".join(f"<li>{escape(line)}" for line in lock.summary(rows, n))
    return _table("times", "".join(f"<th>{head}" for head in heads), body) + f"<ul>{sums}</ul>"


def _curves(rows: list[Row]) -> str:
    """Two plots for each curve, time and memory."""
    panels = []
    for name in dict.fromkeys(row.curve for row in rows):
        points = [row for row in rows if row.curve == name]
        subjects = [(points[-1].best, "scratch", "ours"), (TORCH, "PyTorch", "twin")]
        if points[-1].best != TEXTBOOK:
            subjects.append((TEXTBOOK, "textbook", "plain"))
        for what in ("time", "peak memory"):
            plot = _curve(points, subjects, what == "peak memory")
            if plot:
                what = f"{what} of a step"
                panels.append(
                    f'<figure class="panel"><figcaption><b>{escape(name)}</b><br>{what}</figcaption>{plot}</figure>'
                )
    return f'<div class="panels">{"".join(panels)}</div>'


def _curve(points: list[Row], subjects: list[tuple[str, str, str]], memory: bool) -> str:
    label, series, legend = (megabytes if memory else seconds), [], ""
    for name, words, kind in subjects:
        values = [
            (row.x, row.memory.get(name) if memory else s and s.median) for row in points for s in [row.spread(name)]
        ]
        found = [(x, y, f"{words}: {label(y)} at {x:g}") for x, y in values if y]
        if found:
            series.append(Series(words, kind, found))
            exponent = slope(points, name, memory)
            legend += (
                f'<span><i class="{kind}"></i>{words}'
                + (f" <b>{exponent:.2f}</b>" if exponent is not None else "")
                + "</span>"
            )
    if not series:
        return ""
    unit, word = (1 << 20, "MB") if memory else (1e-3, "ms")
    for s in series:
        s.points = [(x, y / unit, words) for x, y, words in s.points]
    ticks = [row.x for row in points]
    plot = log_plot(series[::-1], lambda x: f"{x:g}", lambda y: f"{y:g} {word}", "tall", ticks)
    return f'{plot}<div class="legend">{legend}</div>'


def _roofline(record: Record) -> str:
    peaks, rows = record.peaks, [row for row in record.rows if row.flops and row.traffic and row.ratio(row.best)]
    dots = []
    for name, words, kind in ((TORCH, "PyTorch", "twin"), (None, "scratch", "ours")):
        points = []
        for row in rows:
            reached = row.flops / row.times["step"][name or row.best].median / 1e9
            points.append((row.flops / row.traffic, reached, f"{row.name}, {words}: {reached:.3g} GFLOP/s"))
        dots.append(Series(words, kind, points, joined=False))
    low = min(p[0] for p in dots[0].points)
    high = max(*(p[0] for p in dots[0].points), peaks["numpy"] / peaks["bandwidth"] * 4)

    def roof(peak, kind):
        xs = [low, min(max(low, peak / peaks["bandwidth"]), high), high]
        return Series("", kind, [(x, min(peak, x * peaks["bandwidth"]), "") for x in xs])

    roofs = [roof(peaks["torch"], "roof twin"), roof(peaks["numpy"], "roof ours")]
    plot = log_plot([*roofs, *dots], lambda x: f"{x:g}", lambda y: f"{y:g}", "large")
    legend = (
        f'<span><i class="dot ours"></i>scratch</span><span><i class="dot twin"></i>PyTorch</span>'
        f"<span>memory {peaks['bandwidth']:.0f} GB/s (c = a + b); largest product: NumPy {peaks['numpy']:.0f}, "
        f"PyTorch {peaks['torch']:.0f} GFLOP/s</span>"
    )
    return (
        f'<div class="legend">{legend}</div><figure class="panel"><p class="axis-title">GFLOP/s</p>{plot}'
        '<p class="axis-title right">operations a byte</p></figure>'
    )


def _failures(rows: list[Row]) -> str:
    """What could not be measured, and which layers have no kernel."""
    failed = [
        f"<li>{escape(row.name)} ({row.suite}), {escape(name)}: {escape(reason)}"
        for row in rows
        for name, reason in row.notes.items()
        if reason != NO_KERNEL
    ]
    plain = [row.name for row in rows if row.suite == "ops" and row.notes.get(KERNELS) == NO_KERNEL]
    text = f"<h3>Could not be measured</h3><ul>{''.join(failed)}</ul>" if failed else ""
    if plain:
        names = "".join(f"<li>{escape(name)}" for name in plain)
        text += (
            f"<details><summary>{len(plain)} rows have no kernel: the textbook runs</summary><ul>{names}</ul></details>"
        )
    return f"<section><h2>What is missing</h2>{text}</section>" if text else ""
