"""The Transformer as a translator: padded sources, tied tables, norm before or after."""

import numpy as np
from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, ints


def first_is_a_word(tokens):
    """A source of nothing but padding (0) has nothing to look at."""
    return np.concatenate([np.maximum(tokens[:, :1], 1), tokens[:, 1:]], axis=1)


@st.composite
def cases(draw):
    heads, width = draw(st.sampled_from([(1, 5), (2, 3)]))  # a norm over 2 would leave nothing but signs
    source, target = draw(st.integers(2, 4)), draw(st.integers(2, 4))
    config = {
        "source_vocab": source,
        "target_vocab": target,
        "d_model": heads * width,
        "nhead": heads,
        "num_encoder_layers": 1,
        "num_decoder_layers": 1,
        "dim_feedforward": draw(st.integers(3, 5)),
        "dropout": 0.0,
        "max_len": 4,
        "padding_idx": draw(st.sampled_from([0, None])),
        "norm_first": draw(st.booleans()),
        "tie_embeddings": draw(st.booleans()),
    }
    B, S, T = draw(st.integers(1, 2)), draw(st.integers(1, 4)), draw(st.integers(1, 3))
    inputs = {"source": ints(B, S, high=source, transform=first_is_a_word), "target": ints(B, T, high=target)}
    return Case(inputs, config)


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
    smooth=(),  # 47 parameters: finite differences once, in test_transformer_seq2seq
)
