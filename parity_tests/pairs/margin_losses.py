"""Margin losses: targets of every kind, with weights and powers, at kinks and ties."""

import numpy as np
import torch
from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats, ints
from parity_tests.pairs.likelihood_losses import two_shapes
from parity_tests.pairs.losses import SIZE, class_weights, positive, reductions, shapes

REGIMES = ("normal", "ties", "large", "tiny", "inf_nan")
margins = st.sampled_from([0.0, 0.5, 1.0, 2.0])


def sign(*shape, kind=ints, **options):
    """1 and -1, as integers or floating point."""
    if kind is ints:
        return ints(*shape, high=2, transform=lambda values: 2 * values - 1)
    return floats(*shape, transform=lambda values: np.where(values < 0, -1.0, 1.0), **options)


def every_reduction(inputs, **config):
    return [Case(inputs, {**config, "reduction": reduction}) for reduction in ("none", "sum", "mean")]


# ---------------------------------------------------------------------- near or far, first or second


@st.composite
def hinge_cases(draw):
    x_shape, target_shape = draw(two_shapes())
    target = draw(
        st.sampled_from(
            [sign(*target_shape), sign(*target_shape, kind=floats, grad=False), ints(*target_shape, low=-1, high=2)]
        )
    )
    return Case({"x": floats(*x_shape), "target": target}, {**draw(reductions), "margin": draw(margins)})


hinge_pair = {
    "cases": hinge_cases(),
    "regimes": REGIMES,
    "bad": [
        (
            Case({"x": floats(2, 3), "target": sign(2)}),
            ValueError,
            "hinge_embedding_loss: the shapes of x and target do not broadcast",
        )
    ],
}
Pair("hinge_embedding_loss", **hinge_pair)
Pair(
    "HingeEmbeddingLoss",
    sizes={"4096x1000": Case({"x": floats(*SIZE), "target": sign(*SIZE)})},
    empty=every_reduction({"x": floats(0, 3), "target": sign(0, 3)}),
    **hinge_pair,
)


@st.composite
def ranking_cases(draw):
    shape = draw(shapes)
    narrow = [1 if draw(st.booleans()) else n for n in shape]
    sizes = draw(st.permutations([shape, shape, narrow]))
    target = draw(st.sampled_from([sign(*sizes[2]), floats(*sizes[2])]))
    inputs = {"input1": floats(*sizes[0]), "input2": floats(*sizes[1]), "target": target}
    return Case(inputs, {**draw(reductions), "margin": draw(margins)})


def ranked(shape1, shape2, target):
    return {"input1": floats(*shape1), "input2": floats(*shape2), "target": target}


ranking_pair = {
    "cases": ranking_cases(),
    "bad": [
        (
            Case(ranked([2, 3], [3], sign(2, 3))),
            ValueError,
            "margin_ranking_loss: input1, input2 and target must have as many axes each",
        ),
        (Case(ranked([2, 3], [2, 3], sign(2, 2))), ValueError, "margin_ranking_loss: .*do not broadcast"),
    ],
}
Pair("margin_ranking_loss", **ranking_pair)
Pair(
    "MarginRankingLoss",
    sizes={"4096x1000": Case(ranked(SIZE, SIZE, sign(*SIZE)))},
    empty=every_reduction(ranked([0, 3], [0, 3], sign(0, 3))),
    **ranking_pair,
)

# ---------------------------------------------------------------------- one right class


@st.composite
def class_cases(draw, module):
    rows, classes = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    shape, target_shape = draw(st.sampled_from([([rows, classes], [rows]), ([classes], []), ([classes], [1])]))
    inputs = {"x": floats(*shape), "target": ints(*target_shape, high=classes)}
    config = {**draw(reductions), "margin": draw(margins), "p": draw(st.sampled_from([1, 2]))}
    weighted = draw(st.booleans())
    if module:
        return Case(inputs, {**config, "weight": torch.ones(classes)} if weighted else config)
    return Case({**inputs, "weight": positive(classes, grad=False) if weighted else None}, config)


def classed(shape, target, **config):
    return Case({"x": floats(*shape), "target": target}, config)


Pair(
    "MultiMarginLoss",
    cases=class_cases(module=True),
    sizes={"4096x1000": classed(SIZE, ints(4096, high=1000))},
    empty=[classed([0, 3], ints(0, high=3), reduction=reduction) for reduction in ("none", "sum")],
    state=class_weights,
    regimes=REGIMES,
    bad=[
        (
            classed([2, 3], ints(3, high=3)),
            ValueError,
            r"multi_margin_loss: target must hold one class for each of 2 rows, but is \(3,\)",
        ),
        (classed([2, 3], ints(2, low=3, high=4)), ValueError, "multi_margin_loss: target must be from 0 to 2"),
        (
            classed([2, 3], ints(2, high=3, transform=lambda t: t.astype(np.int32))),
            TypeError,
            "multi_margin_loss: target must be int64, but has dtype int32",
        ),
        (classed([2, 3, 2], ints(2, high=3)), ValueError, r"multi_margin_loss: x must be \(N, C\) or \(C,\)"),
        (classed([2, 0], ints(2, high=1)), ValueError, "multi_margin_loss: .*at least one class"),
        (classed([2, 3], ints(2, high=3), p=3), ValueError, "MultiMarginLoss: p must be 1 or 2, but is 3"),
        (classed([2, 3], ints(2, high=3), weight=np.ones(2, "f4")), ValueError, r"weight must be \(3,\)"),
    ],
)
Pair(
    "multi_margin_loss",
    cases=class_cases(module=False),
    regimes=REGIMES,
    bad=[(classed([2, 3], ints(2, high=3), p=3), ValueError, "multi_margin_loss: p must be 1 or 2, but is 3")],
)

# ---------------------------------------------------------------------- several right labels


@st.composite
def label_cases(draw):
    rows, classes = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    shape = draw(st.sampled_from([[rows, classes], [classes]]))
    return classed(shape, ints(*shape, low=-1, high=classes), **draw(reductions))


label_pair = {
    "cases": label_cases(),
    "regimes": REGIMES,
    "bad": [
        (
            classed([2, 3], ints(2, 2, high=3)),
            ValueError,
            r"multilabel_margin_loss: target must have x's shape \(2, 3\), but is \(2, 2\)",
        ),
        (classed([3], ints(3, low=-2, high=-1)), ValueError, "multilabel_margin_loss: target must be from -1 to 2"),
    ],
}
Pair("multilabel_margin_loss", **label_pair)
Pair(
    "MultiLabelMarginLoss",
    sizes={"1024x50": classed([1024, 50], ints(1024, 50, low=-1, high=50))},
    empty=[classed([0, 3], ints(0, 3, high=3), reduction=reduction) for reduction in ("none", "sum")],
    **label_pair,
)
