"""The generic checks: each takes one Pair and one Case and raises AssertionError with what is wrong.

They hold for every layer and function, so that adding one is: topic file, twin, pair.
"""

from __future__ import annotations

import re

import numpy as np
import torch

import scratch
from parity_tests.compare import assert_as_accurate, assert_same, error, scale_of
from parity_tests.fake_device import Device, to_device, to_host
from parity_tests.pair import Case, Pair
from parity_tests.sides import (
    Outcome,
    build_scratch,
    build_torch,
    cast,
    flat,
    is_module,
    named_input_gradients,
    random_dy,
    random_state,
    run_scratch,
    run_torch,
    scratch_side,
    twin_output,
)

DIRECTIONS = 4  # in which inputs are moved by a rounding, to see what roundings do to the result


def prepared(pair: Pair, case: Case):
    """(state, dy) in float64: random parameters and buffers, and a random upstream gradient."""
    state = random_state(pair, case)
    dy = random_dy(twin_output(pair, case, state=state), np.random.default_rng(case.seed + 2))
    return state, dy


def is_model(pair: Pair) -> bool:
    return scratch_side(pair).__module__.startswith("scratch.models")


def label(pair: Pair, case: Case, what: str) -> str:
    return f"{pair.name}: {what} for {case}"


def matches_autograd(pair: Pair, case: Case) -> None:
    """Outputs, input gradients, parameter gradients and buffers equal torch's in float64."""
    state, dy = prepared(pair, case)
    want = run_torch(pair, case, case.arrays("float64"), dy, state, "float64")
    got = run_scratch(pair, case, case.arrays("float64"), dy, state, "float64")
    assert_same(got, want, rtol=pair.exact, label=label(pair, case, "differs from torch in float64"), dtype="float64")


def is_as_accurate_as_torch(pair: Pair, case: Case) -> None:
    """float32 in, float32 out, and no further from the float64 truth than 4 times torch's own float32."""
    state, dy = prepared(pair, case)
    state32 = None if state is None else {k: v.astype("f4") if v.dtype.kind == "f" else v for k, v in state.items()}
    state64 = None if state32 is None else {k: v.astype("f8") if v.dtype.kind == "f" else v for k, v in state32.items()}
    arrays32 = case.arrays("float32")
    arrays64 = {k: a.astype("f8") if a is not None and a.dtype.kind == "f" else a for k, a in arrays32.items()}
    dy32 = cast(dy, "float32")
    dy64 = cast(dy32, "float64")
    rng = np.random.default_rng(case.seed + 3)
    eps = np.finfo(np.float32).eps

    def move(a):
        if isinstance(a, tuple):
            return tuple(map(move, a))
        if a is None or a.dtype.kind != "f":
            return a
        return a * (1 + eps * rng.uniform(-1, 1, size=a.shape))

    def moved(state):
        return None if state is None else {k: move(v) for k, v in state.items()}

    truth = run_torch(pair, case, arrays64, dy64, state64, "float64")
    nearby = [
        run_torch(pair, case, {k: move(a) for k, a in arrays64.items()}, move(dy64), moved(state64), "float64")
        for _ in range(DIRECTIONS)
    ]
    twin = run_torch(pair, case, arrays32, dy32, state32, "float32")
    got = run_scratch(pair, case, case.arrays("float32"), dy32, state32, "float32")
    for name, a in got.items():
        expected = dict(twin.items()).get(name)
        if a is not None and expected is not None and np.asarray(a).dtype != expected.dtype:
            raise AssertionError(label(pair, case, f"{name} is {np.asarray(a).dtype}, torch's is {expected.dtype},"))
    assert_as_accurate(got, twin, truth, nearby, label=label(pair, case, "float32"))


def matches_finite_differences(pair: Pair, case: Case, eps: float = 1e-6) -> None:
    """⟨u, J v⟩ = ⟨Jᵀ u, v⟩ in float64, one argument at a time: right even if the twin were wrong."""
    state, _ = prepared(pair, case)
    arrays = case.arrays("float64")
    rng = np.random.default_rng(case.seed + 4)

    def outputs(arrays, state):
        return run_forward(pair, case, arrays, state)

    u = random_dy(outputs(arrays, state), rng)
    got = run_scratch(pair, case, arrays, u, state, "float64")
    leaves = {f"d{n}": ("array", [n]) for n in arrays if case.wants_grad(n)}
    if is_module(pair):
        module = build_scratch(pair, case, "float64")
        named = list(module.named_parameters(remove_duplicate=False))  # a tied one moves under all its names
        leaves |= {f"d{n}": ("state", [m for m, q in named if q is p]) for n, p in module.named_parameters()}
    for name, (kind, keys) in leaves.items():
        source = arrays if kind == "array" else state
        v = rng.normal(size=source[keys[0]].shape)

        def along(t, source=source, keys=keys, v=v, kind=kind):
            moved = source | dict.fromkeys(keys, source[keys[0]] + t * v)
            y = outputs(moved if kind == "array" else arrays, moved if kind == "state" else state)
            return sum(float((d * a).sum()) for d, a in zip(_leaves(u), _leaves(y)) if d is not None)

        slope = (along(eps) - along(-eps)) / (2 * eps)
        coarse = (along(2 * eps) - along(-2 * eps)) / (4 * eps)
        gradient = got.gradients[name]
        ours = 0.0 if gradient is None else float((gradient * v).sum())
        size = max(1.0, abs(ours), abs(slope), abs(along(0.0)))
        if abs(ours - slope) > 1e-6 * size + 4 * abs(slope - coarse):
            raise AssertionError(
                label(
                    pair,
                    case,
                    f"{name} disagrees with finite differences: along a random direction the gradient says "
                    f"{ours:.10g}, the differences {slope:.10g},",
                )
            )


def _leaves(y) -> list:
    if isinstance(y, (tuple, list)):
        return [leaf for part in y for leaf in _leaves(part)]
    return [y]


def run_forward(pair: Pair, case: Case, arrays: dict, state):
    first, *rest = arrays
    others = {n: arrays[n] for n in rest}
    if is_module(pair):
        return build_scratch(pair, case, "float64", state)(arrays[first], **others, **case.call)[0]
    return scratch_side(pair)(arrays[first], **others, **case.config)[0]


def backward_may_be_called_again(pair: Pair, case: Case) -> None:
    """The second call of a backward gives the first one's gradients."""
    state, dy = prepared(pair, case)
    once = run_scratch(pair, case, case.arrays("float64"), dy, state, "float64")
    twice = run_scratch(pair, case, case.arrays("float64"), dy, state, "float64", backwards=2)
    assert_same(twice, once, rtol=0.0, label=label(pair, case, "the second backward differs from the first"))


def mutates_and_aliases_nothing(pair: Pair, case: Case) -> None:
    """No array that came in is written to; no output or gradient shares memory with one, or with another gradient."""
    state, dy = prepared(pair, case)
    arrays = case.arrays("float64")
    before = {k: None if a is None else a.copy() for k, a in arrays.items()}
    dy_before = [None if d is None else np.array(d) for d in _leaves(dy)]
    got = run_scratch(pair, case, arrays, dy, state, "float64")
    allowed = () if is_module(pair) else getattr(scratch_side(pair), "writes", ())
    for name, a in arrays.items():
        if a is not None and name not in allowed and not np.array_equal(a, before[name], equal_nan=a.dtype.kind == "f"):
            raise AssertionError(label(pair, case, f"the input {name} was written to"))
    for d, b in zip(_leaves(dy), dy_before):
        if d is not None and not np.array_equal(d, b):
            raise AssertionError(label(pair, case, "the upstream gradient dy was written to"))
    came_in = [(n, a) for n, a in arrays.items() if a is not None]
    came_in += [("dy", d) for d in _leaves(dy) if isinstance(d, np.ndarray)]
    went_out = [(n, g) for n, g in (got.outputs | got.gradients).items() if isinstance(g, np.ndarray)]
    for i, (name, g) in enumerate(went_out):
        for other, a in came_in + went_out[:i]:
            if np.shares_memory(g, a):
                raise AssertionError(label(pair, case, f"{name} shares memory with {other}"))


def computes_only_what_is_wanted(pair: Pair, case: Case) -> None:
    """Asked for one gradient alone, an op gives that one unchanged; a module with the others frozen too."""
    state, dy = prepared(pair, case)
    full = run_scratch(pair, case, case.arrays("float64"), dy, state, "float64")
    if is_module(pair):
        names = [name for name, _ in build_scratch(pair, case, "float64").named_parameters()]
        for wanted in [*names, None]:
            module = build_scratch(pair, case, "float64", state)
            for name, p in module.named_parameters():
                p.requires_grad = name == wanted
            first, *rest = arrays = case.arrays("float64")
            _, backward = module(arrays[first], **{n: arrays[n] for n in rest}, **case.call)
            inputs = named_input_gradients(case, scratch.pull(backward, dy, input_grad=wanted is None))
            expected = {n: g for n, g in full.gradients.items() if n in inputs} if wanted is None else {}
            got = {n: g for n, g in inputs.items() if n in expected}
            for name, p in module.named_parameters():
                if name == wanted:
                    expected[f"d{name}"], got[f"d{name}"] = full.gradients[f"d{name}"], p.grad
                elif p.grad is not None:
                    raise AssertionError(label(pair, case, f"the frozen {name} got a gradient"))
            what = label(pair, case, f"asked only for {wanted or 'the inputs'}, the gradient differs")
            assert_same(Outcome(gradients=got), Outcome(gradients=expected), rtol=1e-12, label=what)
        return
    op = scratch_side(pair)
    if not isinstance(op, scratch.Op):
        return
    for wanted in case.inputs:
        if wanted in op.arrays and case.wants_grad(wanted):
            first, *rest = arrays = case.arrays("float64")
            needs = tuple(name == wanted for name in op.arrays)
            _, backward = op(arrays[first], **{n: arrays[n] for n in rest}, **case.config, needs=needs)
            given = backward(dy)
            gradients = [g for g in (given if isinstance(given, tuple) else (given,)) if g is not None]
            if full.gradients.get(f"d{wanted}") is None and not gradients:
                continue
            if len(gradients) != 1:
                raise AssertionError(label(pair, case, f"asked for d{wanted}, it gave {len(gradients)} gradients"))
            one, want = (
                Outcome(gradients={wanted: gradients[0]}),
                Outcome(gradients={wanted: full.gradients[f"d{wanted}"]}),
            )
            assert_same(one, want, rtol=1e-12, label=label(pair, case, f"asked only for d{wanted}, it differs"))


def takes_any_layout(pair: Pair, case: Case) -> None:
    """Non-contiguous and read-only inputs and dy give what contiguous ones give."""
    state, dy = prepared(pair, case)
    plain = run_scratch(pair, case, case.arrays("float64"), dy, state, "float64")

    def strange(a):
        if not isinstance(a, np.ndarray):
            return a
        wide = np.empty((*a.shape[::-1], 2), dtype=a.dtype)
        view = np.moveaxis(wide[..., 0], range(a.ndim), range(a.ndim)[::-1])  # transposed, and every second element
        view[...] = a
        view.flags.writeable = False
        return view

    allowed = () if is_module(pair) else getattr(scratch_side(pair), "writes", ())
    arrays = {n: a if n in allowed else strange(a) for n, a in case.arrays("float64").items()}
    strange_dy = tuple(map(strange, dy)) if isinstance(dy, tuple) and not _nested(dy) else strange(dy)
    got = run_scratch(pair, case, arrays, strange_dy, state, "float64")
    assert_same(got, plain, rtol=1e-12, label=label(pair, case, "non-contiguous, read-only inputs change the result"))


def _nested(dy):
    return any(isinstance(d, tuple) for d in dy)


def textbook_agrees_with_kernel(pair: Pair, case: Case) -> None:
    """float64: the kernels give what the textbook gives."""
    state, dy = prepared(pair, case)
    fast = run_scratch(pair, case, case.arrays("float64"), dy, state, "float64")
    with scratch.textbook():
        plain = run_scratch(pair, case, case.arrays("float64"), dy, state, "float64")
    assert_same(fast, plain, rtol=pair.exact, label=label(pair, case, "kernel and textbook differ"))


def weights_travel_both_ways(pair: Pair, case: Case) -> None:
    """The same state_dict keys, shapes and order as the twin's; weights load from torch and back unchanged."""
    if not is_module(pair):
        return
    state = random_state(pair, case)
    ours, twin = build_scratch(pair, case, "float64"), build_torch(pair, case, "float64", state)
    theirs = {k: tuple(v.shape) for k, v in twin.state_dict().items()}
    if (mine := {k: v.shape for k, v in ours.state_dict().items()}) != theirs or list(mine) != list(theirs):
        raise AssertionError(label(pair, case, f"state_dict has {mine}, torch's {theirs}"))
    ours.load_state_dict(twin.state_dict())  # torch tensors
    back = build_torch(pair, case, "float64")
    back.load_state_dict({k: torch.tensor(v) for k, v in ours.state_dict().items()})
    for key, value in back.state_dict().items():
        if not np.array_equal(value.numpy(), state[key]):
            raise AssertionError(label(pair, case, f"{key} changed on its way to scratch and back"))
    own = {n: p.requires_grad for n, p in ours.named_parameters()}
    if own != {n: p.requires_grad for n, p in twin.named_parameters()}:
        raise AssertionError(label(pair, case, "named_parameters differ from torch's"))


def runs_on_a_device(pair: Pair, case: Case) -> None:
    """The textbook gives the same numbers on a device array that refuses what CuPy refuses."""
    if pair.device is not True:
        return
    state, dy = prepared(pair, case)
    with scratch.textbook():
        host = run_scratch(pair, case, case.arrays("float64"), dy, state, "float64")
        arrays = {n: to_device(a) for n, a in case.arrays("float64").items()}
        first, *rest = arrays
        others = {n: arrays[n] for n in rest}
        if is_module(pair):
            module = build_scratch(pair, case, "float64", state)
            for p in module.parameters():
                p.data = to_device(p.data)
            for owner in module.modules():
                for name, buffer in owner._own_buffers():
                    owner.__dict__[name] = to_device(buffer)
            y, backward = module(arrays[first], **others, **case.call)
        else:
            module = None
            y, backward = scratch_side(pair)(arrays[first], **others, **case.config)
        for name, part in flat(y).items():
            if not isinstance(part, Device):
                raise AssertionError(label(pair, case, f"on a device, {name} came back as {type(part).__name__}"))
        gradients = backward(to_device(dy))
    got = Outcome(flat(to_host(y)), named_input_gradients(case, to_host(gradients)))
    if module is not None:
        got.gradients |= {f"d{n}": None if p.grad is None else to_host(p.grad) for n, p in module.named_parameters()}
        host.buffers = {}
    assert_same(got, host, rtol=1e-12, label=label(pair, case, "the device's numbers differ from the host's"))


def refuses(pair: Pair, case: Case, exception: type[Exception], pattern: str) -> None:
    """The stated exception with the stated message, and nothing is changed."""
    arrays = case.arrays("float32")
    first, *rest = arrays
    others = {n: arrays[n] for n in rest}
    try:
        if is_module(pair):
            module = scratch_side(pair)(**case.arguments(scratch)).train(case.train)
            before = module.state_dict()
            try:
                module(arrays[first], **others, **case.call)
            finally:
                after = module.state_dict()
                if any(not np.array_equal(before[k], after[k], equal_nan=True) for k in before):
                    raise AssertionError(label(pair, case, "the refused call changed the module's state"))
        else:
            scratch_side(pair)(arrays[first], **others, **case.config)
    except exception as refusal:
        if not re.search(pattern, str(refusal)):
            raise AssertionError(f"{pair.name}: the message {str(refusal)!r} does not match {pattern!r}") from refusal
        return
    raise AssertionError(label(pair, case, f"accepted what should raise {exception.__name__}({pattern!r})"))


def gradient_error(pair: Pair, case: Case, dtype="float64") -> dict[str, tuple[float, float]]:
    """name -> (largest absolute difference from autograd, the same in ulps of the largest element)."""
    state, dy = prepared(pair, case)
    dtype = np.dtype(dtype)
    state = None if state is None else {k: v.astype(dtype) if v.dtype.kind == "f" else v for k, v in state.items()}
    want = run_torch(pair, case, case.arrays(dtype), cast(dy, dtype), state, dtype)
    got = run_scratch(pair, case, case.arrays(dtype), cast(dy, dtype), state, dtype)
    result = {}
    for name, actual in (got.outputs | got.gradients).items():
        expected = (want.outputs | want.gradients).get(name)
        if actual is None or expected is None or not np.asarray(actual).size:
            continue
        worst = float(error(np.asarray(actual), expected).max())
        result[name] = worst, worst / float(np.spacing(dtype.type(scale_of(expected) or 1.0)))
    return result
