"""Linear layer and cross-entropy in one: indices and probabilities, further axes, weights."""

import torch
from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats, ints


def unit(*shape):
    return floats(*shape, low=0.1, high=0.9)


@st.composite
def cases(draw, module):
    n, i, classes = draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.integers(1, 4))
    batch = [n] if draw(st.integers(0, 3)) else []
    further = draw(st.lists(st.integers(1, 3), max_size=2)) if batch else []
    options = {"reduction": draw(st.sampled_from(["mean", "sum", "none"]))}
    options["label_smoothing"] = draw(st.sampled_from([0.0, 0.1, 0.3]))  # near 1 softmax - 1/C is all rounding
    if draw(st.booleans()):
        target = ints(*batch, *further, high=classes)
        if draw(st.booleans()):
            options["ignore_index"] = draw(st.sampled_from([-1, 200]))
    else:
        target = unit(*batch, classes, *further)
    bias, weighted = draw(st.booleans()), draw(st.booleans())
    if module:
        config = {**options, "in_features": i, "num_classes": classes, "out_features": tuple(further), "bias": bias}
        if weighted:
            config["weight"] = torch.ones(classes)
        return Case({"x": floats(*batch, i), "target": target}, config)
    inputs = {"x": floats(*batch, i), "linear_weight": floats(classes, *further, i), "target": target}
    inputs["linear_bias"] = floats(classes, *further) if bias else None
    inputs["weight"] = floats(classes, low=0.5, high=2.0, grad=False) if weighted else None
    return Case(inputs, options)


def positive_weight(key, shape, rng):
    return rng.uniform(0.5, 2.0, size=shape) if key == "weight" else None


def module_case(n, i, classes):
    return Case({"x": floats(n, i), "target": ints(n, high=classes)}, {"in_features": i, "num_classes": classes})


Pair(
    "LinearCrossEntropyLoss",
    cases=cases(module=True),
    sizes={"256 tokens, 256 -> 10000": module_case(256, 256, 10000)},
    regimes=("normal", "ties", "tiny"),
    state=positive_weight,
    bad=[
        (
            Case({"x": floats(2, 4), "target": ints(2, high=2)}, {"in_features": 3, "num_classes": 2}),
            ValueError,
            r"linear_cross_entropy: linear_weight expects 3 input features",
        )
    ],
)

Pair(
    "linear_cross_entropy",
    cases=cases(module=False),
    regimes=("normal", "ties", "tiny"),
    bad=[
        (
            Case({"x": floats(3), "linear_weight": floats(2, 2, 3), "target": ints(2, high=2)}),
            ValueError,
            r"x must be \(N, I\), or \(I,\) with linear_weight \(C, I\)",
        ),
        (
            Case({"x": floats(2, 3), "linear_weight": floats(4, 3), "target": unit(2, 4)}, {"ignore_index": 1}),
            ValueError,
            r"ignore_index=1 needs class indices",
        ),
    ],
)
