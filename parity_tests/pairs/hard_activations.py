"""Hard activations: every option, and values exactly on the bounds (the regime `ties`, and whole numbers)."""

import numpy as np
from hypothesis import strategies as st

import torch_ref.functional
from parity_tests.pair import Case, floats
from parity_tests.pairs.activations import elementwise_pairs
from parity_tests.pairs.rectifiers import inplace, without_nan


def onto_the_bounds(x):
    """Whole numbers become multiples of 3: the bounds of the hard sigmoid and the hard swish."""
    return without_nan(np.where(x == np.round(x), 3 * x, x))


def exact_hardsigmoid(x, inplace=False):
    """torch's hardsigmoid, but for its slope: torch's own is 1/6 rounded to float32, in float64 too."""
    return torch_ref.functional.relu6(x + 3) / 6


class ExactHardsigmoid(torch_ref.Hardsigmoid):
    def forward(self, x):
        return exact_hardsigmoid(x)


elementwise_pairs("ReLU6", "relu6", inplace, transform=without_nan)
elementwise_pairs(
    "Hardtanh",
    "hardtanh",
    {"min_val": st.sampled_from([-1.0, -2, 0.0]), "max_val": st.sampled_from([1.0, 0.25, 6])},
    transform=without_nan,
    bad=[(Case({"x": floats(3)}, {"min_val": 2.0, "max_val": 1.0}), ValueError, "but they are")],
)
elementwise_pairs("Hardsigmoid", None, inplace, transform=onto_the_bounds, twin=ExactHardsigmoid)
elementwise_pairs(None, "hardsigmoid", inplace, transform=onto_the_bounds, twin=exact_hardsigmoid)
elementwise_pairs("Hardswish", "hardswish", inplace, transform=onto_the_bounds)
elementwise_pairs(
    "Softshrink",
    "softshrink",
    {"lambd": st.sampled_from([0.5, 0.0, 1])},
    transform=without_nan,
    bad=[(Case({"x": floats(3)}, {"lambd": -0.5}), ValueError, "softshrink: lambd must not be negative")],
)
elementwise_pairs("Hardshrink", "hardshrink", {"lambd": st.sampled_from([0.5, 0.0, 1, -0.5])}, transform=without_nan)
elementwise_pairs(
    "Threshold",
    "threshold",
    {"threshold": st.sampled_from([0, 1.0, -0.25]), "value": st.sampled_from([0.0, 7, -2.5])},
    required={"threshold": 0.1, "value": 20},
)
