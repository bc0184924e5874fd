"""What is timed: one case of a pair as scratch's textbook, scratch's kernels, and torch, on a CPU or a GPU.

All start from the same values. Every gradient that the pair compares is computed on both sides: of the parameters, and
of the inputs too, as in the middle of a network. What a backward holds is let go as it goes, on both sides.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import numpy as np
import torch

import scratch
from benchmarks.timing import Subject
from parity_tests.checks import prepared
from parity_tests.pair import Case, Pair
from parity_tests.sides import build_scratch, build_torch, cast, flat, is_module, scratch_side, torch_side

TEXTBOOK, KERNELS, TORCH, AGAIN, COMPILED = "textbook", "kernels", "torch", "torch again", "torch.compile"


def pair_subjects(pair: Pair, case: Case, dtype, device="cpu", compiled=False) -> dict[str, Subject]:
    """name -> Subject. On a GPU the textbook runs on CuPy arrays; kernels are for the CPU."""
    state, dy = prepared(pair, case)
    arrays, dy = case.arrays(dtype), cast(dy, dtype)
    ours = [TEXTBOOK] if device == "cuda" else [TEXTBOOK, KERNELS]
    subjects = {name: _scratch_pair(pair, case, dtype, arrays, dy, state, device, name) for name in ours}
    names = [TORCH, AGAIN, COMPILED] if compiled else [TORCH, AGAIN]
    return subjects | {
        name: _torch_pair(pair, case, dtype, arrays, dy, state, device, name == COMPILED) for name in names
    }


def mode(name: str) -> Callable:
    """The context in which a scratch subject runs."""
    return scratch.textbook if name == TEXTBOOK else nullcontext


def _scratch_pair(pair, case, dtype, arrays, dy, state, device, name) -> Subject:
    if is_module(pair):
        layer = build_scratch(pair, case, dtype, state)
        move_module(layer, device)
        options, clear = dict(case.call), layer.zero_grad
    else:
        layer, options, clear = scratch_side(pair), dict(case.config), lambda: None
    first, *rest = (to_array(a, device) for a in arrays.values())
    options |= dict(zip(list(arrays)[1:], rest))
    dy, input_grad = to_array(dy, device), any(case.wants_grad(name) for name in arrays)

    def backward(held):  # (y, backward): the output lives until the step ends, as torch's does
        scratch.pull(held[1], dy, input_grad=input_grad, release=True)

    return Subject(lambda: layer(first, **options), backward, clear=clear, around=mode(name), **scratch_on(device))


def _torch_pair(pair, case, dtype, arrays, dy, state, device, compiled) -> Subject:
    inputs = {name: None if a is None else torch.tensor(a, device=device) for name, a in arrays.items()}
    leaves = [inputs[name].requires_grad_() for name in inputs if case.wants_grad(name)]
    if is_module(pair):
        layer = build_torch(pair, case, dtype, state).to(device)
        options, leaves = dict(case.call), leaves + list(layer.parameters())
    else:
        layer, options = torch_side(pair), dict(case.config)
    if compiled:
        layer = torch.compile(layer)
    first, *rest = inputs
    options |= {name: inputs[name] for name in rest}
    upstream = {k: torch.tensor(v, device=device) for k, v in flat(dy).items()}

    def forward():
        outputs = flat(layer(inputs[first], **options))
        return {k: y for k, y in outputs.items() if k in upstream and y.requires_grad}

    def backward(outputs):
        torch.autograd.backward(list(outputs.values()), [upstream[k] for k in outputs])

    def clear():
        for leaf in leaves:
            leaf.grad = None

    return Subject(forward, backward, clear=clear, **torch_on(device))


def scratch_on(device: str) -> dict:
    if device == "cpu":
        return {"memory": "numpy"}
    import cupy  # pyright: ignore[reportMissingImports]

    return {"memory": "cupy", "synchronize": cupy.cuda.Device().synchronize}


def torch_on(device: str) -> dict:
    return {"memory": "torch"} if device == "cpu" else {"memory": "cuda", "synchronize": torch.cuda.synchronize}


def to_array(value, device: str):
    """NumPy's array, or CuPy's copy of it; through tuples, and `None` as it is."""
    if isinstance(value, tuple):
        return tuple(to_array(part, device) for part in value)
    if device == "cpu" or not isinstance(value, np.ndarray):
        return value
    import cupy  # pyright: ignore[reportMissingImports]

    return cupy.asarray(value)


def move_module(module: scratch.Module, device: str) -> None:
    """Parameters and buffers to the GPU, in place."""
    if device == "cpu":
        return
    for parameter in module.parameters():
        parameter.data = to_array(parameter.data, device)
    for owner in module.modules():
        for name, buffer in owner._own_buffers():
            owner.__dict__[name] = to_array(buffer, device)
