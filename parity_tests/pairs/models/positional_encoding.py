"""Positional encodings: odd widths, sequences shorter than the table, with and without a batch."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats


@st.composite
def cases(draw):
    E, longest = draw(st.integers(1, 6)), draw(st.integers(1, 8))
    batch = [draw(st.integers(1, 3))] if draw(st.booleans()) else []
    return Case({"x": floats(*batch, draw(st.integers(1, longest)), E)}, {"d_model": E, "max_len": longest})


SMALL = {"d_model": 4, "max_len": 3}

for name in ("PositionalEncoding", "LearnedPositionalEncoding"):
    Pair(
        name,
        cases=cases(),
        sizes={"B32 T128 E512": Case({"x": floats(32, 128, 512)}, {"d_model": 512, "max_len": 512})},
        empty=[Case({"x": floats(0, 2, 4)}, SMALL), Case({"x": floats(0, 4)}, SMALL)],
        bad=[
            (
                Case({"x": floats(2, 4, 4)}, SMALL),
                ValueError,
                rf"{name}: x must be .* T at most max_len 3, but is \(2,",
            ),
            (Case({"x": floats(2, 3, 5)}, SMALL), ValueError, "with E 4"),
            (Case({"x": floats(4)}, SMALL), ValueError, r"\(B, T, E\) or \(T, E\)"),
        ],
    )
