"""What is timed: one case of a pair as scratch's textbook, scratch's kernels, and torch, on a CPU or a GPU.

All start from the same values. Every gradient that the pair compares is computed on both sides: of the parameters, and
of the inputs too, as in the middle of a network. What a backward holds is let go as it goes, on both sides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext

import numpy as np
import torch

import scratch
from benchmarks.timing import Subject
from parity_tests.checks import prepared
from parity_tests.pair import Case, Pair
from parity_tests.sides import build_scratch, build_torch, cast, flat, is_module, scratch_side, torch_side

TEXTBOOK, KERNELS, CUPY = "textbook", "kernels", "CuPy"
TORCH, AGAIN, COMPILED = "torch", "torch again", "torch.compile"
SCRATCH = (TEXTBOOK, KERNELS, CUPY)

AGAINST = {"torch": (TORCH, AGAIN), "torch-compile": (COMPILED,), "textbook": (TEXTBOOK,), "cupy": (CUPY,)}


def chosen(against: Sequence[str] = ("torch", "textbook"), device: str = "cpu") -> tuple[str, ...]:
    """The subjects to measure: what scratch runs on this device, and these beside it.

    On a GPU that is the textbook on CuPy arrays; kernels are for the CPU.
    """
    if unknown := [word for word in against if word not in AGAINST]:
        raise ValueError(f"{unknown[0]}: choose from {','.join(AGAINST)}")
    names = [name for word in against for name in AGAINST[word]]
    if device == "cuda":
        return (CUPY, *(name for name in names if name not in SCRATCH))
    if CUPY in names:
        raise ValueError("cupy: CuPy runs on a GPU; add --device cuda")
    return (*(name for name in names if name == TEXTBOOK), KERNELS, *(name for name in names if name not in SCRATCH))


def pair_subjects(pair: Pair, case: Case, dtype, device: str, names: Sequence[str]) -> dict[str, Subject]:
    """name -> Subject."""
    state, dy = prepared(pair, case)
    arrays, dy = case.arrays(dtype), cast(dy, dtype)
    return {
        name: (_scratch_pair if name in SCRATCH else _torch_pair)(pair, case, dtype, arrays, dy, state, device, name)
        for name in names
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


def _torch_pair(pair, case, dtype, arrays, dy, state, device, name) -> Subject:
    inputs = {key: None if a is None else torch.tensor(a, device=device) for key, a in arrays.items()}
    leaves = [inputs[key].requires_grad_() for key in inputs if case.wants_grad(key)]
    if is_module(pair):
        layer = build_torch(pair, case, dtype, state).to(device)
        options, leaves = dict(case.call), leaves + list(layer.parameters())
    else:
        layer, options = torch_side(pair), dict(case.config)
    if name == COMPILED:
        layer = torch.compile(layer)
    first, *rest = inputs
    options |= {key: inputs[key] for key in rest}
    upstream = {k: torch.tensor(v, device=device) for k, v in flat(dy).items()}

    def forward():
        outputs = flat(layer(inputs[first], **options))
        return {k: y for k, y in outputs.items() if k in upstream and y.requires_grad}

    def backward(outputs):
        torch.autograd.backward(list(outputs.values()), [upstream[k] for k in outputs])

    def clear():
        for leaf in leaves:
            leaf.grad = None

    # Inputs and weights are read forward and backward, their gradients written; y is written, dy read.
    read = {id(t): t.nbytes for t in (*inputs.values(), *leaves) if t is not None}
    traffic = 2 * sum(read.values()) + sum(t.nbytes for t in leaves) + 2 * sum(t.nbytes for t in upstream.values())
    return Subject(forward, backward, clear=clear, traffic=traffic, **torch_on(device))


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
