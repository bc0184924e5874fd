"""External attention: any number of tokens and slots, one of each included."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats


@st.composite
def cases(draw):
    batch, tokens, width = draw(st.integers(1, 3)), draw(st.integers(1, 5)), draw(st.integers(1, 5))
    return Case({"queries": floats(batch, tokens, width)}, {"d_model": width, "S": draw(st.integers(1, 5))})


def case(*shape, **config):
    return Case({"queries": floats(*shape)}, {"d_model": shape[-1], **config})


Pair(
    "ExternalAttention",
    cases=cases(),
    regimes=("normal", "ties", "tiny"),  # with large scores the twin divides 0 by 0: see the test
    sizes={"32x196x512, 64 slots": case(32, 196, 512)},
    empty=[case(0, 3, 4)],
    bad=[
        (
            Case({"queries": floats(2, 3, 5)}, {"d_model": 4}),
            ValueError,
            r"ExternalAttention: queries must be \(B, tokens, 4\), but is \(2, 3, 5\); d_model=",
        ),
        (Case({"queries": floats(3, 4)}, {"d_model": 4}), ValueError, r"queries must be \(B, tokens, 4\), but is \(3"),
    ],
)
