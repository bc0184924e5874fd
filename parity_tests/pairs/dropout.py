"""Dropout: the twins replay in torch the mask that a seed means."""

import warnings

import numpy as np
import torch
from hypothesis import strategies as st

import torch_ref.functional
from parity_tests.pair import Case, Pair, floats
from parity_tests.pairs.activations import REGIMES, shapes
from scratch.dropout import keep_mask

SEED = 7
probabilities = st.sampled_from([0.5, 0.1, 0.9, 0, 1])


def replayed_dropout(x, p=0.5, training=True, inplace=False, rng=None):
    """torch's dropout, in training with the mask of rng where one is given."""
    if not training or p in (0, 1) or rng is None:
        return torch_ref.functional.dropout(x, p, training)
    return x * torch.from_numpy(np.array(keep_mask(tuple(x.shape), p, rng))) * (1 / (1 - p))


def replayed_channels(function):
    """The same for torch's dropouts of channels, with their own reading of x's axes."""

    def replayed(x, p=0.5, training=True, inplace=False, rng=None):
        if not training or p in (0, 1) or rng is None:
            with warnings.catch_warnings(action="ignore"):
                return getattr(torch_ref.functional, function)(x, p, training)
        batched = x if (function, x.ndim) in BATCHED else x.unsqueeze(0)
        keep = keep_mask(tuple(batched.shape[:2]), p, rng)
        y = batched * torch.from_numpy(keep).reshape(keep.shape + (1,) * (batched.ndim - 2)) * (1 / (1 - p))
        return y.reshape(x.shape)

    return replayed


BATCHED = {("dropout1d", 3), ("dropout2d", 2), ("dropout2d", 3), ("dropout2d", 4), ("dropout3d", 5)}


def replayed_alpha(function, axes):
    """The same for alpha dropout, as its paper states it: an affine map of what is left and the floor."""

    def replayed(x, p=0.5, training=False, inplace=False, rng=None):
        if not training or p in (0, 1) or rng is None:
            return getattr(torch_ref.functional, function)(x, p, training)
        shape = tuple(x.shape[:axes]) + (1,) * (x.ndim - axes) if axes else tuple(x.shape)
        keep = torch.from_numpy(np.array(keep_mask(shape, p, rng))).to(x.dtype)
        floor = -1.7580993408473766
        a = ((1 - p) * (1 + p * floor**2)) ** -0.5
        return a * (x * keep + floor * (1 - keep)) - a * p * floor

    return replayed


def replayed_module(name, function):
    """torch's class, whose masks are those of rng where one is given."""

    class Replayed(getattr(torch_ref, name)):
        def __init__(self, p=0.5, inplace=False, rng=None):
            super().__init__(p, inplace)
            self.rng = None if rng is None else np.random.default_rng(rng)

        def forward(self, x):
            return function(x, self.p, self.training, rng=self.rng)

    return Replayed


def shapes_of(low, high):
    return st.lists(st.integers(1, 4), min_size=low, max_size=high).map(tuple)


# class, function, twin, shapes, a size for benchmarks, an x that is refused
DROPOUTS = [
    ("Dropout", "dropout", replayed_dropout, shapes, (8_000_000,), None),
    ("Dropout1d", "dropout1d", replayed_channels("dropout1d"), shapes_of(2, 3), (64, 128, 1000), (2,)),
    ("Dropout2d", "dropout2d", replayed_channels("dropout2d"), shapes_of(2, 4), (32, 64, 56, 56), (2,)),
    ("Dropout3d", "dropout3d", replayed_channels("dropout3d"), shapes_of(2, 5), (8, 16, 16, 56, 56), ()),
    ("AlphaDropout", "alpha_dropout", replayed_alpha("alpha_dropout", 0), shapes, (8_000_000,), None),
    (
        "FeatureAlphaDropout",
        "feature_alpha_dropout",
        replayed_alpha("feature_alpha_dropout", 2),
        shapes_of(2, 5),
        (32, 64, 56, 56),
        (2,),
    ),
]
for module, function, twin, of, large, refused in DROPOUTS:
    Pair(
        module,
        cases=st.builds(lambda shape, p: Case({"x": floats(*shape)}, {"p": p, "rng": SEED}), of, probabilities),
        sizes={f"{large}, p 0.1": Case({"x": floats(*large)}, {"p": 0.1})},
        empty=[Case({"x": floats(0, 3)}, {"rng": SEED})],
        bad=[
            (Case({"x": floats(3, 2)}, {"p": p}), ValueError, f"{module}: the probability p must be between")
            for p in (-1, 2)
        ],
        regimes=REGIMES,
        twin=replayed_module(module, twin),
    )
    Pair(
        function,
        cases=st.builds(
            lambda shape, p, training, rng: Case({"x": floats(*shape)}, {"p": p, "training": training, "rng": rng}),
            of,
            probabilities,
            st.booleans(),
            st.integers(0, 5),
        ),
        empty=[Case({"x": floats(0, 3)}, {"training": True, "rng": SEED})],
        bad=[
            (Case({"x": floats(3, 2)}, {"p": 1.5}), ValueError, f"{function}: the probability p must be between"),
            *(
                [(Case({"x": floats(*refused)}, {"training": True}), ValueError, f"{function}: x must")]
                if refused is not None
                else []
            ),
        ],
        regimes=REGIMES,
        twin=twin,
    )
