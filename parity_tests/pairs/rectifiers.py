"""Rectifiers: options, slopes per channel, and values exactly on the kinks (the regime `ties`)."""

import numpy as np
import torch
from hypothesis import strategies as st

import torch_ref.functional
from parity_tests.pair import Case, Pair, floats
from parity_tests.pairs.activations import REGIMES, elementwise_pairs, shapes
from parity_tests.pairs.dropout import SEED
from scratch.random import generator

inplace = {"inplace": st.just(False)}


def without_nan(x):
    """torch's slope at nan differs between its vector and its scalar code here."""
    return np.where(np.isnan(x), 0.0, x)


elementwise_pairs("ReLU", "relu", inplace)
elementwise_pairs("LeakyReLU", "leaky_relu", {"negative_slope": st.sampled_from([0.01, 0.25, 0.0, -1.5, 2])})
elementwise_pairs("ELU", "elu", {"alpha": st.sampled_from([1.0, 0.5, 2, -0.75])}, transform=without_nan)
elementwise_pairs(
    "CELU",
    "celu",
    {"alpha": st.sampled_from([1.0, 0.5, 2])},
    transform=without_nan,
    bad=[(Case({"x": floats(3)}, {"alpha": 0.0}), ValueError, "celu: alpha cannot be 0")],
)
elementwise_pairs("SELU", "selu", inplace, transform=without_nan)


def replayed_rrelu(x, lower=1 / 8, upper=1 / 3, training=False, inplace=False, rng=None):
    """torch's rrelu, in training with the slopes of rng where one is given."""
    if not training or rng is None:
        return torch_ref.functional.rrelu(x, lower, upper, training)
    slopes = generator(rng).uniform(lower, upper, size=tuple(x.shape))
    return torch.where(x > 0, x, torch.tensor(slopes, dtype=x.dtype) * x)


class ReplayedRReLU(torch_ref.RReLU):
    """torch's RReLU, whose slopes are those of rng where one is given."""

    def __init__(self, lower=1 / 8, upper=1 / 3, inplace=False, rng=None):
        super().__init__(lower, upper, inplace)
        self.rng = None if rng is None else np.random.default_rng(rng)

    def forward(self, x):
        return replayed_rrelu(x, self.lower, self.upper, self.training, rng=self.rng)


bounds = {"lower": st.sampled_from([0.125, 0.25, -1.0]), "upper": st.sampled_from([0.25, 0.5, 1])}
elementwise_pairs("RReLU", None, bounds | {"rng": st.just(SEED)}, twin=ReplayedRReLU)
elementwise_pairs(None, "rrelu", bounds | {"rng": st.just(SEED), "training": st.booleans()}, twin=replayed_rrelu)


@st.composite
def prelu_modules(draw):
    shape = draw(shapes)
    slopes = draw(st.sampled_from([1, shape[1]])) if len(shape) > 1 else 1
    return Case({"x": floats(*shape)}, {"num_parameters": slopes})


@st.composite
def prelu_calls(draw):
    shape = draw(shapes)
    weights = [floats(1), floats()] + ([floats(shape[1])] if len(shape) > 1 else [])
    return Case({"x": floats(*shape), "weight": draw(st.sampled_from(weights))})


Pair(
    "PReLU",
    cases=prelu_modules(),
    sizes={"8M": Case({"x": floats(8_000_000)}), "32x64x56x56, a slope a channel": Case({"x": floats(32, 64, 56, 56)})},
    empty=[Case({"x": floats(0, 3)}, {"num_parameters": 3}), Case({"x": floats(2, 0)})],
    regimes=REGIMES,
    smooth=("off_grid",),
)
Pair(
    "prelu",
    cases=prelu_calls(),
    empty=[Case({"x": floats(3, 0), "weight": floats(0)})],
    regimes=REGIMES,
    smooth=("off_grid",),
    bad=[
        (Case({"x": floats(2, 3), "weight": floats(2)}), ValueError, r"3 channels .* weight is \(2,\) and x \(2, 3\)"),
        (Case({"x": floats(3), "weight": floats(3)}), ValueError, "prelu: weight must hold one slope"),
        (Case({"x": floats(2, 3), "weight": floats(3, 1)}), ValueError, "prelu: weight must hold one slope"),
    ],
)
