"""Attention pooling: leading axes that broadcast, lengths for a sequence or for each query."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats, ints


@st.composite
def regression_cases(draw):
    T, S, d, e = (draw(st.integers(1, 4)) for _ in range(4))
    query, key = draw(st.sampled_from([((), ()), ((3,), ()), ((), (2,)), ((2,), (2,)), ((2, 1), (1, 3))]))
    inputs = {"query": floats(*query, T, d), "key": floats(*key, S, d)}
    value = draw(st.sampled_from([(), key, query]))
    return Case(inputs | {"value": floats(*value, S, e)}, {"w": draw(st.sampled_from([1.0, 3.0]))})


@st.composite
def sequences(draw, same_width):
    B, T, S, d, e = (draw(st.integers(2, 4)) for _ in range(5))
    k = d if same_width else draw(st.integers(2, 4))
    if draw(st.booleans()):
        B = T = S = 1
    inputs = {"query": floats(B, T, d), "key": floats(B, S, k), "value": floats(B, S, e)}
    lengths = draw(st.sampled_from([None, (B,), (B, T)]))
    if lengths is not None:
        inputs["valid_lens"] = ints(*lengths, low=1, high=S + 1)
    return inputs


@st.composite
def additive_cases(draw):
    inputs = draw(sequences(same_width=False))
    widths = {"query_size": inputs["query"].shape[2], "key_size": inputs["key"].shape[2]}
    return Case(inputs, widths | {"num_hiddens": draw(st.integers(2, 5))})


@st.composite
def dot_cases(draw):
    return Case(draw(sequences(same_width=True)), {"scaled": draw(st.booleans())})


def three(query, key, value, lengths=None, **config):
    inputs = {"query": floats(*query), "key": floats(*key), "value": floats(*value)}
    return Case(inputs | ({} if lengths is None else {"valid_lens": lengths}), config)


ADDITIVE = {"query_size": 3, "key_size": 2, "num_hiddens": 4}
LENGTHS = ints(32, low=10, high=31)
# Where keys are nearly or wholly alike, their gradients are differences of equal numbers: float32 has nothing of them.
# Where squares are large, nothing but the nearest key counts, and float32 cannot tell which.
NORMAL = {"regimes": ("normal",)}

Pair(
    "NadarayaWatson",
    cases=regression_cases(),
    sizes={"500 queries, 500 keys": three((500, 1), (500, 1), (500, 1))},
    bad=[
        (three((3,), (3, 1), (3, 1)), ValueError, r"NadarayaWatson: .* must be \(\*, T, d\)"),
        (three((3, 2), (3, 1), (3, 1)), ValueError, r"but are \(3, 2\), \(3, 1\), \(3, 1\)"),
        (three((3, 1), (3, 1), (2, 1)), ValueError, "for numbers add an axis of one"),
    ],
    **NORMAL,
)

Pair(
    "AdditiveAttention",
    cases=additive_cases(),
    sizes={
        "B32 T20 S30": three(
            (32, 20, 256), (32, 30, 256), (32, 30, 256), LENGTHS, query_size=256, key_size=256, num_hiddens=128
        )
    },
    bad=[
        (three((2, 3, 4), (2, 5, 2), (2, 5, 1), **ADDITIVE), ValueError, "query must have width 3, but has 4"),
        (three((2, 3, 3), (2, 5, 3), (2, 5, 1), **ADDITIVE), ValueError, "key must have width 2, but has 3"),
        (three((2, 3, 3), (1, 5, 2), (2, 5, 1), **ADDITIVE), ValueError, r"must be \(B, T, d\)"),
        (three((2, 3, 3), (2, 5, 2), (2, 4, 1), **ADDITIVE), ValueError, "as many keys as values"),
        (three((2, 3, 3), (2, 5, 2), (2, 5, 1), ints(2, low=0, high=1), **ADDITIVE), ValueError, "from 1 to 5.*from 0"),
        (three((2, 3, 3), (2, 5, 2), (2, 5, 1), ints(3, low=1, high=2), **ADDITIVE), ValueError, r"\(2,\) or \(2, 3\)"),
    ],
    **NORMAL,
)

Pair(
    "DotProductAttention",
    cases=dot_cases(),
    sizes={"B32 T20 S30": three((32, 20, 256), (32, 30, 256), (32, 30, 256), LENGTHS)},
    bad=[
        (three((2, 3, 4), (2, 5, 2), (2, 5, 1)), ValueError, "query and key must have one width"),
        (three((2, 3, 4), (2, 5, 4), (2, 5, 1), floats(2)), TypeError, "valid_lens must hold integers"),
    ],
    **NORMAL,
)
