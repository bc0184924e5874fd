"""GPT and its parts: heads, depth, biases; texts shorter than the context."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats, ints


@st.composite
def widths(draw):
    heads, width = draw(st.sampled_from([(1, 5), (2, 3), (3, 2)]))  # a norm over 2 would leave nothing but signs
    return {"n_embd": heads * width, "n_head": heads, "dropout": 0.0, "bias": draw(st.booleans())}


@st.composite
def block_cases(draw):
    config = draw(widths())
    return Case({"x": floats(draw(st.integers(1, 3)), draw(st.integers(1, 5)), config["n_embd"])}, config)


@st.composite
def mlp_cases(draw):
    case = draw(block_cases())
    return Case(case.inputs, {name: case.config[name] for name in ("n_embd", "dropout", "bias")})


@st.composite
def gpt_cases(draw):
    vocabulary, context = draw(st.integers(2, 7)), draw(st.integers(1, 5))
    config = {"vocab_size": vocabulary, "context": context, "n_layer": draw(st.integers(1, 2)), **draw(widths())}
    return Case({"tokens": ints(draw(st.integers(1, 3)), draw(st.integers(1, context)), high=vocabulary)}, config)


SMALL = {"vocab_size": 5, "context": 4, "n_layer": 1, "n_head": 2, "n_embd": 4}
NORMAL = {"regimes": ("normal",)}
BLOCK = Case({"x": floats(8, 256, 256)}, {"n_embd": 256, "n_head": 8})

Pair(
    "CausalSelfAttention",
    cases=block_cases(),
    sizes={"B8 T256 E256": BLOCK},
    bad=[
        (Case({"x": floats(2, 3, 4)}, {"n_embd": 4, "n_head": 3}), ValueError, "n_head 3 must divide n_embd 4"),
        (Case({"x": floats(2, 3, 5)}, {"n_embd": 4, "n_head": 2}), ValueError, "linear: weight expects 4 input feat"),
    ],
    **NORMAL,
)

Pair("GPTMLP", cases=mlp_cases(), sizes={"B8 T256 E256": Case(BLOCK.inputs, {"n_embd": 256})}, **NORMAL)

Pair("GPTBlock", cases=block_cases(), sizes={"B8 T256 E256": BLOCK}, **NORMAL)

Pair(
    "GPT",
    cases=gpt_cases(),
    sizes={
        "6 layers, B8 T128 E256": Case(
            {"tokens": ints(8, 128, high=96)},
            {"vocab_size": 96, "context": 128, "n_layer": 6, "n_head": 8, "n_embd": 256},
        )
    },
    bad=[
        (Case({"tokens": ints(2, 5, high=5)}, SMALL), ValueError, r"GPT: tokens must be \(B, T\) with T at most con"),
        (Case({"tokens": ints(3, high=5)}, SMALL), ValueError, r"GPT: tokens must be \(B, T\)"),
        (Case({"tokens": ints(2, 3, low=5, high=6)}, SMALL), ValueError, "embedding: indices must be from 0 to 4"),
    ],
    **NORMAL,
    smooth=(),  # the block has them; together in test_gpt
)
