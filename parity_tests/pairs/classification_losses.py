"""Cross-entropy and negative log-likelihood: class indices and probabilities, with and without axes behind them."""

import numpy as np
import torch
from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats, ints
from parity_tests.pairs.losses import class_weights, positive, reductions, unit


def some_ignored(index):
    """Every third index becomes `index`, but for the first: a mean over nothing is nan."""

    def transform(target):
        flat = target.reshape(-1).copy()
        flat[1::3] = index
        return flat.reshape(target.shape)

    return transform


@st.composite
def shapes(draw):
    """(C,), or (N, C, *)."""
    classes = draw(st.integers(1, 5))
    if draw(st.integers(0, 4)) == 0:
        return [classes]
    return [draw(st.integers(1, 4)), classes, *draw(st.lists(st.integers(1, 3), max_size=2))]


def without_classes(shape):
    return shape[:1] + shape[2:] if len(shape) > 1 else []


@st.composite
def index_cases(draw, module, smoothing):
    shape = draw(shapes())
    classes = shape[min(1, len(shape) - 1)]
    config = draw(reductions)
    ignore_index = draw(st.sampled_from([None, -1, 255]))
    target = ints(*without_classes(shape), high=classes)
    if ignore_index is not None:
        config = {**config, "ignore_index": ignore_index}
        target = ints(*target.shape, high=classes, transform=some_ignored(ignore_index))
    if smoothing:
        config = {**config, "label_smoothing": draw(st.sampled_from([0.0, 0.1, 1.0]))}
    return _with_weight({"x": floats(*shape), "target": target}, config, classes, draw(st.booleans()), module)


@st.composite
def probability_cases(draw, module):
    shape = draw(shapes())
    config = {**draw(reductions), "label_smoothing": draw(st.sampled_from([0.0, 0.1, 1.0]))}
    inputs = {"x": floats(*shape), "target": unit(*shape)}
    return _with_weight(inputs, config, shape[min(1, len(shape) - 1)], draw(st.booleans()), module)


def _with_weight(inputs, config, classes, weighted, module):
    if module:
        return Case(inputs, {**config, "weight": torch.ones(classes)} if weighted else config)
    weight = positive(classes, grad=False) if weighted else None
    return Case({**inputs, "weight": weight}, config)


def case(shape, target, **config):
    return Case({"x": floats(*shape), "target": target}, config)


def empty_cases():
    return [
        case(shape, ints(*without_classes(shape), high=1), reduction=reduction)
        for shape in ([0, 3], [2, 3, 0])
        for reduction in ("none", "sum", "mean")
    ]


def refused(op):
    return [
        (
            case([2, 3], ints(3, high=3)),
            ValueError,
            rf"{op}: target must hold one class index for each choice, \(2,\) for x \(2, 3\), but is \(3,\)",
        ),
        (case([2, 3], ints(2, low=3, high=4)), ValueError, rf"{op}: class indices must be from 0 to 2"),
        (case([2, 3], ints(2, low=-1, high=0)), ValueError, rf"{op}: .*but target has -1 to -1"),
        (
            case([2, 3], ints(2, high=2, transform=lambda t: t.astype(np.int32))),
            TypeError,
            rf"{op}: class indices must be int64 or uint8, but target has dtype int32",
        ),
        (case([2, 3], floats(2)), TypeError, rf"{op}: class indices must be int64 or uint8"),
        (case([2, 3], ints(2, high=3), weight=np.ones(2, "f4")), ValueError, rf"{op}: weight must have one number"),
        (case([2, 3], ints(2, high=3), weight=np.ones(3)), TypeError, rf"{op}: .*dtype"),
        (case([2, 3], ints(2, high=3), reduction="average"), ValueError, rf"{op}: reduction must be one of"),
        (case([2, 0], ints(2, high=1)), ValueError, rf"{op}: .* at least one class, but is \(2, 0\)"),
    ]


SIZES = {
    "4096x1000": case([4096, 1000], ints(4096, high=1000)),
    "128x10": case([128, 10], ints(128, high=10)),
    "8x21x128x128": case([8, 21, 128, 128], ints(8, 128, 128, high=21)),
}

REGIMES = ("normal", "ties", "large", "tiny", "inf_nan")

Pair(
    "NLLLoss",
    cases=index_cases(module=True, smoothing=False),
    sizes=SIZES,
    empty=empty_cases(),
    state=class_weights,
    regimes=REGIMES,
    bad=refused("nll_loss"),
)
Pair("nll_loss", cases=index_cases(module=False, smoothing=False), regimes=REGIMES)

Pair(
    "CrossEntropyLoss",
    cases=st.one_of(index_cases(module=True, smoothing=True), probability_cases(module=True)),
    sizes=SIZES,
    empty=[*empty_cases(), case([0, 3], unit(0, 3)), case([2, 3, 0], unit(2, 3, 0), reduction="none")],
    state=class_weights,
    regimes=REGIMES,
    bad=[
        *refused("cross_entropy"),
        (case([3, 3], ints(3, 3, high=3)), TypeError, "must hold probabilities, floating point, but has dtype int64"),
        (case([3, 2], unit(3, 2), ignore_index=1), ValueError, "ignore_index=1 is for class indices"),
        (
            case([3, 2], ints(3, high=2), label_smoothing=1.5),
            ValueError,
            "cross_entropy: label_smoothing must be from 0 to 1, but is 1.5",
        ),
    ],
)
Pair(
    "cross_entropy",
    cases=st.one_of(index_cases(module=False, smoothing=True), probability_cases(module=False)),
    regimes=REGIMES,
)
