"""The one declaration from which tests, benchmarks and the book's figures of a layer come.

    Pair("Linear",
         cases=linear_cases(),                    # a hypothesis strategy that constructs valid cases
         sizes={"mlp": Case(...)},                # fixed: what benchmarks time
         bad=[(Case(...), ValueError, "regex of the message")])

`name` finds both sides: the class `scratch.Linear` and its twin `torch_ref.Linear`, or the op
`scratch.functional.linear` and `torch_ref.functional.linear`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

REGISTRY: dict[str, Pair] = {}

REGIMES: dict[str, Callable[[np.random.Generator, tuple], np.ndarray]] = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "ties": lambda rng, shape: rng.integers(-1, 2, size=shape) * 1.0,  # kinks at 0, equal maxima
    "large": lambda rng, shape: rng.normal(size=shape) * 1e3,  # overflow in exp, cancellation in a variance
    "tiny": lambda rng, shape: rng.normal(size=shape) * 1e-6,
    # odd multiples of 1/128: for finite differences where a kink sits at a multiple of 1/64
    "off_grid": lambda rng, shape: (2 * np.floor(rng.normal(size=shape) * 64) + 1) / 128,
    "inf_nan": lambda rng, shape: rng.choice([np.inf, -np.inf, np.nan, 0.0, -0.0, 1.5, -2.5], size=shape),
}


@dataclass(frozen=True)
class Array:
    """How one array argument is drawn. Made by `floats`, `ints` and `bools`."""

    shape: tuple[int, ...]
    kind: str = "float"
    low: float | None = None
    high: float | None = None
    grad: bool = True  # floats only: whether a gradient is compared
    transform: Callable[[np.ndarray], np.ndarray] | None = None

    def draw(self, rng: np.random.Generator, regime: str) -> np.ndarray:
        if self.kind == "int":
            drawn = rng.integers(int(self.low), int(self.high), size=self.shape)
        elif self.kind == "bool":
            drawn = rng.random(self.shape) < 0.5
        elif self.low is not None:
            drawn = rng.uniform(self.low, self.high, size=self.shape)
        else:
            drawn = REGIMES[regime](rng, self.shape)
        return self.transform(drawn) if self.transform else drawn


def floats(*shape: int, low=None, high=None, grad: bool = True, transform=None) -> Array:
    """Floating-point values in the case's regime, or uniform in [low, high) whatever the regime."""
    return Array(tuple(shape), "float", low, high, grad, transform)


def ints(*shape: int, low: int = 0, high: int, transform=None) -> Array:
    """Integers in [low, high): class indices, tokens."""
    return Array(tuple(shape), "int", low, high, False, transform)


def bools(*shape: int, transform=None) -> Array:
    """Booleans: masks."""
    return Array(tuple(shape), "bool", None, None, False, transform)


@dataclass(frozen=True)
class Layer:
    """A module among the arguments of a constructor: each side builds its own class of this name."""

    name: str
    config: Mapping[str, Any] = field(default_factory=dict)

    def built(self, package):
        made = getattr(package, self.name, None) or getattr(package.models, self.name)
        return made(**self.config)


@dataclass(frozen=True)
class Case:
    """One situation: array arguments, options, mode, and where the values come from.

    inputs : argument name -> how to draw it, or None. The first is passed by position, the others by name.
    config : constructor arguments of a class, options of an op.
    call : further keyword arguments of a module's call.
    """

    inputs: Mapping[str, Array | None]
    config: Mapping[str, Any] = field(default_factory=dict)
    call: Mapping[str, Any] = field(default_factory=dict)
    train: bool = True
    regime: str = "normal"
    seed: int = 0

    def arrays(self, dtype) -> dict[str, np.ndarray | None]:
        """The values, from the seed: the same in every dtype but for rounding."""
        rng = np.random.default_rng(self.seed)
        drawn = {name: None if spec is None else spec.draw(rng, self.regime) for name, spec in self.inputs.items()}
        return {
            name: np.asarray(a, dtype=dtype) if a is not None and a.dtype.kind == "f" else a
            for name, a in drawn.items()
        }

    def arguments(self, package) -> dict[str, Any]:
        """The constructor arguments on one side: `scratch` or `torch_ref`."""
        return {k: v.built(package) if isinstance(v, Layer) else v for k, v in self.config.items()}

    def wants_grad(self, name: str) -> bool:
        spec = self.inputs[name]
        return spec is not None and spec.kind == "float" and spec.grad


@dataclass(frozen=True, eq=False)
class Pair:
    """The declaration of one layer or function.

    cases : constructs valid cases of every shape and option; values are drawn from `regimes` and a seed.
    sizes : named, fixed cases that benchmarks time.
    bad : (case, exception, regex): what must be refused, and how the message reads.
    empty : cases with zero-size axes that torch accepts.
    regimes : value regimes compared with torch. smooth : those in which finite differences mean anything.
    twin : the torch side where it is not found by name: the class, or a function of tensors.
    state : `state(key, shape, rng) -> array or None` for parameters or buffers that need particular values.
    exact : whether textbook and kernel are compared with torch in float64 at 1e-10 (default), or at this tolerance.
    ours : the scratch side where it is not found by name: somebody's own layer, that `check` holds against this
        (and not registered).
    device : whether the textbook runs on a GPU array (checked on the fake device); a reason where it does not.
    """

    name: str
    cases: st.SearchStrategy[Case]
    sizes: Mapping[str, Case] = field(default_factory=dict)
    bad: Sequence[tuple[Case, type[Exception], str]] = ()
    empty: Sequence[Case] = ()
    regimes: tuple[str, ...] = ("normal", "ties", "large", "tiny")
    smooth: tuple[str, ...] = ("normal",)
    twin: Callable | None = None
    ours: Callable | None = None
    state: Callable | None = None
    exact: float = 1e-10
    device: bool | str = True

    def __post_init__(self):
        if self.ours is not None:
            return
        if self.name in REGISTRY:
            raise ValueError(f"pair {self.name!r} is declared twice")
        REGISTRY[self.name] = self

    def __repr__(self):
        return f"Pair({self.name!r})"

    def drawn(self, regimes: tuple[str, ...] | None = None) -> st.SearchStrategy[Case]:
        """Cases with regime and seed drawn too. Values come from a seed: shrinking works on shapes and options."""
        regimes = self.regimes if regimes is None else regimes
        return st.builds(
            lambda case, regime, seed: replace(case, regime=regime, seed=seed),
            self.cases,
            st.sampled_from(regimes),
            st.integers(0, 999),
        )
