"""Softmax and log-softmax: every axis, torch's choice of one, and rows enough for the kernels."""

import warnings

import torch
from hypothesis import strategies as st

import torch_ref.functional
from parity_tests.pair import Case, Pair, floats
from parity_tests.pairs.activations import REGIMES
from scratch.random import generator

shapes = st.lists(st.integers(1, 5), max_size=4).map(tuple)
many = st.sampled_from([(130, 130), (2, 65, 140), (1100, 16), (2, 200, 170)])


@st.composite
def cases(draw):
    shape = draw(st.one_of(shapes, shapes, shapes, many))
    axes = max(len(shape), 1)
    config = {"dim": draw(st.one_of(st.integers(-axes, axes - 1), st.sampled_from([-1, None])))}
    return Case({"x": floats(*shape)}, config)


def case(*shape, dim=-1):
    return Case({"x": floats(*shape)}, {"dim": dim})


def channels(*shape):
    return Case({"x": floats(*shape)})


Pair(
    "Softmax2d",
    cases=st.lists(st.integers(1, 4), min_size=3, max_size=4).map(lambda shape: channels(*shape)),
    sizes={"8x21x256x256": channels(8, 21, 256, 256)},
    empty=[channels(0, 3, 2, 2), channels(2, 3, 0, 2)],
    bad=[(channels(2, 3), ValueError, r"Softmax2d: x must be \(N, C, H, W\) or \(C, H, W\), but is \(2, 3\)")],
    regimes=REGIMES,
)


def replayed_gumbel_softmax(logits, tau=1, hard=False, eps=1e-10, dim=-1, rng=None):
    """torch's gumbel_softmax, with the noise of rng where one is given."""
    if rng is None:
        return torch_ref.functional.gumbel_softmax(logits, tau, hard, dim=dim)
    noise = torch.tensor(generator(rng).gumbel(size=tuple(logits.shape)), dtype=logits.dtype)
    soft = torch.softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    choice = torch.zeros_like(soft).scatter_(dim, soft.max(dim, keepdim=True)[1], 1.0)
    return choice - soft.detach() + soft


@st.composite
def gumbel_cases(draw):
    shape = draw(shapes)
    axes = max(len(shape), 1)
    config = {"tau": draw(st.sampled_from([1, 0.5, 3.0])), "hard": draw(st.booleans()), "rng": draw(st.integers(0, 9))}
    return Case({"logits": floats(*shape)}, config | {"dim": draw(st.integers(-axes, axes - 1))})


Pair(
    "gumbel_softmax",
    cases=gumbel_cases(),
    sizes={"4096 rows of 1024": Case({"logits": floats(4096, 1024)})},
    empty=[Case({"logits": floats(0, 3)}, {"rng": 0})],
    bad=[(Case({"logits": floats(3)}, {"dim": 1}), ValueError, "gumbel_softmax: dim 1 is out of range")],
    regimes=("normal", "ties", "tiny"),
    twin=replayed_gumbel_softmax,
    smooth=(),  # a choice has no slope: its backward is that of the soft y
)


def without_warning(function):
    """torch warns where it chooses the axis."""

    def call(x, dim=None):
        with warnings.catch_warnings(action="ignore"):
            return function(x, dim)

    return call


for name in ("Softmax", "LogSoftmax", "Softmin", "softmax", "log_softmax", "softmin"):
    Pair(
        name,
        cases=cases(),
        sizes={"4096 rows of 1024": case(4096, 1024), "8x8x256x256": case(8, 8, 256, 256)} if name[0].isupper() else {},
        empty=[case(0, 3), case(3, 0), case(0, 2, 3, dim=1)],
        bad=[
            (case(2, 3, dim=2), ValueError, r"dim 2 is out of range for x \(2, 3\)"),
            (case(dim=1), ValueError, r"dim 1 is out of range for x \(\)"),
        ],
        regimes=REGIMES,
        smooth=("normal", "large"),
        twin=without_warning(getattr(torch_ref.functional, name)) if name.islower() else None,
    )
