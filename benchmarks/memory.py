"""Peak memory of one step, counted the same way on both sides: bytes asked for above those held before the step.

numpy : tracemalloc, to which NumPy reports every array it allocates (and Python its own objects, some KB).
torch : torch's profiler, which records every allocation and release of its CPU allocator.
cupy  : the growth of its memory pool, emptied before (what the pool rounds up is counted).
cuda  : torch.cuda.max_memory_allocated.

Not seen on either side: the packing buffers inside the BLAS libraries and oneDNN.
"""

from __future__ import annotations

import gc
import os
import tracemalloc
import warnings
from contextlib import contextmanager

import torch

from benchmarks.timing import Subject


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
