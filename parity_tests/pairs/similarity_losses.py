"""Losses of embeddings: angles and triplets, with every norm and with swapped negatives."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats, ints
from parity_tests.pairs.losses import reductions
from parity_tests.pairs.margin_losses import every_reduction, sign


@st.composite
def angle_cases(draw):
    """Two entries at least: the direction of one alone cannot change."""
    rows, entries = draw(st.integers(1, 4)), draw(st.integers(2, 4))
    shapes = draw(
        st.sampled_from(
            [([entries], [entries], []), ([rows, entries], [rows, entries], [rows])]
            + [([1, entries], [rows, entries], [rows]), ([1, entries], [1, entries], [rows])]
        )
    )
    target = draw(st.sampled_from([sign(*shapes[2]), sign(*shapes[2], kind=floats, grad=False)]))
    target = draw(st.sampled_from([target, ints(*shapes[2], low=-1, high=2)]))
    inputs = {"input1": floats(*shapes[0]), "input2": floats(*shapes[1]), "target": target}
    return Case(inputs, {**draw(reductions), "margin": draw(st.sampled_from([0.0, 0.3, -0.5]))})


def angle(shape1, shape2, target):
    return {"input1": floats(*shape1), "input2": floats(*shape2), "target": target}


angle_pair = {
    "cases": angle_cases(),
    "regimes": ("normal", "large", "tiny"),
    "bad": [
        (
            Case(angle([2, 3], [2, 3], sign())),
            ValueError,
            r"cosine_embedding_loss: input1 and input2 must be \(N, M\) with a target \(N,\)",
        ),
        (Case(angle([2, 3], [2, 3], sign(3))), ValueError, "cosine_embedding_loss: .*do not broadcast"),
    ],
}
Pair("cosine_embedding_loss", **angle_pair)
Pair(
    "CosineEmbeddingLoss",
    sizes={"4096x256": Case(angle([4096, 256], [4096, 256], sign(4096)))},
    empty=every_reduction(angle([0, 3], [0, 3], sign(0))),
    **angle_pair,
)


def triplet(*shapes):
    return {name: floats(*shape) for name, shape in zip(("anchor", "positive", "negative"), shapes)}


@st.composite
def triplet_cases(draw, with_norm):
    """Near 0 distances that tie are swapped by a rounding; large ones cancel and leave little but rounding."""
    shape = draw(st.lists(st.integers(1, 4), max_size=3))
    narrow = [1 if draw(st.booleans()) else n for n in shape]
    inputs = triplet(*draw(st.permutations([shape, shape, narrow])))
    config = {"margin": draw(st.sampled_from([1.0, 0.5, 5.0])), "swap": draw(st.booleans())}
    if not with_norm:
        return Case(inputs, {**config, "reduction": draw(st.sampled_from(["mean", "sum", "none"]))})
    config |= {"p": draw(st.sampled_from([2, 1, 3.0, 0.5])), "eps": draw(st.sampled_from([1e-6, 0.1]))}
    if config["p"] == 1:  # the signs of what was broadcast may add up to 0, and only rounding is left
        inputs = triplet(shape, shape, shape)
    return Case(inputs, {**config, **draw(reductions)})


for module, op, with_norm in (
    ("TripletMarginLoss", "triplet_margin_loss", True),
    ("TripletMarginWithDistanceLoss", "triplet_margin_with_distance_loss", False),
):
    Pair(
        module,
        cases=triplet_cases(with_norm),
        sizes={"4096x256": Case(triplet([4096, 256], [4096, 256], [4096, 256]))},
        empty=every_reduction(triplet([0, 3], [0, 3], [0, 3])),
        regimes=("normal",),
        bad=[
            (
                Case(triplet([2, 3], [3], [2, 3])),
                ValueError,
                f"{op}: anchor, positive and negative must have as many axes each",
            ),
            (
                Case(triplet([3], [3], [3]), {"margin": 0.0}),
                ValueError,
                f"{module}: margin must be positive, but is 0.0",
            ),
            (Case(triplet([3], [3], [3]), {"reduction": "average"}), ValueError, f"{op}: reduction must be one of"),
        ],
    )
    Pair(
        op,
        cases=triplet_cases(with_norm),
        regimes=("normal",),
        bad=[(Case(triplet([3], [3], [3]), {"margin": 0.0}), ValueError, f"{op}: margin must be positive, but is 0.0")],
    )
