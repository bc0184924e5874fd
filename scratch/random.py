"""One source of random numbers for initialisation, dropout and shuffling, and one seed for it."""

from __future__ import annotations

import numpy as np

_default = np.random.default_rng()


def manual_seed(seed: int) -> np.random.Generator:
    """Seed the generator that is used wherever no `rng` is given; returns it."""
    global _default
    _default = np.random.default_rng(seed)
    return _default


def generator(rng: np.random.Generator | int | None = None) -> np.random.Generator:
    """The generator meant by an `rng` argument: itself, a new one from a seed, or for `None` the shared one."""
    if rng is None:
        return _default
    if isinstance(rng, np.random.Generator):
        return rng
    if isinstance(rng, (int, np.integer)):
        return np.random.default_rng(int(rng))
    raise TypeError(f"rng must be a numpy.random.Generator, a seed or None, but is {type(rng).__name__}")
