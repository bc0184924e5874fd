"""Linear: any number of leading axes, with and without a bias."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats


@st.composite
def module_cases(draw):
    leading = draw(st.lists(st.integers(1, 4), max_size=3))
    in_features, out_features = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    config = {"in_features": in_features, "out_features": out_features, "bias": draw(st.booleans())}
    return Case({"x": floats(*leading, in_features)}, config)


@st.composite
def op_cases(draw):
    leading = draw(st.lists(st.integers(1, 4), max_size=3))
    i, o = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    if draw(st.integers(0, 4)) == 0:  # one output without an axis of its own
        return Case({"x": floats(*leading, i), "weight": floats(i), "bias": None})
    bias = draw(st.sampled_from([floats(o), floats(o), floats(1), floats(), None]))
    return Case({"x": floats(*leading, i), "weight": floats(o, i), "bias": bias})


def case(rows, i, o):
    return Case({"x": floats(rows, i)}, {"in_features": i, "out_features": o})


Pair(
    "Linear",
    cases=module_cases(),
    sizes={"1024x1024, 2048 rows": case(2048, 1024, 1024), "784x256, 256 rows": case(256, 784, 256)},
    empty=[case(0, 3, 2), case(2, 0, 3), case(2, 3, 0)],
    bad=[
        (
            Case({"x": floats(2, 4)}, {"in_features": 3, "out_features": 2}),
            ValueError,
            r"linear: weight expects 3 input features \(weight \(2, 3\)\), but x has 4",
        )
    ],
)

Pair(
    "linear",
    cases=op_cases(),
    bad=[
        (
            Case({"x": floats(2, 3), "weight": floats(4, 3), "bias": floats(3)}),
            ValueError,
            r"linear: bias must be \(4,\)",
        )
    ],
)
