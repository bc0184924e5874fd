"""Shuffle attention: one group of two channels to three of six."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats


@st.composite
def cases(draw):
    G, width = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    H, W = draw(st.integers(2, 4)), draw(st.integers(2, 4))  # every channel is normalized by itself
    return case(draw(st.integers(1, 3)), 2 * G * width, H, W, channel=2 * G * width, G=G)


def case(*shape, **config):
    return Case({"x": floats(*shape)}, config)


Pair(
    "ShuffleAttention",
    cases=cases(),
    regimes=("normal",),
    sizes={"16x128x28x28": case(16, 128, 28, 28, channel=128)},
    empty=[case(0, 4, 2, 2, channel=4, G=1)],
    bad=[
        (case(2, 4, 5, 5, channel=8, G=2), ValueError, r"ShuffleAttention: x must be \(N, 8, H, W\), but is \(2, 4, 5"),
        (case(2, 6, 5, 5, channel=6, G=2), ValueError, "ShuffleAttention: 2 G must divide channel, but they are 4 and"),
    ],
)
