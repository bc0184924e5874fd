"""Dropout: the twins replay in torch the mask that a seed means."""

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
    """torch's dropout, in training with the mask of rng instead of one of torch's own."""
    if not training or p in (0, 1):
        return torch_ref.functional.dropout(x, p, training)
    return x * torch.from_numpy(np.array(keep_mask(tuple(x.shape), p, rng))) * (1 / (1 - p))


class ReplayedDropout(torch_ref.Dropout):
    """torch's Dropout, whose masks are those of SEED."""

    def __init__(self, p=0.5, inplace=False):
        super().__init__(p, inplace)
        self.rng = np.random.default_rng(SEED)

    def forward(self, x):
        return replayed_dropout(x, self.p, self.training, rng=self.rng)


Pair(
    "Dropout",
    cases=st.builds(lambda shape, p: Case({"x": floats(*shape)}, {"p": p, "rng": SEED}), shapes, probabilities),
    sizes={"8M, p 0.1": Case({"x": floats(8_000_000)}, {"p": 0.1})},
    empty=[Case({"x": floats(0, 3)}, {"rng": SEED})],
    bad=[(Case({"x": floats(3)}, {"p": p}), ValueError, "Dropout: the probability p must be between") for p in (-1, 2)],
    regimes=REGIMES,
    twin=ReplayedDropout,
)
Pair(
    "dropout",
    cases=st.builds(
        lambda shape, p, training, rng: Case({"x": floats(*shape)}, {"p": p, "training": training, "rng": rng}),
        shapes,
        probabilities,
        st.booleans(),
        st.integers(0, 5),
    ),
    empty=[Case({"x": floats(0)}, {"rng": SEED})],
    bad=[(Case({"x": floats(3)}, {"p": 1.5}), ValueError, "dropout: the probability p must be between")],
    regimes=REGIMES,
    twin=replayed_dropout,
)
