"""The roofline: what this machine could do at most, and how much work a row is.

A step of a row does some floating-point operations and must move some bytes; their quotient, the arithmetic intensity,
says which of the two limits it: below the ridge the memory, above it the arithmetic units.

Source: Williams, Waterman, Patterson, "Roofline: an insightful visual performance model", 2009.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from benchmarks.timing import Subject, settle
from scratch.kernels.blocks import BLOCK


def peaks(quick: bool = False) -> dict[str, float]:
    """What the machine can do: the best of several tries, as each is meant to be a limit.

    bandwidth : GB/s of c = a + b on arrays beyond the caches. numpy, torch : GFLOP/s of a large float32 product.
    pass, exp, tanh : ns an item that NumPy takes for a product in place, for exp2 and for tanh of a block in cache, on
    one thread.
    """
    a, b, c = (torch.ones(1 << (22 if quick else 26)) for _ in range(3))
    block, other = np.ones((2, BLOCK), np.float32)
    nanoseconds = {
        "pass": lambda: np.multiply(block, other, out=block),
        "exp": lambda: np.exp2(other, out=block),
        "tanh": lambda: np.tanh(other, out=block),
    }
    n = 256 if quick else 3072
    x, y = np.ones((n, n), np.float32), torch.ones(n, n)
    tries = 2 if quick else 6
    return {
        "bandwidth": 3 * 4 * c.numel() / _best(lambda: torch.add(a, b, out=c), tries) / 1e9,
        "numpy": 2 * n**3 / _best(lambda: x @ x, tries) / 1e9,
        "torch": 2 * n**3 / _best(lambda: y @ y, tries) / 1e9,
    } | {name: _best(task, 20 * tries) / BLOCK * 1e9 for name, task in nanoseconds.items()}


def _best(task: Callable, tries: int) -> float:
    settle()
    task()
    found = []
    for _ in range(tries):
        start = time.perf_counter()
        task()
        found.append(time.perf_counter() - start)
    return min(found)


def flops(subject: Subject) -> int:
    """Floating-point operations of one step of a torch subject.

    Matrix products, convolutions and attention by torch's own counter; every other operation is one for each element of
    its largest float array. The convention is what both sides are held against, whatever they compute in fact.
    """
    with warnings.catch_warnings(), torch.backends.mkldnn.flags(enabled=False), sdpa_kernel(SDPBackend.MATH):
        warnings.simplefilter("ignore")
        with _Counter() as counter:
            subject.run()
    return counter.total


class _Counter(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        out = function(*args, **kwargs)
        packet = function.overloadpacket
        if packet in flop_registry:
            self.total += flop_registry[packet](*args, **kwargs, out_val=out)
        elif not function.is_view and not str(packet).startswith(_MOVES):
            self.total += max((t.numel() for t in tree_leaves((args, kwargs, out)) if _is_float(t)), default=0)
        return out


# They compute nothing.
_MOVES = tuple(
    f"aten.{name}"
    for name in ("clone", "copy", "detach", "empty", "fill", "new_", "ones", "zero", "_to_copy", "cat", "pin_memory")
)


def _is_float(value) -> bool:
    return isinstance(value, torch.Tensor) and value.is_floating_point()
