"""Hold your own layer or kernel against a reference: which gradient is wrong, where, and the smallest counter-example.

from parity_tests import check

def my_softmax(x, dim):                      # the protocol: y, backward = f(x)
    e = np.exp(x - x.max(dim, keepdims=True))
    y = e / e.sum(dim, keepdims=True)
    return y, lambda dy: y * dy              # forgot the sum

check(my_softmax, "softmax")

check(MyFunction.apply, "gelu", takes="torch")      # a torch.autograd.Function, a Triton or C kernel
check(MyLinear, "Linear", takes="torch")            # a torch.nn.Module class
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from hypothesis import HealthCheck, Phase, find, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from parity_tests import checks
from parity_tests.pair import REGISTRY, Case, Pair
from parity_tests.sides import flat

CHECKS = {
    "float64 against autograd": checks.matches_autograd,
    "no mutation, no aliasing": checks.mutates_and_aliases_nothing,
    "float32 accuracy": checks.is_as_accurate_as_torch,
    "finite differences": checks.matches_finite_differences,
    "backward called twice": checks.backward_may_be_called_again,
    "any memory layout": checks.takes_any_layout,
}


def check(
    mine: Callable,
    against: str | Pair | Callable,
    *,
    cases: st.SearchStrategy[Case] | Case | None = None,
    takes: Literal["numpy", "torch"] = "numpy",
    only: tuple[str, ...] | None = None,
    examples: int = 100,
) -> str:
    """Compare `mine` with a reference on random cases; raise AssertionError with the smallest failing one.

    Parameters
    ----------
    mine : a function or Module class in scratch's protocol (`y, backward = f(x, ...)`); with `takes="torch"` a function
        of tensors or a `torch.nn.Module` class, differentiated by autograd.
    against : the name of a declared pair (`"softmax"`, `"Linear"`), a Pair, or a torch function or Module class; the
        last needs `cases`.
    cases : a strategy of Cases, or one Case; default: the pair's own.
    only : names out of `CHECKS`; default: all of them that apply.
    examples : how many random cases each check sees.

    Returns
    -------
    A line a check, with the number of cases it saw.
    """
    pair = _pair(mine, against, cases, takes)
    if only is None:
        only = tuple(name for name in CHECKS if pair.smooth or name != "finite differences")
    if unknown := set(only) - set(CHECKS):
        raise ValueError(f"check: there is no check {sorted(unknown)}; there are {list(CHECKS)}")
    report = []
    for name in only:
        regimes = pair.smooth if CHECKS[name] in (checks.matches_finite_differences, checks.takes_any_layout) else None
        report.append(f"{name}: {_search(pair, CHECKS[name], name, regimes, examples)} cases agree")
    return "\n".join(report)


def _search(pair: Pair, run: Callable, name: str, regimes, examples: int) -> int:
    failures: dict[Case, BaseException] = {}
    seen = 0

    def fails(case: Case) -> bool:
        nonlocal seen
        seen += 1
        try:
            run(pair, case)
        except Exception as problem:  # an exception inside the layer is a finding too
            failures[_key(case)] = problem
            return True
        return False

    options = settings(
        max_examples=examples,
        database=None,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )
    try:
        smallest = find(pair.drawn(regimes), fails, settings=options)
    except NoSuchExample:
        return seen
    problem = failures[_key(smallest)]
    text = str(problem) if isinstance(problem, AssertionError) else f"{type(problem).__name__}: {problem}"
    raise AssertionError(f"[{name}] {text}\nSmallest case found:\n{show(smallest)}") from problem


def _key(case: Case):
    return repr(case)


def show(case: Case) -> str:
    """A case as a reader can type it in again."""
    lines = []
    for name, a in case.arrays("float64").items():
        values = "" if a is None or a.size > 24 else f" = {np.array2string(a, precision=17, separator=', ')}"
        lines.append(f"  {name}: {'None' if a is None else f'{a.dtype} {a.shape}{values}'}")
    options = {**case.config, **case.call}
    lines.append(f"  options: {options or 'none'}, train={case.train}, regime={case.regime!r}, seed={case.seed}")
    return "\n".join(lines)


def _pair(mine, against, cases, takes) -> Pair:
    import parity_tests.pairs  # noqa: F401  (fills the registry)

    if takes not in ("numpy", "torch"):
        raise ValueError(f"check: takes must be 'numpy' or 'torch', but is {takes!r}")
    ours = mine if takes == "numpy" else (torch_module(mine) if isinstance(mine, type) else torch_function(mine))
    strategy = st.just(cases) if isinstance(cases, Case) else cases
    if isinstance(against, str):
        if against not in REGISTRY:
            raise ValueError(f"check: no pair is called {against!r}; there are {', '.join(sorted(REGISTRY))}")
        against = REGISTRY[against]
    if isinstance(against, Pair):
        return replace(against, ours=ours, cases=against.cases if strategy is None else strategy)
    if strategy is None:
        raise ValueError("check: a reference that is no declared pair needs cases=")
    return Pair(getattr(mine, "__name__", "mine"), cases=strategy, twin=against, ours=ours)


def torch_function(function: Callable) -> Callable:
    """A function of tensors, as one of scratch's protocol."""

    def call(*arrays, **options):
        return _through_autograd(function, arrays, options)

    return call


def _through_autograd(function, arrays, options):
    tensors = [_leaf(a) for a in arrays]
    named = {k: _leaf(a) for k, a in options.items()}
    y = function(*tensors, **named)
    leaves = [t for t in (*tensors, *named.values()) if isinstance(t, torch.Tensor) and t.requires_grad]
    outputs = flat(y)

    def backward(dy, into=()):
        dys = [torch.tensor(d) for d in flat(dy, "dy").values()]
        all_leaves = [*leaves, *into]
        gradients = torch.autograd.grad(list(outputs.values()), all_leaves, dys, allow_unused=True, retain_graph=True)
        found = [None if g is None else g.detach().numpy().copy() for g in gradients]
        return found if into else (found[0] if len(found) == 1 else tuple(found))

    detached = tuple(t.detach().numpy().copy() for t in outputs.values())
    return (detached if isinstance(y, (tuple, list)) else detached[0]), backward


def _leaf(value):
    if not isinstance(value, np.ndarray):
        return value
    return torch.tensor(value, requires_grad=value.dtype.kind == "f")


class _Slot:
    """What the checks read of a Parameter."""

    def __init__(self, data):
        self.data, self.grad, self.requires_grad = data, None, True


def torch_module(cls: type) -> type:
    """A torch.nn.Module class, as a Module class of scratch's protocol."""

    class Adapted:
        def __init__(self, *args, **config):
            self.module = cls(*args, **config)
            self.slots = {name: _Slot(p.detach().numpy()) for name, p in self.module.named_parameters()}

        def to(self, dtype):
            self.module.to(getattr(torch, np.dtype(dtype).name))
            return self

        def train(self, mode=True):
            self.module.train(mode)
            return self

        def load_state_dict(self, state):
            self.module.load_state_dict({k: torch.tensor(v) for k, v in state.items()})

        def state_dict(self):
            return {k: v.detach().numpy().copy() for k, v in self.module.state_dict().items()}

        def zero_grad(self):
            for slot in self.slots.values():
                slot.grad = None

        def named_parameters(self, remove_duplicate=True):
            return ((n, self.slots[n]) for n, _ in self.module.named_parameters(remove_duplicate=remove_duplicate))

        def named_buffers(self):
            return ((name, b.detach().numpy()) for name, b in self.module.named_buffers())

        def __call__(self, *arrays, **options):
            y, through = _through_autograd(self.module, arrays, options)
            parameters = dict(self.module.named_parameters())

            def backward(dy):
                found = through(dy, tuple(parameters.values()))
                inputs, own = found[: len(found) - len(parameters)], found[len(found) - len(parameters) :]
                for slot, gradient in zip(self.slots.values(), own):
                    slot.grad = gradient
                return inputs[0] if len(inputs) == 1 else tuple(inputs)

            return y, backward

    Adapted.__name__ = cls.__name__
    return Adapted
