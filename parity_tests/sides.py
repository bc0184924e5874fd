"""Run one case on one side: scratch, or its PyTorch twin; the same values in, the same record out."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

import scratch
import scratch.functional
import scratch.models
import torch_ref
import torch_ref.functional
import torch_ref.models
from parity_tests.pair import Case, Pair


@dataclass
class Outcome:
    """Everything that is compared: outputs, gradients of inputs (`dx`) and parameters (`dweight`), buffers."""

    outputs: dict[str, Any] = field(default_factory=dict)
    gradients: dict[str, Any] = field(default_factory=dict)
    buffers: dict[str, Any] = field(default_factory=dict)

    def items(self):
        for group in (self.outputs, self.gradients, self.buffers):
            yield from group.items()


def scratch_side(pair: Pair) -> Callable:
    """The class or op of this name in scratch."""
    return pair.ours or _named(scratch, pair.name)


def torch_side(pair: Pair) -> Callable:
    """The class or function of this name in torch_ref."""
    return pair.twin or _named(torch_ref, pair.name)


def _named(package, name: str) -> Callable:
    """A class of the package or its `models`, or a function of its `functional`.

    A package's own attribute may be a topic's module, so only classes count.
    """
    found = getattr(package, name, getattr(package.models, name, None))
    return found if isinstance(found, type) else getattr(package.functional, name)


def is_module(pair: Pair) -> bool:
    return isinstance(scratch_side(pair), type)


def flat(y, name="y") -> dict[str, Any]:
    """Outputs in their structure -> {"y": y} or {"y[0]": ..., "y[1][0]": ...}; None is left out."""
    if isinstance(y, (tuple, list)):
        return {k: v for i, part in enumerate(y) for k, v in flat(part, f"{name}[{i}]").items()}
    return {} if y is None else {name: y}


def random_dy(y, rng):
    """A random upstream gradient in y's structure: never ones, which hide softmax's and normalisation's errors."""
    if isinstance(y, (tuple, list)):
        return tuple(random_dy(part, rng) for part in y)
    if y is None or np.dtype(str(y.dtype).removeprefix("torch.")).kind != "f":
        return None
    return np.asarray(rng.normal(size=tuple(y.shape)))


def cast(dy, dtype):
    if isinstance(dy, tuple):
        return tuple(cast(d, dtype) for d in dy)
    return None if dy is None else dy.astype(dtype)


def build_scratch(pair: Pair, case: Case, dtype, state=None):
    """A module with this state, in this mode."""
    module = scratch_side(pair)(**case.arguments(scratch))
    module.to(dtype).train(case.train)
    if state is not None:
        module.load_state_dict(state)
    return module


def build_torch(pair: Pair, case: Case, dtype, state=None) -> torch.nn.Module:
    twin = torch_side(pair)
    replays = "rng" in inspect.signature(twin).parameters  # torch's own classes take none
    module = twin(**{k: v for k, v in case.arguments(torch_ref).items() if k != "rng" or replays})
    module.to(getattr(torch, np.dtype(dtype).name)).train(case.train)
    if state is not None:
        module.load_state_dict({k: torch.tensor(v) for k, v in state.items()})
    return module


def random_state(pair: Pair, case: Case) -> dict[str, np.ndarray] | None:
    """Random values for every parameter and buffer under the twin's keys (a zero bias hides its gradient's errors).

    A tied one has the same values under each of its names.
    """
    if not is_module(pair):
        return None
    rng = np.random.default_rng(case.seed + 1)
    state, memory = {}, {}
    for key, tensor in build_torch(pair, case, "float64").state_dict().items():
        shape = tuple(tensor.shape)
        value = pair.state(key, shape, rng) if pair.state else None
        if value is None and not tensor.is_floating_point():
            value = np.full(shape, 3, dtype=np.int64)
        elif value is None and key.endswith("running_var"):
            value = rng.uniform(0.5, 2.0, size=shape)
        elif value is None:
            value = rng.normal(size=shape) * min(0.5, max(1, math.prod(shape[1:])) ** -0.5 if shape[1:] else 0.5)
        state[key] = memory.setdefault((tensor.data_ptr(), shape), value)
    return state


def _call(function, arrays: dict, options: dict):
    first, *rest = arrays
    return function(arrays[first], **{name: arrays[name] for name in rest}, **options)


def named_input_gradients(case: Case, gradients) -> dict[str, Any]:
    """scratch's input gradients (one array, or a tuple in argument order) by name."""
    wanted = [name for name in case.inputs if case.wants_grad(name)]
    if not isinstance(gradients, tuple):
        gradients = (gradients,)
    if len(gradients) == len(case.inputs):
        return {f"d{name}": g for name, g in zip(case.inputs, gradients) if name in wanted}
    given = [g for g in gradients if g is not None]
    if len(given) > len(wanted):
        raise AssertionError(f"the backward returned {len(given)} gradients for the inputs {wanted}")
    return dict(zip((f"d{name}" for name in wanted), given))


def run_scratch(pair: Pair, case: Case, arrays: dict, dy, state, dtype, backwards: int = 1) -> Outcome:
    """Forward and backward in scratch; with `backwards=2` the gradients of the second call."""
    if is_module(pair):
        module = build_scratch(pair, case, dtype, state)
        y, backward = _call(module, arrays, dict(case.call))
    else:
        module = None
        y, backward = _call(scratch_side(pair), arrays, dict(case.config))
    outcome = Outcome(flat(y))
    for _ in range(backwards):
        if module is not None:
            module.zero_grad()
        gradients = backward(dy)
    outcome.gradients = named_input_gradients(case, gradients)
    if module is not None:
        outcome.gradients |= {f"d{name}": p.grad for name, p in module.named_parameters()}
        outcome.buffers = dict(module.named_buffers())
    return outcome


def run_torch(pair: Pair, case: Case, arrays: dict, dy, state, dtype) -> Outcome:
    """Forward and autograd in PyTorch, as NumPy arrays. `dy=None` draws one, which is returned beside the outcome."""
    tensors = {name: None if a is None else torch.tensor(a) for name, a in arrays.items()}
    wanted = [name for name in tensors if case.wants_grad(name)]
    for name in wanted:
        tensors[name].requires_grad_()
    module, parameters = None, {}
    if is_module(pair):
        module = build_torch(pair, case, dtype, state)
        parameters = dict(module.named_parameters())
        y = _call(module, tensors, dict(case.call))
    else:
        y = _call(torch_side(pair), tensors, dict(case.config))
    outputs = flat(y)
    pairs = [
        (t, torch.tensor(d))
        for t, d in zip(outputs.values(), _flat_with_none(dy, y))
        if d is not None and t.requires_grad
    ]
    leaves = [tensors[name] for name in wanted] + list(parameters.values())
    gradients = [None] * len(leaves)
    if pairs and leaves:
        gradients = torch.autograd.grad([t for t, _ in pairs], leaves, [d for _, d in pairs], allow_unused=True)
    names = [f"d{name}" for name in (*wanted, *parameters)]
    return Outcome(
        {k: _numpy(v) for k, v in outputs.items()},
        {n: None if g is None else _numpy(g) for n, g in zip(names, gradients)},
        {} if module is None else {k: _numpy(v) for k, v in module.named_buffers()},
    )


def _flat_with_none(dy, y) -> list:
    """dy's leaves beside flat(y)'s."""
    if isinstance(y, (tuple, list)):
        dy = dy if dy is not None else (None,) * len(y)
        return [leaf for d, part in zip(dy, y) for leaf in _flat_with_none(d, part)]
    return [] if y is None else [dy]


def _numpy(tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()


def twin_output(pair: Pair, case: Case, dtype="float64", state=None):
    """The twin's output in its structure, for drawing a dy of its shape."""
    tensors = {name: None if a is None else torch.tensor(a) for name, a in case.arrays(dtype).items()}
    with torch.no_grad():
        if is_module(pair):
            return _call(build_torch(pair, case, dtype, state), tensors, dict(case.call))
        return _call(torch_side(pair), tensors, dict(case.config))
