"""Pyramid squeeze attention: one to three groups."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats


@st.composite
def cases(draw):
    S, width = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    shape = draw(st.integers(1, 3)), S * width, draw(st.integers(1, 4)), draw(st.integers(1, 4))
    return case(*shape, channel=S * width, reduction=draw(st.integers(1, width)), S=S)


def case(*shape, **config):
    return Case({"x": floats(*shape)}, config)


Pair(
    "PSA",
    cases=cases(),
    regimes=("normal",),
    sizes={"16x128x28x28": case(16, 128, 28, 28, channel=128)},
    empty=[case(0, 4, 2, 2, channel=4, reduction=1, S=2)],
    bad=[
        (case(2, 3, 5, 5, channel=4, reduction=1), ValueError, r"PSA: x must be \(N, 4, H, W\), but is \(2, 3, 5, 5\)"),
        (case(2, 6, 5, 5, channel=6), ValueError, "PSA: S must divide channel, but they are 4 and 6"),
        (case(2, 8, 5, 5, channel=8), ValueError, "PSA: 2 channels // reduction 4 must leave at least 1"),
    ],
)
