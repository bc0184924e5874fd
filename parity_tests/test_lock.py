import time

import psutil
import pytest

from benchmarks import lock, page, speed_report
from benchmarks.record import Record, Row
from benchmarks.run import How, entries
from benchmarks.subjects import KERNELS, TORCH
from benchmarks.timing import Spread


@pytest.mark.usefixtures("two_threads")
def test_a_row_has_all_five_ways_and_leaves_no_process_behind():
    (entry,) = entries(("nets",), "^tiny MLP")
    row = lock.measure(entry, How(seconds=0.0, rounds=1))
    assert set(row.times["step"]) == {KERNELS, TORCH, lock.ALONE, lock.BESIDE, lock.TORCH_ALONE}
    assert min(lock.gains(row, 2)) > 0
    assert not psutil.Process().children()


def test_neighbours_work_only_while_they_are_awake():
    (entry,) = entries(("nets",), "^tiny MLP")
    with lock.neighbours(entry.name, "float32", 1) as awake:
        (neighbour,) = psutil.Process().children()

        def comes_to(stopped):
            return any(
                (neighbour.status() == psutil.STATUS_STOPPED) == stopped or time.sleep(0.01) for _ in range(1000)
            )

        assert comes_to(stopped=True)
        with awake():
            assert comes_to(stopped=False)
        assert comes_to(stopped=True)


def test_a_neighbour_that_does_not_start_is_an_error():
    with (
        pytest.raises(RuntimeError, match="no such row: a process beside this one did not start"),
        lock.neighbours("no such row", "float32", 1),
    ):
        pass


def test_what_the_lock_costs_is_reckoned_from_the_medians():
    seconds = {KERNELS: 8.0, lock.ALONE: 10.0, lock.BESIDE: 12.5, TORCH: 5.0, lock.TORCH_ALONE: 9.0}
    row = Row("some", {"step": {name: Spread(s, s, s, 1) for name, s in seconds.items()}}, suite="lock")
    # 2 processes do 1.6 times the work of one; so fast, a step would take 6.25 seconds: 1.25 times torch's
    assert lock.gains(row, 2) == (1.25, 1.6, 1.8, 1.6, 1.25)
    assert lock.gains(Row("other"), 2) is None
    work, left = lock.summary([row, Row("other")], 2)
    assert (
        work == "the work of 2 threads over one: scratch 1.25, PyTorch 1.80; of 2 processes: scratch 1.60, over 1 rows"
    )
    assert left == "scratch / torch: 1.60 with its threads; 1.25 if they gained what processes do"
    assert lock.summary([], 2) == []
    whole = Record({"cpu": "some", "allocator": ""}, {"threads": 2, "dtype": "float32"}, [row])
    assert "| some | 1.25 | 1.60 | 1.80 | 1.60 | 1.25 |" in page._lock(whole)
    assert "<th scope=row>some<td>1.25<td>1.60<td>1.80<td>1.60<td>1.25" in speed_report._lock([row], 2)
