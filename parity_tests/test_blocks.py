"""The thread pool: parts, errors, nesting, forks, and BLAS threads that come back."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import scratch
from scratch.kernels import blocks

pytestmark = pytest.mark.usefixtures("two_threads")


def test_the_parts_cover_everything_once():
    for n in (0, 1, 2, 5, 1000):
        seen = np.zeros(n, int)

        def task(lo, hi, seen=seen):
            seen[lo:hi] += 1

        blocks.parallel(task, n)
        assert (seen == 1).all()


def test_blockwise_runs_a_formula_over_slices_with_working_space():
    x = np.arange(1_000_003, dtype=np.float32)
    y = np.empty_like(x)

    def fn(x, y, t):
        np.multiply(x, 2, out=t)
        np.add(t, 1, out=y)

    blocks.blockwise(fn, x, y, scratch=1)
    np.testing.assert_array_equal(y, x * 2 + 1)


def test_blockwise_keeps_to_the_block_it_is_given():
    x, sizes = np.arange(1001.0), []

    def fn(x):
        sizes.append(x.size)
        x += 1

    blocks.blockwise(fn, x, block=100)
    assert (x == np.arange(1, 1002)).all()
    assert sizes == [100] * 10 + [1]


def test_without_a_thread_to_be_had_nothing_is_changed(monkeypatch):
    scratch.set_num_threads(1)  # dismisses those that wait
    scratch.set_num_threads(2)
    counts = [library.get_num_threads() for library in blocks._blas()]

    def none():
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(blocks, "Worker", none)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            blocks.parallel(lambda lo, hi: None, 2)
    assert (blocks._busy, blocks._running) == (0, 0)
    assert [library.get_num_threads() for library in blocks._blas()] == counts
    test_the_parts_cover_everything_once()


def test_an_error_in_any_part_is_raised_and_the_pool_goes_on():
    def task(lo, hi):
        if lo > 0:
            raise KeyError("second part")

    with pytest.raises(KeyError, match="second part"):
        blocks.parallel(task, 10)
    test_the_parts_cover_everything_once()


def test_a_worker_that_was_not_waited_for_is_not_used_again(monkeypatch):
    blocks.parallel(lambda lo, hi: None, 2)
    (worker,) = blocks._idle
    interrupted, on = threading.Event(), threading.Event()

    def wait(self):
        interrupted.set()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(worker), "wait", wait)
        with pytest.raises(KeyboardInterrupt):
            blocks.parallel(lambda lo, hi: lo and on.wait(timeout=60), 2)
    assert interrupted.is_set()
    assert worker not in blocks._idle
    assert (blocks._busy, blocks._running) == (0, 0)
    test_the_parts_cover_everything_once()
    on.set()


def test_idle_workers_are_dismissed_with_fewer_threads_and_others_run_where_all_are_busy():
    scratch.set_num_threads(3)
    seen = []
    blocks.parallel(lambda lo, hi: seen.append((lo, hi)), 3)
    assert len(blocks._idle) == 2
    workers = blocks._enter(1)  # one is left for the call that follows
    blocks.parallel(lambda lo, hi: seen.append((lo, hi)), 3)
    assert sorted(seen) == [(0, 1), (0, 1), (1, 2), (1, 2), (2, 3), (2, 3)]
    blocks._leave(workers, 1)
    assert len(blocks._idle) == 2
    scratch.set_num_threads(2)
    assert len(blocks._idle) == 1
    scratch.set_num_threads(1)
    assert not blocks._idle


def test_blas_gets_one_thread_inside_and_its_own_back_outside():
    counts = [library.get_num_threads() for library in blocks._blas()]
    inside = []
    blocks.parallel(lambda lo, hi: inside.append([library.get_num_threads() for library in blocks._blas()]), 2)
    assert all(n == 1 for part in inside for n in part)
    assert [library.get_num_threads() for library in blocks._blas()] == counts == [2] * len(counts)


def test_products_go_to_threads_if_many_and_else_have_blas_on_one():
    """(parts, multiplications) -> the parts made, and BLAS's threads meanwhile."""

    def seen(n, products):
        calls = []
        blocks.multiply(lambda lo, hi: calls.append((lo, hi, blocks._blas()[0].get_num_threads())), n, products)
        return sorted(calls)

    assert seen(6, blocks.PRODUCTS) == [(0, 3, 1), (3, 6, 1)]
    assert seen(1, blocks.PRODUCTS) == [(0, 1, 2)]  # one large part: BLAS has the threads
    assert seen(6, blocks.PRODUCTS - 1) == [(0, 6, 1)]
    assert seen(6, blocks.ALONE) == [(0, 6, 2)]  # too few for BLAS to start them
    assert seen(0, blocks.ALONE) == []
    scratch.set_num_threads(1)
    assert seen(6, blocks.PRODUCTS) == [(0, 6, 1)]
    scratch.set_num_threads(2)
    with pytest.raises(KeyError):
        blocks.multiply(lambda lo, hi: {}["no"], 6, blocks.PRODUCTS - 1)
    assert seen(6, blocks.ALONE) == [(0, 6, 2)]


def test_nested_and_simultaneous_calls_finish():
    total = []

    def outer(lo, hi):
        blocks.parallel(lambda a, b: total.append(b - a), 10)

    threads = [threading.Thread(target=lambda: blocks.parallel(outer, 2)) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(timeout=60)
    assert sum(total) == 8 * 2 * 10


@pytest.mark.parametrize("n", [0, -1, 1.5, "2"])
def test_a_wrong_number_of_threads_is_refused(n):
    with pytest.raises(ValueError, match="set_num_threads: n must be a positive integer"):
        scratch.set_num_threads(n)


def test_a_forked_child_makes_a_pool_of_its_own_and_no_thread_is_left_at_exit():
    program = """
import os, threading
import numpy as np
from scratch.kernels import blocks
blocks.set_num_threads(2)
def check():
    seen = np.zeros(10)
    def task(lo, hi): seen[lo:hi] += 1
    blocks.parallel(task, 10)
    assert (seen == 1).all()
check()
pid = os.fork()
if pid == 0:
    check()
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
print("done")
"""
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, timeout=60, cwd=os.getcwd()
    )
    assert run.stdout == "done\n", run.stderr


def test_omp_num_threads_sets_the_default():
    run = subprocess.run(
        [sys.executable, "-c", "import scratch; print(scratch.num_threads())"],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "OMP_NUM_THREADS": "3"},
    )
    assert run.stdout.strip() == "3", run.stderr


def test_long_rows_go_past_numpys_buffer_which_comes_back():
    before, seen = np.getbufsize(), []

    def task(fails):
        seen.append(np.getbufsize())
        return 1 // (not fails)

    assert blocks.over_rows(task, blocks.ROW - 1) is task
    assert blocks.over_rows(task, blocks.ROW)(False) == 1
    with pytest.raises(ZeroDivisionError):
        blocks.over_rows(task, blocks.ROW)(True)
    assert seen == [blocks.ROW] * 2
    assert np.getbufsize() == before > blocks.ROW


def test_what_the_caller_has_set_holds_in_every_part():
    seen = []
    with np.errstate(divide="raise"):
        blocks.parallel(lambda lo, hi: seen.append((threading.get_ident(), np.geterr()["divide"])), 2)
    threads, settings = zip(*seen)
    assert len(set(threads)) == 2
    assert settings == ("raise", "raise")
    assert np.geterr()["divide"] == "warn"
