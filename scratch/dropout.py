"""Dropout: in training each element is dropped with probability p, and what is left scaled up to keep the mean.

The randomness comes from `rng`, so a mask can be had again: the same seed gives the same mask.
Twin: torch_ref/dropout.py. Pair: parity_tests/pairs/dropout.py.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from scratch import random
from scratch.module import Module
from scratch.op import Op, on_device_of


class DropoutSaved(NamedTuple):
    """What dropout_backward needs, and nothing else."""

    keep: np.ndarray  # bool, as x: one byte an element
    scale: float


def mask_stream(rng=None) -> np.random.PCG64DXSM:
    """The random bits of one mask, seeded by one number from rng; a kernel can `advance` to any place in it."""
    return np.random.PCG64DXSM(int(random.generator(rng).integers(2**63)))


def drop_below(p: float) -> int:
    """An element is dropped if its 32 random bits, read as an integer, are below this: with probability p."""
    return math.ceil(p * 2**32)


def keep_mask(shape, p: float, rng=None) -> np.ndarray:
    """bool, False with probability p, each element for itself. The same seed gives the same mask."""
    bits = np.random.Generator(mask_stream(rng)).integers(2**32, size=shape, dtype=np.uint32)
    return bits >= drop_below(p)


def checked_probability(name: str, p: float) -> float:
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: the probability p must be between 0 and 1, but is {p}")
    return p


def keep_scale(p: float) -> float:
    """What the kept elements are multiplied by: the mean of y is x then."""
    return 1 / (1 - p) if p < 1 else 0.0


def dropout_forward(x, p=0.5, training=True, inplace=False, rng=None):
    """Inverted dropout: y = x · keep / (1 - p), where keep is 0 with probability p and 1 otherwise.

    Parameters
    ----------
    x : any shape. p : the probability that an element is dropped. training : if False, y is a copy of x.
    inplace : accepted and ignored. rng : numpy.random.Generator, a seed (each call with it draws the same mask), or
        None for the generator that scratch.manual_seed seeds.

    Returns
    -------
    y : as x. backward : dy -> dx = dy · keep / (1 - p), with the mask of its own forward.

    A dropped infinity or nan becomes nan, as torch's. Raises ValueError if p is not in [0, 1].
    Source: Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, 2014.

    Examples
    --------
    >>> y, backward = dropout(np.ones(6), p=0.5, rng=0)
    >>> bool(np.isin(y, (0, 2)).all()), bool((backward(np.ones(6)) == y).all())
    (True, True)
    """
    checked_probability("dropout", p)
    if not training:
        return x.copy(), None
    keep, scale = on_device_of(x, keep_mask(x.shape, p, rng)), keep_scale(p)
    return x * keep * scale, DropoutSaved(keep, scale)


def dropout_backward(dy, saved):
    if saved is None:
        return dy.copy()
    # y = x * keep * scale
    return dy * saved.keep * saved.scale


dropout = Op(dropout_forward, dropout_backward)


class Dropout(Module):
    """In training, y = x · keep / (1 - p) with a new random mask each time; in evaluation, y = x.

    rng : a numpy.random.Generator, or a seed from which the module makes its own, once; None is the shared one.
    """

    def __init__(self, p: float = 0.5, inplace: bool = False, *, rng=None):
        self.p, self.inplace = checked_probability(type(self).__name__, p), inplace
        self.rng = None if rng is None else random.generator(rng)

    def forward(self, x):
        return dropout(x, self.p, self.training, rng=self.rng)

    def extra_repr(self):
        return f"p={self.p}, inplace={self.inplace}"
