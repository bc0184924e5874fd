"""What the interpreter lock costs: kernels on all threads, beside the same on one thread in as many processes at once.

Such processes share cores, caches and memory as threads do, but no interpreter. What they gain over one process alone
is therefore what the machine has to give to this code; what threads fall short of it is the price of one interpreter:
waiting for its lock, and waking up from that.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import NamedTuple

import scratch
from benchmarks.machine import set_threads
from benchmarks.record import Row, geometric_mean
from benchmarks.subjects import KERNELS, TORCH
from benchmarks.timing import Subject, alternate

ALONE, BESIDE, TORCH_ALONE = "one thread", "one thread, side by side", "torch, one thread"
READY = "ready"  # says a neighbour that has started


def measure(entry, how) -> Row:
    """A step of this entry on all threads, on one alone, and on one with neighbours on the other cores."""
    row, threads = Row(entry.name), scratch.num_threads()
    ours, theirs = (entry.make(how.dtype, how.device, [name])[name] for name in (KERNELS, TORCH))
    with neighbours(entry.name, how.dtype, threads - 1) as awake:
        subjects = {
            KERNELS: on(ours, threads),
            ALONE: on(ours, 1),
            BESIDE: on(ours, 1, awake),
            TORCH: on(theirs, threads),
            TORCH_ALONE: on(theirs, 1),
        }
        row.times = alternate(subjects, how.seconds, rounds=how.rounds).phases
    return row


def on(subject: Subject, threads: int, beside: Callable = nullcontext) -> Subject:
    """The same on so many threads."""

    @contextmanager
    def around():
        before = scratch.num_threads()
        set_threads(threads)
        try:
            with subject.around(), beside():
                yield
        finally:
            set_threads(before)

    return replace(subject, around=around)


@contextmanager
def neighbours(name: str, dtype: str, n: int) -> Iterator[Callable]:
    """So many processes that run the same step on one thread each, while within the context that is yielded."""
    arguments = [sys.executable, "-m", "benchmarks.lock", name, dtype]
    processes = [subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) for _ in range(n)]

    @contextmanager
    def awake():
        for process in processes:
            process.send_signal(signal.SIGCONT)
        try:
            yield
        finally:
            for process in processes:
                process.send_signal(signal.SIGSTOP)

    try:
        for process in processes:
            if process.stdout is None or process.stdout.readline().strip() != READY:
                raise RuntimeError(f"{name}: a process beside this one did not start")
            process.send_signal(signal.SIGSTOP)
        yield awake
    finally:
        for process in processes:
            process.kill()
            process.communicate()


class Gains(NamedTuple):
    """The work of threads and of processes over that of one thread alone, and what the lock makes of it."""

    threads: float
    processes: float
    torch: float  # of PyTorch's threads over one of them
    ratio: float  # of scratch's time to PyTorch's, on all threads
    unlocked: float  # the same, did threads gain what processes do


def gains(row: Row, n: int) -> Gains | None:
    """Those of n threads and n processes; None for a row without them."""
    times = {name: spread.median for name, spread in row.times.get("step", {}).items()}
    if not {KERNELS, ALONE, BESIDE, TORCH, TORCH_ALONE} <= times.keys():
        return None
    threads, processes = times[ALONE] / times[KERNELS], n * times[ALONE] / times[BESIDE]
    ratio = times[KERNELS] / times[TORCH]
    return Gains(threads, processes, times[TORCH_ALONE] / times[TORCH], ratio, ratio * threads / processes)


def summary(rows: Sequence[Row], n: int) -> list[str]:
    """Geometric means of all gains."""
    found = [gain for row in rows if (gain := gains(row, n))]
    if not found:
        return []
    mean = Gains(*map(geometric_mean, zip(*found)))
    return [
        f"the work of {n} threads over one: scratch {mean.threads:.2f}, PyTorch {mean.torch:.2f}; "
        f"of {n} processes: scratch {mean.processes:.2f}, over {len(found)} rows",
        f"scratch / torch: {mean.ratio:.2f} with its threads; {mean.unlocked:.2f} if they gained what processes do",
    ]


def main(name: str, dtype: str) -> None:
    """Step after step until killed, or left behind."""
    from benchmarks.run import entries

    set_threads(1)
    (entry,) = entries(("ops", "nets"), f"^{re.escape(name)}$")
    subject, parent = entry.make(dtype, "cpu", [KERNELS])[KERNELS], os.getppid()
    with subject.around():
        subject.run()
        print(READY, flush=True)
        while os.getppid() == parent:
            subject.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
