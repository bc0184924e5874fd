"""Attention with weighted and masked scores. Dropout: see test_dot_product_attention."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, bools, floats


@st.composite
def broadcast(draw, shape):
    """A shape that broadcasts to this one: without B and h, or with size 1 in the place of some axes.

    Not of the last: the same factor for all scores of a query leaves the gradient of fc_k's bias at 0 but for rounding.
    """
    *others, last = shape
    return (*(draw(st.sampled_from([n, 1])) for n in others[draw(st.integers(0, 2)) :]), last)


@st.composite
def sequences(draw, width, heads):
    B, T, S = draw(st.integers(1, 3)), draw(st.integers(1, 4)), draw(st.integers(1, 4))
    inputs = {"queries": floats(B, T, width), "keys": floats(B, S, width), "values": floats(B, S, width)}
    if draw(st.booleans()):
        inputs["attention_mask"] = bools(*draw(broadcast((B, heads, T, S))))
    if draw(st.booleans()):
        inputs["attention_weights"] = floats(*draw(broadcast((B, heads, T, S))))
    return inputs


@st.composite
def projected_cases(draw):
    config = {"d_model": draw(st.integers(2, 6)), "d_k": draw(st.integers(1, 3)), "d_v": draw(st.integers(1, 3))}
    config |= {"h": draw(st.integers(1, 3)), "dropout": 0.0}
    return Case(draw(sequences(config["d_model"], config["h"])), config)


@st.composite
def plain_cases(draw):
    heads = draw(st.integers(1, 3))
    width = heads * draw(st.integers(1, 3))
    return Case(draw(sequences(width, heads)), {"d_model": width, "h": heads, "dropout": 0.0})


def case(B, T, S, width, more=None, **config):
    inputs = {"queries": floats(B, T, width), "keys": floats(B, S, width), "values": floats(B, S, width)}
    return Case(inputs | (more or {}), {"d_model": width, "dropout": 0.0} | config)


for name, strategy, config in (
    ("ScaledDotProductAttention", projected_cases(), {"d_k": 2, "d_v": 3, "h": 2}),
    ("SimplifiedScaledDotProductAttention", plain_cases(), {"h": 2}),
):
    large = config | ({"d_k": 64, "d_v": 64, "h": 8} if "d_k" in config else {"h": 8})
    Pair(
        name,
        cases=strategy,
        regimes=("normal",),  # with tiny inputs the biases are all there is, and the queries' gradients cancel
        sizes={"8x256x512, 8 heads": case(8, 256, 256, 512, **large)},
        empty=[case(0, 2, 3, 4, **config), case(2, 0, 3, 4, **config)],
        bad=[
            (case(2, 3, 3, 5, **config | {"d_model": 4}), ValueError, rf"{name}: queries must be \(B, tokens, 4\)"),
            (case(2, 3, 3, 4, **config | {"h": 0}), ValueError, "h must"),
            (
                case(2, 3, 5, 4, {"attention_mask": bools(2, 2, 3, 3)}, **config),
                ValueError,
                r"attention_mask must broadcast to \(B, h, T, S\) \(2, 2, 3, 5\), but is \(2, 2, 3, 3\)",
            ),
            (
                case(2, 3, 5, 4, {"attention_weights": floats(1, 2, 2, 3, 5)}, **config),
                ValueError,
                r"attention_weights must broadcast to",
            ),
            (
                case(2, 3, 5, 4, {"attention_mask": floats(3, 5)}, **config),
                TypeError,
                r"attention_mask must be boolean \(True = masked\), but has dtype float32",
            ),
            (
                Case({"queries": floats(2, 3, 4), "keys": floats(2, 5, 4), "values": floats(2, 3, 4)},
                     {"d_model": 4} | config),
                ValueError,
                "one value for every key",
            ),
        ],
    )  # fmt: skip
