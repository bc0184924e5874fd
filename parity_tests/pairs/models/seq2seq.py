"""Recurrent encoder and decoder: both cells, layers, directions, padded sources."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Layer, Pair, floats, ints


@st.composite
def network(draw, cells=("gru", "lstm")):
    sizes = {name: draw(st.integers(2, 4)) for name in ("vocab_size", "embed_size", "hidden_size")}
    return sizes | {"num_layers": draw(st.integers(1, 2)), "cell": draw(st.sampled_from(cells))}


@st.composite
def sources(draw, vocabulary):
    """(B, S) tokens, with or without lengths."""
    B, S = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    lengths = {"lengths": ints(B, low=1, high=S + 1)} if draw(st.booleans()) else {}
    return ints(B, S, high=vocabulary), lengths


@st.composite
def encoder_cases(draw):
    config = draw(network()) | {"bidirectional": draw(st.booleans())}
    tokens, lengths = draw(sources(config["vocab_size"]))
    return Case({"tokens": tokens} | lengths, config)


@st.composite
def decoder_cases(draw):
    config, B, T = draw(network(cells=("gru",))), draw(st.integers(1, 3)), draw(st.integers(1, 4))
    H, L = config["hidden_size"], config["num_layers"]
    inputs = {"target": ints(B, T, high=config["vocab_size"]), "context": floats(B, H), "state": floats(L, B, H)}
    return Case(inputs, config)


@st.composite
def seq2seq_cases(draw):
    encoder = draw(network()) | {"bidirectional": draw(st.booleans())}
    width = encoder["hidden_size"] * (2 if encoder["bidirectional"] else 1)
    decoder = {name: encoder[name] for name in ("num_layers", "cell")}
    decoder |= {"vocab_size": draw(st.integers(2, 4)), "embed_size": draw(st.integers(2, 4)), "hidden_size": width}
    source, lengths = draw(sources(encoder["vocab_size"]))
    target = ints(source.shape[0], draw(st.integers(1, 4)), high=decoder["vocab_size"])
    return Case({"source": source, "target": target} | lengths, both(encoder, decoder))


def both(encoder, decoder):
    return {"encoder": Layer("Seq2SeqEncoder", encoder), "decoder": Layer("Seq2SeqDecoder", decoder)}


SMALL = {"vocab_size": 5, "embed_size": 3, "hidden_size": 4}
LARGE = {"vocab_size": 1000, "embed_size": 256, "hidden_size": 256, "num_layers": 2}
NORMAL = {"regimes": ("normal",)}

Pair(
    "Seq2SeqEncoder",
    cases=encoder_cases(),
    sizes={"B64 S20 H256": Case({"tokens": ints(64, 20, high=1000)}, LARGE)},
    bad=[
        (Case({"tokens": ints(2, 3, high=5)}, SMALL | {"cell": "rnn"}), ValueError, "cell must be 'gru' or 'lstm'"),
        (Case({"tokens": ints(3, high=5)}, SMALL), ValueError, r"tokens must be \(batch, tokens\)"),
        (
            Case({"tokens": ints(2, 3, high=5), "lengths": ints(2, low=4, high=5)}, SMALL),
            ValueError,
            r"Seq2SeqEncoder: lengths must be 2 integers from 1 to 3, but are \[4, 4\]",
        ),
    ],
    **NORMAL,
)

Pair(
    "Seq2SeqDecoder",
    cases=decoder_cases(),
    sizes={
        "B64 T20 H256": Case(
            {"target": ints(64, 20, high=1000), "context": floats(64, 256), "state": floats(2, 64, 256)}, LARGE
        )
    },
    bad=[
        (
            Case({"target": ints(2, 3, high=5), "context": floats(2, 3), "state": floats(1, 2, 4)}, SMALL),
            ValueError,
            r"Seq2SeqDecoder: context must be \(B, H\), \(2, 4\), but is \(2, 3\)",
        ),
        (
            Case({"target": ints(2, 3, high=5), "context": floats(2, 4), "state": floats(2, 2, 4)}, SMALL),
            ValueError,
            "GRU: the initial state must be",
        ),
    ],
    **NORMAL,
)

Pair(
    "Seq2Seq",
    cases=seq2seq_cases(),
    sizes={
        "B64 S20 T20 H256": Case(
            {"source": ints(64, 20, high=1000), "target": ints(64, 20, high=1000)}, both(LARGE, LARGE)
        )
    },
    bad=[
        (
            Case({"source": ints(2, 3, high=5), "target": ints(3, 3, high=5)}, both(SMALL, SMALL)),
            ValueError,
            "as many targets as sources",
        ),
        (
            Case({"source": ints(2, 3, high=5), "target": ints(2, 0, high=5)}, both(SMALL, SMALL)),
            ValueError,
            "with at least one token",
        ),
    ],
    **NORMAL,
    smooth=(),  # the parts have them; together in test_seq2seq, for both cells
)
