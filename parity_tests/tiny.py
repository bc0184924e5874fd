"""Kernels at any size: what a case of a few numbers needs to go through them, block by block."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import scratch

# the constants by which kernel modules decide: from how many items a kernel pays, items a block, work worth threads
TINY = {
    "LARGE": 0, "BLOCK": 8, "ITEMS": 8, "SCORES": 64, "TOGETHER": 8, "STRETCH": 4, "SMALL": 1, "ROW": 16,
    "ALONE": 0, "PRODUCTS": 1, "SHARED": 1, "HEAVY": 30, "COLUMNS": 8,
}  # fmt: skip


@contextmanager
def tiny_blocks() -> Iterator[None]:
    """Every kernel takes whatever it can take, in blocks of 8 items, on threads."""
    modules = [m for name, m in sorted(sys.modules.items()) if name.startswith(f"{scratch.__name__}.kernels.")]
    before = [(m, name, getattr(m, name)) for m in modules for name in TINY if hasattr(m, name)]
    threads = scratch.num_threads()
    try:
        if threads == 1:
            scratch.set_num_threads(2)
        for module, name, _ in before:
            setattr(module, name, TINY[name])
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)
        if threads == 1:
            scratch.set_num_threads(1)
