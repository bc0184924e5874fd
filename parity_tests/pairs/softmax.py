"""Softmax and log-softmax: every axis, torch's choice of one, and rows enough for the kernels."""

import warnings

from hypothesis import strategies as st

import torch_ref.functional
from parity_tests.pair import Case, Pair, floats
from parity_tests.pairs.activations import REGIMES

shapes = st.lists(st.integers(1, 5), max_size=4).map(tuple)
many = st.sampled_from([(130, 130), (2, 65, 140), (1100, 16)])


@st.composite
def cases(draw):
    shape = draw(st.one_of(shapes, shapes, shapes, many))
    axes = max(len(shape), 1)
    config = {"dim": draw(st.one_of(st.integers(-axes, axes - 1), st.sampled_from([-1, None])))}
    return Case({"x": floats(*shape)}, config)


def case(*shape, dim=-1):
    return Case({"x": floats(*shape)}, {"dim": dim})


def without_warning(function):
    """torch warns where it chooses the axis."""

    def call(x, dim=None):
        with warnings.catch_warnings(action="ignore"):
            return function(x, dim)

    return call


for name in ("Softmax", "LogSoftmax", "softmax", "log_softmax"):
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
