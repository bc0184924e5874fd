"""Threads and blocks: the one helper all kernels share.

NumPy lets go of the interpreter lock inside its loops, so a few threads can work on slices of one array. A thread
whose loop ends while another holds the lock falls asleep; to sleep and wake costs the two of them 4 µs, on a virtual
machine up to 0.1 ms. Long calls meet less often: blocks of 262,144 items leave the second-level cache and still win.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from scratch.kernels.workers import Worker

BLOCK = 262144  # items a block, where threads meet: see block_size
SMALL = 2 * BLOCK  # items below which two threads are no faster: shorter calls hold the lock, waking takes 0.1 ms
PRODUCTS = 10_000_000  # multiplications from which two threads multiply faster than one
PASSES = 20  # multiplications for which an item counts where the sums of a few passes are products with a vector
ALONE = 262_144  # multiplications up to which OpenBLAS stays on one thread
ROW = 384  # items a row from which NumPy is faster without a buffer

_lock = threading.Lock()
_here = threading.local()  # .inside: this thread is already one of a parallel call's workers
_idle: list[Worker] = []
_busy = 0  # workers that are not idle
_running = 0  # parallel calls in flight, from any thread
_blas_threads_outside: list[int] = []


def _default_threads() -> int:
    try:
        return max(1, int(os.environ["OMP_NUM_THREADS"].split(",")[0]))
    except (KeyError, ValueError):
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_threads = _default_threads()


@lru_cache(maxsize=1)
def _blas():
    """NumPy's BLAS (SciPy brings another, which nothing here multiplies with)."""
    from threadpoolctl import ThreadpoolController

    np.dot(np.ones((2, 2)), np.ones((2, 2)))  # make sure it is loaded
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    return [library for library in libraries if "numpy" in library.filepath] or libraries


def num_threads() -> int:
    """How many threads kernels and BLAS use."""
    return _threads


def set_num_threads(n: int) -> None:
    """Use n threads in kernels and in NumPy's BLAS, as torch.set_num_threads does for torch.

    The default is OMP_NUM_THREADS, or the number of cores this process may run on.
    """
    global _threads
    if not isinstance(n, (int, np.integer)) or n < 1:
        raise ValueError(f"set_num_threads: n must be a positive integer, but is {n!r}")
    with _lock:
        _threads = int(n)
        for library in _blas():
            library.set_num_threads(_threads)
        while len(_idle) >= _threads:
            _idle.pop().dismiss()


def _forget_after_fork() -> None:
    """A forked child has none of its parent's threads."""
    global _idle, _busy, _running, _lock, _here
    _idle, _busy, _running, _lock, _here = [], 0, 0, threading.Lock(), threading.local()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)


def _enter(helpers: int = 0) -> list[Worker]:
    """Up to so many workers, fewer if others have them, to be given back by `_leave`.

    BLAS gets one thread, so that its threads and the workers never fight over the cores.
    """
    global _running, _busy, _blas_threads_outside
    with _lock:
        free = max(0, min(helpers, _threads - 1 - _busy))
        while len(_idle) < free:
            _idle.append(Worker())  # where the system has no thread left this raises, and nothing is changed
        if _running == 0:
            _blas_threads_outside = [library.get_num_threads() for library in _blas()]
            for library in _blas():
                library.set_num_threads(1)
        _running += 1
        _busy += free
        return [_idle.pop() for _ in range(free)]


def _leave(workers: Sequence[Worker] = (), ended: int = 0) -> None:
    """Give the workers back; those behind the first `ended` are still at work and are not used again."""
    global _running, _busy
    with _lock:
        _running -= 1
        _busy -= len(workers)
        for i, worker in enumerate(workers):
            if i < ended and len(_idle) < _threads - 1:
                _idle.append(worker)
            else:
                worker.dismiss()
        if _running == 0:
            for library, n in zip(_blas(), _blas_threads_outside):
                library.set_num_threads(n)


def one_thread() -> bool:
    """Whether this thread has BLAS to itself: there is one, or it is a worker of a parallel call."""
    return _threads == 1 or getattr(_here, "inside", False)


def parallel(task: Callable[[int, int], object], n: int, threads: int | None = None) -> None:
    """`task(lo, hi)` for parts that make up [0, n), on all threads; the caller does those for which none is free.

    With one thread, one item, or from inside another parallel call, it is simply `task(0, n)`. An exception in a part
    is raised here, after all parts have ended. What is set for the caller alone (np.errstate) holds in all of them.
    """
    parts = min(threads or _threads, n)
    if parts <= 1 or getattr(_here, "inside", False):
        if n:
            task(0, n)
        return
    cut = [n * i // parts for i in range(parts + 1)]
    workers, problems = _enter(parts - 1), []
    try:
        own = parts - len(workers)
        for worker, lo, hi in zip(workers, cut[own:], cut[own + 1 :]):
            worker.start(_work, task, lo, hi)
        try:
            for lo, hi in zip(cut[:own], cut[1:]):
                _work(task, lo, hi)
        finally:
            for worker in workers:
                problems.append(worker.wait())
        for problem in problems:
            if problem is not None:
                raise problem
    finally:
        _leave(workers, len(problems))


def multiply(task: Callable[[int, int], object], n: int, products: int) -> None:
    """`parallel` for a task of so many multiplications of matrices in all; few of them stay on this thread.

    On this thread alone: BLAS's threads, once woken, stay awake for a tenth of a second (OpenBLAS's do) and take time
    from whatever follows on two threads. They are let loose where there is much to do and only one part to do it in.
    """
    if one_thread() or products <= ALONE:
        if n:
            task(0, n)
    elif products >= PRODUCTS:
        parallel(task, n)
    else:
        _enter()
        try:
            task(0, n)
        finally:
            _leave()


def over_rows(task: Callable, width: int) -> Callable:
    """`task`, for passes over rows of so many items in which something repeats itself or that lie apart.

    NumPy copies what one stride cannot describe (a row of weights, a number for each row, half of the columns) into
    its buffer of 8192 items and works on that. With rows of 1000 items or more such a pass takes up to three times as
    long as one on the rows where they lie; with short ones the copy pays.
    """
    if width < ROW:
        return task

    def unbuffered(*arguments):
        before = np.setbufsize(ROW)  # of this thread; a row that does not fit is not copied
        try:
            return task(*arguments)
        finally:
            np.setbufsize(before)

    return unbuffered


def _work(task, lo, hi):
    _here.inside = True
    try:
        task(lo, hi)
    finally:
        _here.inside = False


def block_size(items: int) -> int:
    """Items a block of an array of so many: BLOCK where threads meet, half of it on one, which needs less memory."""
    return BLOCK // 2 if items < SMALL or one_thread() else BLOCK


def blockwise(fn: Callable, *arrays: np.ndarray, scratch: int = 0, block: int = 0) -> None:
    """`fn(*slices)` on cache-sized slices of contiguous arrays of one size, flattened, in several threads if it pays.

    The first arrays are read, the last ones written, as fn likes. `scratch` more arrays are handed to fn behind them:
    working space of the first array's dtype, made once per thread. `block` is the items a slice, if not the usual.
    """
    flat = [a.reshape(-1) for a in arrays]
    n = flat[0].size
    block = block or block_size(n)

    def task(lo, hi):
        space = [np.empty(min(block, hi - lo), flat[0].dtype) for _ in range(scratch)]
        for i in range(lo, hi, block):
            j = min(i + block, hi)
            fn(*[a[i:j] for a in flat], *[s[: j - i] for s in space])

    parallel(task, n, 1 if n < SMALL else None)
