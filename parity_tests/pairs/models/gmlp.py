"""gMLP: with tokens and with vectors, short sequences, widths from 4 (layer norm makes -1 and 1 of any two values)."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats, ints


@st.composite
def gating_cases(draw):
    dim, len_sen = draw(st.integers(4, 6)), draw(st.integers(1, 5))
    return Case({"x": floats(draw(st.integers(1, 3)), len_sen, 2 * dim)}, {"dim": dim, "len_sen": len_sen})


@st.composite
def gmlp_cases(draw):
    config = {
        "num_tokens": draw(st.sampled_from([None, 2, 5])),
        "len_sen": draw(st.integers(2, 4)),
        "dim": draw(st.integers(6, 8)),
        "d_ff": draw(st.integers(6, 8)),
        "num_layers": draw(st.integers(0, 2)),
    }
    batch, len_sen, vocabulary = draw(st.integers(2, 3)), config["len_sen"], config["num_tokens"]
    vectors = floats(batch, len_sen, config["dim"])
    return Case({"x": vectors if vocabulary is None else ints(batch, len_sen, high=vocabulary)}, config)


UNIT = {"dim": 4, "len_sen": 3}
SMALL = {"len_sen": 3, "dim": 4, "d_ff": 5, "num_layers": 1}
TOKENS = SMALL | {"num_tokens": 7}

Pair(
    "SpatialGatingUnit",
    cases=gating_cases(),
    sizes={"B16 T49 D1024": Case({"x": floats(16, 49, 2048)}, {"dim": 1024, "len_sen": 49})},
    empty=[Case({"x": floats(0, 3, 8)}, UNIT)],
    bad=[
        (Case({"x": floats(2, 4, 8)}, UNIT), ValueError, r"SpatialGatingUnit: x must be .* \(B, 3, 8\).* \(2, 4, 8\)"),
        (Case({"x": floats(2, 3, 4)}, UNIT), ValueError, r"SpatialGatingUnit: x must be .* \(B, 3, 8\)"),
    ],
    regimes=("normal",),
)

Pair(
    "gMLP",
    cases=gmlp_cases(),
    sizes={
        "6 layers, B8 T49 E512": Case({"x": floats(8, 49, 512)}, {}),
        "6 layers, B8 T49, 5000 tokens": Case({"x": ints(8, 49, high=5000)}, {"num_tokens": 5000}),
    },
    empty=[Case({"x": floats(0, 3, 4)}, SMALL), Case({"x": ints(0, 3, high=7)}, TOKENS)],
    bad=[
        (Case({"x": floats(2, 3, 5)}, SMALL), ValueError, r"gMLP: x must be \('B', 3, 4\), vectors because num_tokens"),
        (Case({"x": ints(2, 4, high=7)}, TOKENS), ValueError, r"gMLP: x must be \('B', 3\), tokens .* \(2, 4\)"),
    ],
    regimes=("normal",),
    device="needs cupyx for the normal distribution function",
)
