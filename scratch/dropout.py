"""Dropout: in training each element, or channel, is dropped with probability p, and the rest scaled to keep the mean.

The randomness comes from `rng`, so a mask can be had again: the same seed gives the same mask.

Axes: N batch, C channels, then up to three axes of space.
Twin: torch_ref/dropout.py. Pair: parity_tests/pairs/dropout.py.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from scratch import random
from scratch.module import Module
from scratch.op import Op, on_device_of
from scratch.rectifiers import SELU_ALPHA, SELU_SCALE


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
    x : any shape. p : the probability that an element is dropped. training : if False, or p is 0, y is a copy of x.
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
    if not training or p == 0:
        return x.copy(), None
    keep, scale = on_device_of(x, keep_mask(x.shape, p, rng)), keep_scale(p)
    return x * keep * scale, DropoutSaved(keep, scale)


def dropout_backward(dy, saved):
    if saved is None:
        return dy.copy()
    # y = x * keep * scale
    return dy * saved.keep * saved.scale


dropout = Op(dropout_forward, dropout_backward)


# ------------------------------------------------------------------ whole channels


def _mask_of_channels(name, x, leading, p, rng):
    """One decision for each place of the first `leading` axes, shared by all the others."""
    if x.ndim < leading:
        raise ValueError(f"{name}: x must have at least {leading} axes in training, but is {x.shape}")
    shape = x.shape[:leading] + (1,) * (x.ndim - leading)
    return on_device_of(x, keep_mask(shape, p, rng))


def _drop_channels(name, x, leading, p, training, rng):
    checked_probability(name, p)
    if not training:
        return x.copy(), None
    keep = _mask_of_channels(name, x, leading, p, rng)
    factor = keep.astype(x.dtype) * keep_scale(p)  # (N, C, 1...): one product an element
    return x * factor, (factor,)


def dropout1d_forward(x, p=0.5, training=True, inplace=False, rng=None):
    """Dropout of whole channels: x (N, C, L) or (C, L). Options, results and errors as dropout's.

    Raises ValueError for another number of axes too. Source: Tompson, Goroshin, Jain, LeCun, Bregler, 2015.
    """
    if x.ndim not in (2, 3):
        raise ValueError(f"dropout1d: x must be (N, C, L) or (C, L), but is {x.shape}")
    return _drop_channels("dropout1d", x, x.ndim - 1, p, training, rng)


def dropout2d_forward(x, p=0.5, training=True, inplace=False, rng=None):
    """Dropout of whole channels: x (N, C, H, W). Options, results and errors as dropout's.

    The first two axes are always N and C; torch takes (N, C), (N, C, L) and more axes too, and warns.
    """
    return _drop_channels("dropout2d", x, 2, p, training, rng)


def dropout3d_forward(x, p=0.5, training=True, inplace=False, rng=None):
    """Dropout of whole channels: x (N, C, D, H, W) or (C, D, H, W). Options, results and errors as dropout's.

    An x with any other number of axes is taken to have no N, as in torch, which warns.
    """
    return _drop_channels("dropout3d", x, 2 if x.ndim == 5 else 1, p, training, rng)


def drop_channels_backward(dy, saved):
    if saved is None:
        return dy.copy()
    # y = x * factor
    (factor,) = saved
    return dy * factor


dropout1d = Op(dropout1d_forward, drop_channels_backward)
dropout2d = Op(dropout2d_forward, drop_channels_backward)
dropout3d = Op(dropout3d_forward, drop_channels_backward)


# ------------------------------------------------------------------ for self-normalizing networks

FLOOR = -SELU_SCALE * SELU_ALPHA  # what a SELU gives at -inf


def _drop_to_floor(name, x, leading, p, training, rng):
    checked_probability(name, p)
    if not training or p == 0:
        return x.copy(), None
    keep = _mask_of_channels(name, x, leading, p, rng).astype(x.dtype)
    # where x has mean 0 and variance 1, what replaces it has mean p FLOOR and variance (1 - p) (1 + p FLOOR²)
    scale = 1 / math.sqrt((1 - p) * (1 + p * FLOOR**2)) if p < 1 else 0.0
    # y = scale * (x * keep + FLOOR * (1 - keep) - p * FLOOR), with what is the same for a whole channel taken together
    factor = scale * keep
    return x * factor + scale * FLOOR * (1 - keep - p), (factor,)


def alpha_dropout_forward(x, p=0.5, training=False, inplace=False, rng=None):
    """Alpha dropout: dropped elements become the floor of a SELU; mean 0 and variance 1 are kept.

    y = a · (x where kept, else f) - a p f with f ≈ -1.7581 and a = 1 / √((1 - p) (1 + p f²)); zeros for p = 1.

    Parameters, results and errors as dropout's, but `training` is False unless given, as in torch.
    Source: Klambauer, Unterthiner, Mayr, Hochreiter, 2017.
    """
    return _drop_to_floor("alpha_dropout", x, x.ndim, p, training, rng)


def feature_alpha_dropout_forward(x, p=0.5, training=False, inplace=False, rng=None):
    """Alpha dropout of whole channels: x (N, C, *), one decision for each of the N · C. All else as alpha_dropout's."""
    return _drop_to_floor("feature_alpha_dropout", x, 2, p, training, rng)


alpha_dropout = Op(alpha_dropout_forward, drop_channels_backward)
feature_alpha_dropout = Op(feature_alpha_dropout_forward, drop_channels_backward)


# ------------------------------------------------------------------ modules


class _Dropout(Module):
    """What all of them share.

    rng : a numpy.random.Generator, or a seed from which the module makes its own, once; None is the shared one.
    """

    op: Op

    def __init__(self, p: float = 0.5, inplace: bool = False, *, rng=None):
        self.p, self.inplace = checked_probability(type(self).__name__, p), inplace
        self.rng = None if rng is None else random.generator(rng)

    def forward(self, x):
        return self.op(x, self.p, self.training, rng=self.rng)

    def extra_repr(self):
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """In training, y = x · keep / (1 - p) with a new random mask each time; in evaluation, y = x."""

    op = dropout


class Dropout1d(_Dropout):
    """Dropout of whole channels of x (N, C, L) or (C, L)."""

    op = dropout1d


class Dropout2d(_Dropout):
    """Dropout of whole channels of x (N, C, H, W)."""

    op = dropout2d


class Dropout3d(_Dropout):
    """Dropout of whole channels of x (N, C, D, H, W) or (C, D, H, W)."""

    op = dropout3d


class AlphaDropout(_Dropout):
    """Dropout that keeps mean 0 and variance 1, to be used after SELU: dropped elements become SELU's floor."""

    op = alpha_dropout


class FeatureAlphaDropout(_Dropout):
    """Alpha dropout of whole channels of x (N, C, *)."""

    op = feature_alpha_dropout
