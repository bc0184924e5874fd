"""Losses between arrays of one shape: every reduction, also by its deprecated arguments, with and without weights."""

import numpy as np
import torch
from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats, ints

reductions = st.sampled_from(
    [{}, {"reduction": "none"}, {"reduction": "sum"}, {"reduction": "mean"}]
    + [{"size_average": False}, {"reduce": False}, {"size_average": True, "reduce": True, "reduction": "none"}]
)
shapes = st.lists(st.integers(1, 4), max_size=3)


@st.composite
def broadcastable(draw, shape):
    """A shape that broadcasts to this one."""
    kept = shape[draw(st.integers(0, len(shape))) :]
    return [1 if draw(st.booleans()) else n for n in kept]


def positive(*shape, grad=True):
    return floats(*shape, low=0.2, high=3.0, grad=grad)


def in_unit_interval(values):
    """0 for very negative values, and short of 1 by more than a rounding."""
    return np.clip(1 / (1 + np.exp(-values)), 0, 1 - 1e-6)


def class_weights(key, shape, rng):
    """Positive values for the weight buffers."""
    return rng.uniform(0.2, 2.0, size=shape)


SIZE = (4096, 1000)

# ---------------------------------------------------------------------- errors


@st.composite
def error_cases(draw):
    shape = draw(shapes)
    target = draw(st.sampled_from([floats(*shape), ints(*shape, low=-2, high=3)]))
    return Case({"x": floats(*shape), "target": target}, draw(reductions))


@st.composite
def weighted_error_cases(draw):
    case = draw(error_cases())
    shape = case.inputs["x"].shape
    weight = positive(*shape) if draw(st.booleans()) else None
    return Case({**case.inputs, "weight": weight}, case.config)


for module, op in (("MSELoss", "mse_loss"), ("L1Loss", "l1_loss")):
    Pair(
        module,
        cases=error_cases(),
        sizes={"4096x1000": Case({"x": floats(*SIZE), "target": floats(*SIZE)})},
        empty=[Case({"x": floats(0, 3), "target": floats(0, 3)}, {"reduction": r}) for r in ("none", "sum", "mean")],
        regimes=("normal", "ties", "large", "tiny", "inf_nan"),
        bad=[
            (
                Case({"x": floats(2, 3), "target": floats(2, 2)}),
                ValueError,
                rf"{op}: the shapes of x and target do not broadcast: x \(2, 3\), target \(2, 2\)",
            ),
            (
                Case({"x": floats(2), "target": floats(2)}, {"reduction": "average"}),
                ValueError,
                rf"{op}: reduction must be one of 'none', 'mean', 'sum', but is 'average'",
            ),
            (Case({"x": ints(2, high=3), "target": floats(2)}), TypeError, rf"{op}: x must be floating point"),
        ],
    )
    Pair(
        op,
        cases=weighted_error_cases(),
        regimes=("normal", "ties", "large", "tiny", "inf_nan"),
        bad=[
            (
                Case({"x": floats(2, 3), "target": floats(2, 3), "weight": floats(3)}),
                ValueError,
                rf"{op}: weight and x must have the same shape, but got weight \(3,\), x \(2, 3\)",
            )
        ],
    )

# ---------------------------------------------------------------------- binary cross-entropy


@st.composite
def probability_cases(draw, module):
    shape = draw(shapes)
    inputs = {name: floats(*shape, transform=in_unit_interval) for name in ("x", "target")}
    config = draw(reductions)
    weight = draw(broadcastable(shape)) if draw(st.booleans()) else None
    if module:
        return Case(inputs, config if weight is None else {**config, "weight": torch.ones(weight)})
    weight = None if weight is None else floats(*weight, grad=False)
    return Case({**inputs, "weight": weight}, config)


def unit(*shape):
    return floats(*shape, low=0.0, high=1.0)


Pair(
    "BCELoss",
    cases=probability_cases(module=True),
    sizes={"4096x1000": Case({"x": unit(*SIZE), "target": unit(*SIZE)})},
    empty=[Case({"x": unit(0, 3), "target": unit(0, 3)}, {"reduction": r}) for r in ("none", "sum", "mean")],
    state=class_weights,
    bad=[
        (
            Case({"x": floats(4, low=1.5, high=2), "target": unit(4)}),
            ValueError,
            "binary_cross_entropy: x must be between 0 and 1, but is not; for logits use",
        ),
        (
            Case({"x": unit(4), "target": floats(4, low=-2, high=-1)}),
            ValueError,
            "binary_cross_entropy: target must be between 0 and 1",
        ),
        (
            Case({"x": unit(2, 3), "target": unit(3)}),
            ValueError,
            "binary_cross_entropy: target and x must have the same shape",
        ),
    ],
)
Pair(
    "binary_cross_entropy",
    cases=probability_cases(module=False),
    bad=[
        (
            Case({"x": unit(3), "target": unit(3), "weight": unit(2, 3)}),
            ValueError,
            r"binary_cross_entropy: weight \(2, 3\) must broadcast to the shape of x \(3,\)",
        ),
        (Case({"x": unit(3), "target": ints(3, high=2)}), TypeError, "target must be floating point"),
    ],
)


@st.composite
def logit_cases(draw, module):
    shape = draw(shapes)
    inputs = {"x": floats(*shape), "target": draw(st.sampled_from([floats(*shape), unit(*shape)]))}
    config = draw(reductions)
    for name in ("weight", "pos_weight"):
        weight = draw(broadcastable(shape)) if draw(st.booleans()) else None
        if not module:
            inputs[name] = None if weight is None else positive(*weight, grad=False)
        elif weight is not None:
            config = {**config, name: torch.ones(weight)}
    return Case(inputs, config)


Pair(
    "BCEWithLogitsLoss",
    cases=logit_cases(module=True),
    sizes={"4096x1000": Case({"x": floats(*SIZE), "target": unit(*SIZE)})},
    empty=[Case({"x": floats(0, 3), "target": unit(0, 3)}, {"reduction": r}) for r in ("none", "sum", "mean")],
    state=class_weights,
    regimes=("normal", "ties", "large", "tiny", "inf_nan"),
    bad=[
        (
            Case({"x": floats(2, 3), "target": unit(3)}),
            ValueError,
            "binary_cross_entropy_with_logits: target and x must have the same shape",
        ),
    ],
)
Pair(
    "binary_cross_entropy_with_logits",
    cases=logit_cases(module=False),
    regimes=("normal", "ties", "large", "tiny", "inf_nan"),
    bad=[
        (
            Case({"x": floats(3), "target": unit(3), "pos_weight": unit(2, 3)}),
            ValueError,
            r"pos_weight \(2, 3\) must broadcast to the shape of x \(3,\)",
        ),
        (Case({"x": floats(3), "target": ints(3, high=2)}), TypeError, "target must be floating point"),
    ],
)
