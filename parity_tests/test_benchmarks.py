"""The benchmarks' own logic. Nothing here depends on how fast the machine is."""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import scratch
from benchmarks import (
    demo,
    floors,
    machine,
    memory,
    nets,
    page,
    readme,
    report_charts,
    roofline,
    run,
    speed_report,
    timing,
)
from benchmarks.__main__ import main
from benchmarks.compare import changes
from benchmarks.record import NO_KERNEL, Record, Row, geometric_mean, slope
from benchmarks.run import Entry, How, entries, measure
from benchmarks.steps import net_subjects, scratch_step, torch_step
from benchmarks.subjects import AGAIN, KERNELS, TEXTBOOK, TORCH, chosen
from benchmarks.timing import PHASES, Spread, Subject, alternate, spread

ONCE = How(seconds=0.0, rounds=1)


@pytest.fixture(autouse=True)
def _threads_as_before():
    ours, twin = scratch.num_threads(), torch.get_num_threads()
    yield
    scratch.set_num_threads(ours)
    torch.set_num_threads(twin)


def around(median, shift=0.0):
    turns = tuple(median * (1 + 0.01 * i + shift) for i in range(-3, 4))
    return Spread(median, 0.97 * median, 1.04 * median, 20, turns)


def row(name="Linear: small", suite="ops", **medians):
    times = {phase: {subject: around(m) for subject, m in medians.items()} for phase in PHASES}
    sizes = dict.fromkeys(medians, 1 << 20)
    return Row(name, times, sizes, suite=suite, flops=10**6, traffic=10**5)


def record(*rows, **medians):
    settings = {"threads": 1, "dtype": "float32", "device": "cpu", "seconds": 1.0, "quick": False}
    peaks = {"bandwidth": 20.0, "numpy": 100.0, "torch": 90.0}
    return Record(machine.describe(), settings, [*rows] or [row(**medians)], peaks)


def test_a_measurement_survives_its_json_file(tmp_path):
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    argv = ["nets", "--quick", "--threads", "1", "--json", str(first), "--html", str(tmp_path / "a.html")]
    assert main([*argv, "--filter", "^tiny MLP"]) == 0
    read = Record.read(first)
    assert [(row.suite, row.name) for row in read.rows] == [("nets", "tiny MLP 4-8-2, batch 8")]
    assert set(read.rows[0].times) == set(PHASES)
    assert all(isinstance(s, Spread) and 0 < s.q20 <= s.median <= s.q80 for s in read.rows[0].times["step"].values())
    read.write(second)
    assert Record.read(second) == read


def test_a_file_of_something_else_is_refused(tmp_path):
    (tmp_path / "other.json").write_text("[]")
    with pytest.raises(ValueError, match="no file of"):
        Record.read(tmp_path / "other.json")


def test_later_files_replace_rows_of_earlier_ones(tmp_path):
    record(row("a", kernels=1.0), row("b", kernels=1.0)).write(tmp_path / "a.json")
    record(row("b", kernels=2.0), row("b", "nets", kernels=3.0)).write(tmp_path / "b.json")
    joined = Record.read_all([tmp_path / "a.json", tmp_path / "b.json"])
    assert [(r.suite, r.name, r.times["step"]["kernels"].median) for r in joined.rows] == [
        ("ops", "a", 1.0), ("ops", "b", 2.0), ("nets", "b", 3.0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["speed"], "no suite 'speed'"),
        (["--against", "jax"], "jax: choose from"),
        (["--against", "cupy"], "add --device cuda"),
        pytest.param(
            ["--device", "cuda"],
            "finds no GPU",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU"),
        ),
    ],
)
def test_what_cannot_be_measured_is_refused_with_the_reason(argv, reason, capsys):
    assert main(argv) == 2
    assert reason in capsys.readouterr().err


def test_a_regular_expression_that_is_none_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["--filter", "("])
    assert "no regular expression" in capsys.readouterr().err


def test_compare_finds_a_planted_change_and_nothing_else():
    before, after = record(kernels=1.0, textbook=2.0, torch=1.0), record(kernels=1.3, textbook=2.02, torch=1.0)
    after.rows[0].memory[KERNELS] = 1 << 19
    found = {(c.what, c.subject): c.verdict for c in changes(before, after)}
    assert {what for what, v in found.items() if v == "slower"} == {(phase, "scratch") for phase in PHASES}
    assert found["peak memory", "scratch"] == "smaller"
    assert all(found[phase, "textbook"] == "no change" for phase in PHASES)


def test_turns_that_overlap_are_no_change_however_far_the_medians_are_apart():
    before, after = record(kernels=1.0), record(kernels=1.0)
    for phase in PHASES:
        before.rows[0].times[phase][KERNELS] = Spread(1.0, 0.5, 2.0, 9, (0.5, 2.0, 0.6, 1.0, 1.9, 0.9))
        after.rows[0].times[phase][KERNELS] = Spread(1.2, 0.5, 2.0, 9, (2.0, 0.5, 1.2, 0.7, 2.1, 1.2))
    assert {c.verdict for c in changes(before, after)} == {"no change"}


def test_three_turns_are_too_few_for_a_change():
    before, after = record(kernels=1.0), record(kernels=2.0)
    for r in (before, after):
        for phase in PHASES:
            r.rows[0].times[phase][KERNELS] = r.rows[0].times[phase][KERNELS]._replace(turns=(1.0, 1.0, 1.0))
    assert {c.verdict for c in changes(before, after) if c.what in PHASES} == {"no change"}


def test_a_new_kernel_is_compared_with_the_textbook_that_ran_before():
    found = {c.what: c for c in changes(record(textbook=2.0, torch=1.0), record(kernels=1.0, torch=1.0))}
    assert found["step"].verdict == "faster"
    assert found["step"].factor == 0.5


def test_compare_prints_the_change(tmp_path, capsys):
    record(kernels=1.0, torch=1.0).write(tmp_path / "a.json")
    record(kernels=2.0, torch=1.0).write(tmp_path / "b.json")
    main(["compare", str(tmp_path / "a.json"), str(tmp_path / "b.json")])
    printed = capsys.readouterr().out
    assert "slower" in printed
    assert "×2.00" in printed


def test_each_subject_runs_forward_backward_update_in_this_order():
    calls = []
    subject = Subject(
        forward=lambda: calls.append("forward") or "held",
        backward=lambda held: calls.append(f"backward of {held}"),
        update=lambda: calls.append("update"),
        clear=lambda: calls.append("clear"),
    )
    timed = alternate({"it": subject}, seconds=0.0, turn=0.0, rounds=2)
    assert calls[:4] == ["clear", "forward", "backward of held", "update"]
    assert timed.phases["step"]["it"].median >= timed.phases["backward"]["it"].median


def test_spread_is_the_median_and_the_fifths():
    assert spread([[1, 2, 3], [4, 5, 6]]) == Spread(3.5, 2.0, 5.0, 6, (2.0, 5.0))


def test_geometric_mean_of_a_half_and_a_double_is_one():
    assert geometric_mean([0.5, 2.0]) == pytest.approx(1.0)


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_peak_memory_is_that_of_the_highest_point(kind):
    """Two arrays of 1 MB live together, a third when both are gone: 2 MB."""
    make = (lambda: np.ones(1 << 17)) if kind == "numpy" else (lambda: torch.ones(1 << 17, dtype=torch.float64))

    def forward():
        both = make(), make()
        del both
        return make()

    peak = memory.peak(Subject(forward, lambda held: None, memory=kind))
    assert 2 << 20 <= peak < (2 << 20) + 50_000


def test_both_sides_of_a_row_compute_the_same_gradients():
    """What is timed is a training step: after it both networks have moved alike."""
    ours, twin = nets.twins(nets.mlp(3, 4, 2), "float64")
    x, target = np.random.default_rng(0).normal(size=(5, 3)), np.array([0, 1, 1, 0, 1])
    before = ours.state_dict()
    scratch_step(ours, x, target).run()
    torch_step(twin, x, target).run()
    for key, value in ours.state_dict().items():
        np.testing.assert_allclose(value, twin.state_dict()[key].numpy(), rtol=0, atol=1e-15)
        assert not np.array_equal(value, before[key])


@pytest.mark.parametrize("net", nets.OVERHEAD, ids=lambda net: net.name)
def test_both_sides_of_a_network_compute_the_same(net):
    """In float64, with what one step has done to the weights, or their gradients where there is no step."""
    if "Dropout" in net.name:
        pytest.skip("the masks are random")
    ours, twin = nets.twins(net.build, "float64")
    rng = np.random.default_rng(1)
    x = rng.normal(size=net.shape) if net.tokens is None else rng.integers(0, net.tokens, net.shape)
    target = None if net.classes is None else rng.integers(0, net.classes, net.shape[0])
    scratch_step(ours, x, target).run()
    torch_step(twin, x, target).run()
    theirs = dict(twin.named_parameters())
    for key, weight in ours.named_parameters():
        np.testing.assert_allclose(weight.data, theirs[key].detach().numpy(), atol=1e-12)
        np.testing.assert_allclose(weight.grad, theirs[key].grad.numpy(), atol=1e-12)


def test_there_is_a_row_for_every_layer_and_every_suite_has_rows():
    names = {entry.name for entry in entries()}
    assert {"tiny MLP 4-8-2, batch 8", "Linear: 784x256, 256 rows", "LSTM classifier, B32 T50, 10k words"} <= names
    assert {entry.suite for entry in entries()} == set(run.SUITES) - (
        {"models"} if not scratch.models.__all__ else set()
    )


def test_a_row_without_a_kernel_says_so_and_shows_the_textbook():
    (entry,) = entries(["ops"], "^Bilinear")
    found = measure(entry, ONCE)
    assert found.best == TEXTBOOK
    assert found.notes == {KERNELS: NO_KERNEL}
    assert found.ratio(TEXTBOOK) > 0
    assert found.memory[TORCH] > 0
    assert not found.failed


def test_a_row_that_fails_is_reported_and_the_others_go_on(capsys):
    def make(dtype, device, names):
        if names[0] == KERNELS:
            raise ValueError("conv2d: no such thing")
        return {names[0]: Subject(lambda: None, lambda held: None)}

    found = measure(Entry("ops", "Broken: row", make), ONCE)
    assert found.failed
    assert found.notes[KERNELS] == "ValueError: conv2d: no such thing"
    assert found.ratio(AGAIN) > 0
    page = speed_report.render(record(found, row(kernels=1.0, torch=1.0)))
    assert "ValueError: conv2d: no such thing" in page


def test_on_a_gpu_the_textbook_runs_on_cupy():
    assert chosen(["torch", "torch-compile", "textbook"], "cuda") == ("CuPy", TORCH, AGAIN, "torch.compile")
    assert chosen(["textbook", "torch"]) == (TEXTBOOK, KERNELS, TORCH, AGAIN)


def test_operations_of_a_linear_layer_are_counted_by_hand():
    """x (5, 3), weight (4, 3): y = x Wᵀ, dx = dy W, dW = dyᵀ x are 2·5·3·4 each; db sums 5·4 numbers."""
    ours = Entry("ops", "", lambda *how: net_subjects(nets.Net("", lambda nn: nn.Linear(3, 4), (5, 3)), *how))
    subject = ours.make("float32", "cpu", [TORCH])[TORCH]
    subject.run()
    assert roofline.flops(subject) == 3 * 2 * 5 * 3 * 4 + 5 * 4


def test_bytes_of_a_linear_layer_are_counted_by_hand():
    """784x256, 256 rows: x, weight, bias read twice, their gradients written, y written, dy read; 4 bytes each."""
    (entry,) = entries(["ops"], "^Linear: 784x256")
    subject = entry.make("float32", "cpu", [TORCH])[TORCH]
    assert subject.traffic == 4 * (3 * (256 * 784 + 784 * 256 + 256) + 2 * 256 * 256)


def test_the_slope_of_a_square_is_two():
    points = []
    for x in (1, 2, 4, 8):
        point = row(kernels=float(x**2))
        point.x, point.memory = x, {KERNELS: 100 * x}
        points.append(point)
    assert slope(points, KERNELS) == pytest.approx(2)
    assert slope(points, KERNELS, memory=True) == pytest.approx(1)


def test_resident_pages_count_what_no_python_meter_sees():
    """16 MB written and freed, without NumPy or torch being asked."""
    import mmap

    if not memory.CLEAR.exists():
        pytest.skip("only Linux counts resident pages this way")

    def forward():
        with mmap.mmap(-1, 16 << 20) as block:
            block.write(bytes(1 << 20) * 16)

    assert 15 << 20 < memory.resident(Subject(forward, lambda held: None)) < 40 << 20


def test_a_fresh_process_measures_both_kinds_of_memory():
    found = memory.fresh("MLP 784-256-10, batch 256", TORCH, "float32", 1)
    assert found["asked"] > 1 << 20


def test_a_fresh_process_that_fails_says_so(monkeypatch):
    monkeypatch.setattr(memory.sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError, match="the process ended with 1"):
        memory.fresh("any", TORCH, "float32", 1)


def full_record():
    """A row of every suite, one of them a failure."""
    points = [row(f"curve: {x}", "scaling", kernels=float(x), textbook=2.0 * x, torch=1.0) for x in (1, 2, 4)]
    for x, point in zip((1, 2, 4), points):
        point.curve, point.x = "curve", x
    rows = [row(suite=suite, kernels=0.5, textbook=2.0, torch=1.0) for suite in ("ops", "nets", "memory", "overhead")]
    rows[2].resident = {KERNELS: 2 << 20, TORCH: 3 << 20}
    return record(*rows, *points, Row("broken", notes={KERNELS: "ValueError"}))


def test_the_report_needs_nothing_else_and_shows_every_suite(tmp_path):
    speed_report.write(full_record(), tmp_path / "speed.html")
    page = (tmp_path / "speed.html").read_text(encoding="utf-8")
    for suite in ("ops", "nets", "memory", "scaling", "overhead", "roofline"):
        assert f'<section id="{suite}">' in page
    assert not re.search(r"https?://|@import|url\(|(?:src|href)=", page)
    assert "$" not in page.replace("${", "")
    assert "broken" in page


def test_the_readme_gets_its_table_and_its_chart(tmp_path):
    (tmp_path / "README.md").write_text("before <!-- speed -->old<!-- /speed --> after")
    readme.write([full_record(), full_record()], ["a.json", "b.json"], tmp_path)
    page = (tmp_path / "README.md").read_text()
    assert page.startswith("before <!-- speed -->\n")
    assert page.endswith("\n<!-- /speed --> after")
    assert "old" not in page
    assert "×0.50" in page
    assert (tmp_path / readme.IMAGE).read_bytes().startswith(b"\x89PNG")
    every = (tmp_path / "docs/speed.md").read_text()
    assert "python -m benchmarks --readme a.json b.json" in every
    for title in ("Networks", "Layers", "Peak memory", "How it grows", "Tiny inputs", "Layers behind their aim"):
        assert f"### {title}" in every
    assert "0.50" in every


def test_models_measured_on_their_own_stand_in_the_page_and_have_no_line_of_sums(tmp_path):
    (tmp_path / "README.md").write_text("<!-- speed --><!-- /speed -->")
    models = record(row("a model", "models", kernels=0.25, torch=1.0))
    readme.write([full_record(), models], ["a.json", "b.json"], tmp_path)
    assert (tmp_path / "README.md").read_text().count(", float32, 1 thread") == 1
    assert "### Models" in (tmp_path / "docs/speed.md").read_text()


def test_a_row_behind_its_aim_says_why():
    slow, fast = (row("LayerNorm: 8192 rows of 768", kernels=time, torch=1.0) for time in (3.0, 2.5))
    assert page.missed(slow)
    assert "11 passes" in page._line(slow, record(slow))
    assert not page.missed(fast)  # its aim is 2.8
    assert "passes" not in page._line(fast, record(fast))
    assert page.missed(row("Anything", kernels=2.1, torch=1.0))


def test_the_floor_is_made_of_passes_or_products():
    measured = record()
    silu = replace(row("SiLU: 8M", kernels=3.0, torch=1.0), traffic=5 * 4 * 8_000_000)
    product = replace(row("Conv3d: small", kernels=3.0, torch=1.0), flops=50 * 10**9)
    assert floors.floor(silu, measured) is None  # its peaks tell nothing of passes
    measured.peaks |= {"pass": 0.1, "exp": 0.2, "tanh": 0.4}
    assert floors.floor(silu, measured) == pytest.approx(8e6 * (11 * 0.1 + 2 * 0.2) * 1e-9)
    measured.settings["threads"] = 2
    assert floors.floor(silu, measured) == pytest.approx(4e6 * (11 * 0.1 + 2 * 0.2) * 1e-9)
    assert floors.floor(product, measured) == pytest.approx(0.5)  # at 100 GFLOP/s, which both threads make
    assert floors.floor(row("Flatten"), measured) is None
    assert "| 3.00 |  | 0.50 |" in page._line(product, measured)
    half_of_it = replace(product, flops=25 * 10**9)
    sums = page._sums([product, half_of_it, row("Flatten", kernels=9.0, torch=1.0)], measured)
    assert "floors / torch: geometric mean 0.35 over 2 rows; scratch there 3.00" in sums  # sqrt(0.5 · 0.25)
    assert "at its floor: geometric mean 1.04 over all 3 rows" in sums  # (0.5 · 0.25 · 9) ** (1 / 3)


def test_a_readme_without_a_place_for_the_table_is_refused(tmp_path):
    (tmp_path / "README.md").write_text("nothing here")
    with pytest.raises(ValueError, match="no place"):
        readme.write([full_record()], ["a.json"], tmp_path)


def test_scientific_reads_as_printed_in_a_book():
    assert report_charts.scientific(2.4e-15) == "2.4·10⁻¹⁵"
    assert report_charts.scientific(0.0) == "0"


@pytest.mark.parametrize("data", ["fashion-mnist", "digits"])
def test_the_demo_writes_a_report_that_needs_nothing_else(tmp_path, data):
    if data == "fashion-mnist":
        try:
            scratch.data.load(data, download=False)
        except FileNotFoundError:
            pytest.skip("FashionMNIST is not on this machine")
    path = tmp_path / "report" / "index.html"
    story = demo.main(["--quick", "--threads", "1", "--data", data, "--out", str(path)])
    page = path.read_text(encoding="utf-8")
    assert re.findall(r"""(?:src|href)\s*=\s*["']?(?!data:)[^"'\s>]+""", page) == []
    assert not re.search(r"https?://|@import|url\((?!data:)", page)
    assert "$" not in page
    assert len(story.single.ours) == len(story.single.twin) == 10
    assert story.double.difference().max() < 1e-12
    assert story.largest_gradient_difference("float64")[1].gradient < 1e-10


def test_a_turn_begins_when_all_threads_of_the_process_sleep(monkeypatch):
    """A thread that spins uses as much of the process's time as passes; the clocks are ours."""
    now, used, until = [0.0], [0.0], [0.1]

    def sleep(seconds):
        used[0] += max(0.0, min(until[0], now[0] + seconds) - now[0])
        now[0] += seconds

    clocks = {"sleep": sleep, "perf_counter": lambda: now[0], "process_time": lambda: used[0]}
    monkeypatch.setattr(timing, "time", SimpleNamespace(**clocks))
    timing.settle()
    assert now[0] == pytest.approx(0.1 + timing.PAUSE)
    until[0] = np.inf
    timing.settle()
    assert now[0] == pytest.approx(0.1 + timing.PAUSE + timing.PATIENCE)
