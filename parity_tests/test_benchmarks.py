"""The benchmarks' own logic. Nothing here depends on how fast the machine is."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch

import scratch
from benchmarks import demo, memory, report_charts
from benchmarks.__main__ import main
from benchmarks.compare import changes, verdict
from benchmarks.record import Record, Row, geometric_mean
from benchmarks.run import all_rows, measure
from benchmarks.subjects import KERNELS, TORCH
from benchmarks.timing import PHASES, Spread, Subject, alternate, spread


@pytest.fixture(autouse=True)
def _threads_as_before():
    ours, twin = scratch.num_threads(), torch.get_num_threads()
    yield
    scratch.set_num_threads(ours)
    torch.set_num_threads(twin)


def around(median):
    return Spread(median, 0.97 * median, 1.04 * median, 20)


def record(**medians):
    times = {phase: {subject: around(m) for subject, m in medians.items()} for phase in PHASES}
    return Record({"cpu": "one"}, {"threads": 1}, [Row("Linear: small", times, {KERNELS: 1000, TORCH: 1000})])


def test_a_measurement_survives_its_json_file(tmp_path):
    main(["--filter", "^tiny MLP", "--seconds", "0.01", "--threads", "1", "--json", str(tmp_path / "a.json")])
    read = Record.read(tmp_path / "a.json")
    assert [row.name for row in read.rows] == ["tiny MLP 4-8-2, batch 8"]
    assert set(read.rows[0].times) == set(PHASES)
    assert all(isinstance(s, Spread) and 0 < s.q20 <= s.median <= s.q80 for s in read.rows[0].times["step"].values())
    read.write(tmp_path / "b.json")
    assert Record.read(tmp_path / "b.json") == read


def test_a_file_of_something_else_is_refused(tmp_path):
    (tmp_path / "other.json").write_text("[]")
    with pytest.raises(ValueError, match="no file of"):
        Record.read(tmp_path / "other.json")


def test_compare_finds_a_planted_change_and_nothing_else():
    before, after = record(kernels=1.0, textbook=2.0, torch=1.0), record(kernels=1.3, textbook=2.02, torch=1.0)
    after.rows[0].memory[KERNELS] = 800
    found = {(c.what, c.subject): c.verdict for c in changes(before, after)}
    assert {what for what, v in found.items() if v == "slower"} == {(phase, KERNELS) for phase in PHASES}
    assert found["peak memory", KERNELS] == "smaller"
    assert all(found[phase, "textbook"] == "no change" for phase in PHASES)


def test_medians_with_overlapping_spreads_are_no_change():
    assert verdict(Spread(1.0, 0.8, 1.3, 9), Spread(1.2, 1.1, 1.4, 9)) == "no change"
    assert verdict(Spread(1.0, 0.9, 1.05, 9), Spread(0.5, 0.4, 0.6, 9)) == "faster"


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
    timing = alternate({"it": subject}, seconds=0.0, turn=0.0)
    assert calls[:4] == ["clear", "forward", "backward of held", "update"]
    assert timing.phases["step"]["it"].median >= timing.phases["backward"]["it"].median


def test_spread_is_the_median_and_the_fifths():
    assert spread([1, 2, 3, 4, 5, 6]) == Spread(3.5, 2.0, 5.0, 6)


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
    from benchmarks.nets import mlp, scratch_step, torch_step, twins

    ours, twin = twins(mlp(3, 4, 2), "float64")
    x, target = np.random.default_rng(0).normal(size=(5, 3)), np.array([0, 1, 1, 0, 1])
    before = ours.state_dict()
    scratch_step(ours, x, target).run()
    torch_step(twin, x, target).run()
    for key, value in ours.state_dict().items():
        np.testing.assert_allclose(value, twin.state_dict()[key].numpy(), rtol=0, atol=1e-15)
        assert not np.array_equal(value, before[key])


def test_every_row_can_be_built():
    makers = all_rows()
    assert {"tiny MLP 4-8-2, batch 8", "Linear: 784x256, 256 rows"} <= set(makers)
    row = measure("tiny", makers["tiny MLP 4-8-2, batch 8"]("float64", "cpu", False), 0.0)
    assert row.ratio(row.best) > 0
    assert row.memory[TORCH] > 0


def test_rows_are_drawn_as_a_chart(tmp_path):
    from benchmarks.chart import draw

    full = record(kernels=0.5, textbook=2.0, torch=1.0)
    full.machine = demo.machines.describe()
    draw(replace(full, rows=[*full.rows, replace(full.rows[0], name="LeNet, batch 100")]), tmp_path / "chart.png")
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")


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
