"""Peak memory of one step, counted the same way on both sides: bytes above those held before the step.

What a step asks its allocator for (`peak`), in the process that is timed:
numpy : tracemalloc, to which NumPy reports every array it allocates (and Python its own objects, some KB).
torch : torch's profiler, which records every allocation and release of its CPU allocator.
cupy  : the growth of its memory pool, emptied before (what the pool rounds up is counted).
cuda  : torch.cuda.max_memory_allocated.
Two different meters, blind to what BLAS libraries and oneDNN take for themselves. Hence a third that knows neither
side:

What the system gives (`resident`): the high-water mark of the process's resident pages over those before the step
(Linux). Each subject has a process of its own, whose allocator hands freed memory back at once, so that no step can
hide in what an earlier one left (`python -m benchmarks memory`). A few hundred KB of it are noise.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tracemalloc
import warnings
from contextlib import contextmanager
from pathlib import Path

import torch

from benchmarks.timing import Subject

# glibc maps everything above 64 KB on its own and hands it back when it is freed.
GIVE_BACK = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "0", "MALLOC_TOP_PAD_": "0"}
NOISE = 1 << 20  # bytes of a resident peak below which nothing can be said
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def fresh(net: str, name: str, dtype: str, threads: int) -> dict[str, int]:
    """{"asked": bytes, "resident": bytes} of one step of this subject, in a process of its own."""
    arguments = [sys.executable, "-m", "benchmarks.memory", net, name, dtype, str(threads)]
    run = subprocess.run(arguments, capture_output=True, text=True, env={**os.environ, **GIVE_BACK}, timeout=300)
    if run.returncode:
        last = run.stderr.strip().splitlines()[-1:] or [f"the process ended with {run.returncode}"]
        raise RuntimeError(last[0])
    return json.loads(run.stdout.splitlines()[-1])


def main(net: str, name: str, dtype: str, threads: str) -> None:
    from benchmarks.machine import set_threads
    from benchmarks.nets import LONG, NETS
    from benchmarks.steps import net_subjects

    set_threads(int(threads))
    found = next(n for n in (*NETS, *LONG) if n.name == net)
    subject = net_subjects(found, dtype, "cpu", [name])[name]
    result = {"asked": peak(subject)}
    if CLEAR.exists():
        result["resident"] = resident(subject)
    print(json.dumps(result))


def resident(subject: Subject) -> int:
    """Bytes by which the resident pages rise above those before a step."""
    with subject.around():
        subject.run()
        subject.clear()
        gc.collect()
        CLEAR.write_text("5")  # the high-water mark starts again from here
        before = _status("VmRSS")
        subject.run()
        return max(0, _status("VmHWM") - before)


def _status(key: str) -> int:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(key + ":"))
    return int(line.split()[1]) * 1024


def peak(subject: Subject) -> int:
    """Bytes at the highest point of forward, backward and update, above what is held between steps."""
    with subject.around():
        subject.run()
        subject.clear()
        subject.synchronize()
        gc.collect()
        return _METERS[subject.memory](subject)


def _numpy(subject: Subject) -> int:
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        subject.run()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def _torch(subject: Subject) -> int:
    from torch.profiler import ProfilerActivity, profile

    with _silence(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as recorded:
            subject.run()
    changes = [e for e in recorded.profiler.kineto_results.events() if e.name() == "[memory]"]
    held = highest = 0
    for event in sorted(changes, key=lambda e: e.start_ns()):
        held += event.nbytes()
        highest = max(highest, held)
    return highest


def _cupy(subject: Subject) -> int:
    import cupy  # pyright: ignore[reportMissingImports]

    pool = cupy.get_default_memory_pool()
    pool.free_all_blocks()
    before = pool.total_bytes()
    subject.run()
    return pool.total_bytes() - before


def _cuda(subject: Subject) -> int:
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    subject.run()
    return torch.cuda.max_memory_allocated() - before


_METERS = {"numpy": _numpy, "torch": _torch, "cupy": _cupy, "cuda": _cuda}


@contextmanager
def _silence():
    """The profiler's C++ log goes straight to file descriptor 2."""
    kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


if __name__ == "__main__":
    main(*sys.argv[1:])
