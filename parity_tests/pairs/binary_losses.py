"""Losses of yes-or-no questions: probabilities, logits, margins, many labels."""

import numpy as np
import torch
from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats, ints
from parity_tests.pairs.losses import (
    SIZE,
    broadcastable,
    class_weights,
    positive,
    reductions,
    same_size,
    shapes,
    unit,
    without_rows,
)


def in_unit_interval(values):
    """0 for very negative values, and short of 1 by more than a rounding."""
    return np.clip(1 / (1 + np.exp(-values)), 0, 1 - 1e-6)


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


# ---------------------------------------------------------------------- soft margins

sign = {"transform": lambda values: np.where(values < 0, -1.0, 1.0)}


@st.composite
def soft_margin_cases(draw):
    """Wide apart, but not so far that torch's exponential overflows."""
    shape = draw(shapes)
    target_shape = draw(broadcastable(shape))
    target = draw(
        st.sampled_from(
            [
                floats(*target_shape, grad=False, **sign),
                floats(*target_shape, grad=False),
                ints(*target_shape, low=-1, high=2),
            ]
        )
    )
    x = draw(st.sampled_from([floats(*shape), floats(*shape, low=-30.0, high=30.0)]))
    return Case({"x": x, "target": target}, draw(reductions))


soft_margin_pair = {
    "cases": soft_margin_cases(),
    "regimes": ("normal", "ties", "tiny"),
    "bad": [
        (
            Case({"x": floats(3), "target": ints(2, 3, low=-1, high=2)}),
            ValueError,
            r"soft_margin_loss: target \(2, 3\) must broadcast to the shape of x \(3,\)",
        )
    ],
}
Pair("soft_margin_loss", **soft_margin_pair)
Pair(
    "SoftMarginLoss",
    sizes={"4096x1000": Case({"x": floats(*SIZE), "target": floats(*SIZE, grad=False, **sign)})},
    empty=[
        Case({"x": floats(0, 3), "target": ints(0, 3, high=2)}, {"reduction": reduction})
        for reduction in ("none", "sum", "mean")
    ],
    **soft_margin_pair,
)


@st.composite
def multilabel_cases(draw, module):
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    target_shape = draw(broadcastable(shape))
    target = draw(st.sampled_from([floats(*target_shape), ints(*target_shape, high=2)]))
    inputs, config = {"x": floats(*shape), "target": target}, draw(reductions)
    weight = draw(st.sampled_from([None, shape, [2, *shape]]))
    if weight is not None and (module or len(weight) > len(shape)):
        weight = draw(broadcastable(weight))
    if module:
        return Case(inputs, config if weight is None else {**config, "weight": torch.ones(weight)})
    return Case({**inputs, "weight": None if weight is None else floats(*weight)}, config)


Pair(
    "MultiLabelSoftMarginLoss",
    cases=multilabel_cases(module=True),
    sizes=same_size(),
    empty=[*without_rows(), Case({"x": floats(2, 0), "target": unit(2, 0)}, {"reduction": "none"})],
    state=class_weights,
    regimes=("normal", "ties", "large", "tiny", "inf_nan"),
    bad=[
        (
            Case({"x": floats(2, 3), "target": floats(2, 2)}),
            ValueError,
            "multilabel_soft_margin_loss: the shapes of x and target do not broadcast",
        ),
        (Case({"x": floats(), "target": floats()}), ValueError, r"x must be \(N, C\) or \(C,\), but has no axis"),
    ],
)
Pair("multilabel_soft_margin_loss", cases=multilabel_cases(module=False), regimes=("normal", "ties", "large", "tiny"))
