"""The Transformer as a translator: padded sources, tied tables, norm before or after."""

import numpy as np
from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, ints


def different_words(tokens):
    """From 1 to S, and padding (0) in between, but not first: a source of nothing else has nothing to look at.

    Where all keys are alike a query's gradient is a difference of equal numbers, and float32 leaves nothing of it.
    """
    S = tokens.shape[1]
    words = 1 + (tokens[:, :1] + np.arange(S)) % S
    return np.where((tokens == 0) & (np.arange(S) > 0), 0, words)


@st.composite
def cases(draw):
    # wide enough for its five norms, long enough that no gradient is one number that float32 gets right by luck
    heads, width = draw(st.sampled_from([(1, 12), (2, 8), (3, 4)]))
    source, target = draw(st.integers(8, 9)), draw(st.integers(4, 6))
    config = {
        "source_vocab": source,
        "target_vocab": target,
        "d_model": heads * width,
        "nhead": heads,
        "num_encoder_layers": 1,
        "num_decoder_layers": 1,
        "dim_feedforward": draw(st.integers(8, 12)),
        "dropout": 0.0,
        "max_len": 7,
        "padding_idx": draw(st.sampled_from([0, None])),
        "norm_first": draw(st.booleans()),
        "tie_embeddings": draw(st.booleans()),
    }
    B, S, T = draw(st.integers(3, 4)), draw(st.integers(4, 7)), draw(st.integers(5, 7))
    inputs = {"source": ints(B, S, high=source, transform=different_words), "target": ints(B, T, high=target)}
    return Case(inputs, config)


def narrow(key, shape, rng):
    """Matrices and biases of about the size they start with.

    Large matrices drive the attention's softmax to its ends, and a large bias is the same in all keys: what a query
    gets is then a difference of nearly equal numbers, of which float32 keeps as much as luck has it.
    """
    return rng.normal(size=shape) * (0.05 if key.endswith("bias") else 1 / np.sqrt(shape[-1]))


SMALL = {"source_vocab": 5, "target_vocab": 5, "d_model": 4, "nhead": 2, "max_len": 3, "dim_feedforward": 3}
SMALL |= {"num_encoder_layers": 1, "num_decoder_layers": 1}
BASE = {"source_vocab": 1000, "target_vocab": 1000, "d_model": 256, "dim_feedforward": 1024, "dropout": 0.0}


def tokens(source, target):
    return {"source": ints(*source, low=1, high=5), "target": ints(*target, high=5)}


Pair(
    "TransformerSeq2Seq",
    cases=cases(),
    sizes={
        "2 + 2 layers, B32 S30 T30 E256": Case(
            {"source": ints(32, 30, low=1, high=1000), "target": ints(32, 30, high=1000)},
            BASE | {"num_encoder_layers": 2, "num_decoder_layers": 2},
        )
    },
    bad=[
        (Case(tokens((2, 3), (3, 3)), SMALL), ValueError, "as many targets as sources"),
        (Case(tokens((2, 4), (2, 3)), SMALL), ValueError, "T at most max_len 3"),
        (Case(tokens((2, 3), (2, 3)), SMALL | {"target_vocab": 1}), ValueError, "embedding: indices must be from 0"),
    ],
    regimes=("normal",),
    state=narrow,
    smooth=(),  # 47 parameters: finite differences once, in test_transformer_seq2seq
)
