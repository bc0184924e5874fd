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

import torch

import scratch
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


def set_threads(n: int) -> None:
    scratch.set_num_threads(n)
    torch.set_num_threads(n)


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


def gains(row: Row) -> tuple[float, float, float] | None:
    """The work of all threads, of as many processes, and of PyTorch's threads, over that of one thread alone."""
    times = {name: spread.median for name, spread in row.times.get("step", {}).items()}
    if not {KERNELS, ALONE, BESIDE, TORCH, TORCH_ALONE} <= times.keys():
        return None
    return times[ALONE] / times[KERNELS], times[ALONE] / times[BESIDE], times[TORCH_ALONE] / times[TORCH]


def summary(rows: Sequence[Row], threads: int) -> list[str]:
    """Geometric means of the gains, and what would be left of the ratio to PyTorch without the lock."""
    found = [(row, gain) for row in rows if (gain := gains(row))]
    if not found:
        return []
    ours, beside, theirs = (geometric_mean(values) for values in zip(*(gain for _, gain in found)))
    ratio = geometric_mean(row.ratio(KERNELS) for row, _ in found)
    return [
        f"the work of {threads} threads over one: scratch {ours:.2f}, PyTorch {theirs:.2f}; "
        f"of {threads} processes: scratch {threads * beside:.2f}, over {len(found)} rows",
        f"scratch / torch: {ratio:.2f} with its threads; {ratio * ours / (threads * beside):.2f} if they gained what "
        "processes do",
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
