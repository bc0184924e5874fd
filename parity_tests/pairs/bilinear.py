"""Bilinear: any number of leading axes, with and without a bias."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats


@st.composite
def cases(draw, module):
    leading = draw(st.lists(st.integers(1, 3), max_size=3))
    i, j, o = (draw(st.integers(1, 4)) for _ in range(3))
    inputs, bias = {"input1": floats(*leading, i), "input2": floats(*leading, j)}, draw(st.booleans())
    if module:
        return Case(inputs, {"in1_features": i, "in2_features": j, "out_features": o, "bias": bias})
    return Case(inputs | {"weight": floats(o, i, j), "bias": floats(o) if bias else None})


def case(rows, i, j, o):
    return Case(
        {"input1": floats(rows, i), "input2": floats(rows, j)},
        {"in1_features": i, "in2_features": j, "out_features": o},
    )


def op_case(input1, input2, weight=(2, 3, 4), bias=None):
    inputs = {"input1": floats(*input1), "input2": floats(*input2), "weight": floats(*weight)}
    return Case(inputs | ({} if bias is None else {"bias": floats(*bias)}))


Pair(
    "Bilinear",
    cases=cases(module=True),
    sizes={"64 x 64 -> 32, 512 rows": case(512, 64, 64, 32)},
    empty=[case(0, 3, 4, 2)],
    bad=[(case(2, 0, 3, 1), ValueError, "in1_features must be positive, but is 0")],
)

Pair(
    "bilinear",
    cases=cases(module=False),
    empty=[op_case((2, 0, 3), (2, 0, 4))],
    bad=[
        (op_case((5, 3), (5, 3)), ValueError, "weight expects 3 features of input1 and 4 of input2"),
        (op_case((5, 3), (1, 4)), ValueError, "with the same leading axes"),
        (op_case((5, 3), (5, 4), bias=(1,)), ValueError, r"bias must be \(2,\)"),
    ],
)
