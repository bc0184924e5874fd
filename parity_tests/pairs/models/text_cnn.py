"""TextCNN: any number of filter widths, also as wide as the sentence."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, ints


@st.composite
def cases(draw):
    tokens, vocabulary = draw(st.integers(2, 6)), draw(st.integers(2, 7))
    config = {
        "vocab_size": vocabulary,
        "embed_dim": draw(st.integers(2, 5)),
        "num_classes": draw(st.integers(1, 3)),
        "kernel_sizes": tuple(draw(st.lists(st.integers(1, tokens), min_size=1, max_size=3))),
        "num_channels": draw(st.integers(1, 4)),
        "dropout": 0.0,
    }
    return Case({"tokens": ints(draw(st.integers(1, 4)), tokens, high=vocabulary)}, config)


SMALL = {"vocab_size": 5, "embed_dim": 3, "num_classes": 2, "num_channels": 2}

Pair(
    "TextCNN",
    cases=cases(),
    sizes={
        "50 sentences of 56 words": Case(
            {"tokens": ints(50, 56, high=10_000)},
            {
                "vocab_size": 10_000,
                "embed_dim": 128,
                "num_classes": 2,
                "dropout": 0.0,
            },
        )
    },  # fmt: skip
    regimes=("normal",),
    bad=[
        (
            Case({"tokens": ints(2, 4, high=5)}, SMALL),
            ValueError,
            r"TextCNN: tokens must be \(B, T\) with T at least 5",
        ),
        (Case({"tokens": ints(2, 5, high=5)}, SMALL | {"kernel_sizes": (2, 0)}), ValueError, "kernel_sizes must be po"),
        (Case({"tokens": ints(2, 5, low=5, high=6)}, SMALL), ValueError, "embedding: indices must be from 0 to 4"),
    ],
)
