"""Convolution of sequences laid out time first."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats


@st.composite
def cases(draw):
    r, b, c, f = (draw(st.integers(1, 3)) for _ in range(4))
    pad = draw(st.integers(0, 2))
    t = draw(st.integers(max(1, r - 2 * pad), 6))
    return Case({"x": floats(t, b, c), "weight": floats(r, c, f), "bias": floats(f)}, {"pad": pad})


Pair(
    "conv_tbc",
    cases=cases(),
    bad=[
        (
            Case({"x": floats(4, 2, 3), "weight": floats(2, 2, 5), "bias": floats(5)}),
            ValueError,
            r"conv_tbc: x must be \(T, B, C\), weight \(R, C, F\) and bias \(F,\), but got x \(4, 2, 3\)",
        )
    ],
)
