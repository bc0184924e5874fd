"""Decoders with attention: both cells, padded sources; the LSTM's, whose state is a pair, inside AttentionSeq2Seq."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Layer, Pair, floats, ints
from parity_tests.pairs.models.seq2seq import sources


@st.composite
def widths(draw):
    return {name: draw(st.integers(2, 4)) for name in ("vocab_size", "embed_size", "hidden_size")}


@st.composite
def options(draw, name):
    """What only this decoder has."""
    if name == "LuongDecoder":
        return {"scaled": draw(st.booleans())}
    return {"attention_size": draw(st.integers(1, 4))} if draw(st.booleans()) else {}


@st.composite
def decoder_cases(draw, name):
    config = draw(widths()) | draw(options(name))
    H, memory = config["hidden_size"], config["hidden_size"]
    if name == "BahdanauDecoder":
        memory = config["memory_size"] = draw(st.integers(2, 4))
    else:
        config["num_layers"] = draw(st.integers(1, 2))
    B, T, S = draw(st.integers(1, 3)), draw(st.integers(1, 4)), draw(st.integers(1, 4))
    inputs = {
        "target": ints(B, T, high=config["vocab_size"]),
        "memory": floats(B, S, memory),
        "state": floats(config.get("num_layers", 1), B, H),
    }
    if draw(st.booleans()):
        inputs["lengths"] = ints(B, low=1, high=S + 1)
    return Case(inputs, config)


@st.composite
def seq2seq_cases(draw):
    name, cell = draw(st.sampled_from(["BahdanauDecoder", "LuongDecoder"])), draw(st.sampled_from(["gru", "lstm"]))
    encoder = {"vocab_size": 6, "embed_size": 4, "hidden_size": draw(st.integers(2, 4))}
    encoder |= {"cell": cell, "bidirectional": draw(st.booleans())}
    width = encoder["hidden_size"] * (2 if encoder["bidirectional"] else 1)
    decoder = draw(widths()) | {"cell": cell, "hidden_size": width} | draw(options(name))
    source, lengths = draw(sources(encoder["vocab_size"]))
    target = ints(source.shape[0], draw(st.integers(1, 3)), high=decoder["vocab_size"])
    return Case({"source": source, "target": target} | lengths, both(name, encoder, decoder))


def both(name, encoder, decoder):
    return {"encoder": Layer("Seq2SeqEncoder", encoder), "decoder": Layer(name, decoder)}


def decoding(target, memory, state, config, lengths=None):
    inputs = {"target": ints(*target, high=5), "memory": floats(*memory), "state": floats(*state)}
    return Case(inputs | ({} if lengths is None else {"lengths": lengths}), config)


SMALL = {"vocab_size": 5, "embed_size": 3, "hidden_size": 4}
LARGE = {"vocab_size": 1000, "embed_size": 256, "hidden_size": 256}
SENTENCES = {"source": ints(64, 20, high=1000), "target": ints(64, 20, high=1000)}

for name in ("BahdanauDecoder", "LuongDecoder"):
    Pair(
        name,
        cases=decoder_cases(name),
        sizes={"B64 S20 T20 H256": decoding((64, 20), (64, 20, 256), (1, 64, 256), LARGE)},
        bad=[
            (decoding((2, 3), (2, 4, 4), (1, 2, 4), SMALL | {"cell": "rnn"}), ValueError, "cell must be 'gru' or 'ls"),
            (decoding((2, 3), (3, 4, 4), (1, 2, 4), SMALL), ValueError, rf"{name}: memory must be \(B, S, M\)"),
            (decoding((2, 3), (2, 4, 4), (2, 2, 4), SMALL), ValueError, r"state must be \(layers, B, H\), \(1, 2, 4\)"),
            (
                decoding((2, 3), (2, 4, 4), (1, 2, 4), SMALL, ints(2, low=5, high=6)),
                ValueError,
                "valid_lens must be from 1 to 4",
            ),
        ],
        regimes=("normal",),
    )

Pair(
    "AttentionSeq2Seq",
    cases=seq2seq_cases(),
    sizes={
        "Bahdanau, B64 S20 T20 H256": Case(SENTENCES, both("BahdanauDecoder", LARGE, LARGE)),
        "Luong, B64 S20 T20 H256": Case(SENTENCES, both("LuongDecoder", LARGE, LARGE)),
    },
    bad=[
        (
            Case(
                {"source": ints(2, 3, high=5), "target": ints(2, 3, high=5)},
                both("BahdanauDecoder", SMALL | {"num_layers": 2}, SMALL),
            ),
            ValueError,
            "the encoder needs num_layers=1",
        )
    ],
    regimes=("normal",),
    smooth=(),  # the parts have them; together in test_attention_decoder, for both cells
)
