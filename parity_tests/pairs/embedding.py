"""Embedding: indices of any shape; padding row, norm limit, gradients by frequency."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats, ints


@st.composite
def options(draw, rows):
    chosen = {
        "padding_idx": draw(st.none() | st.integers(-rows, rows - 1)),
        "max_norm": draw(st.sampled_from([None, None, 0.7, 2.6])),
        "norm_type": draw(st.sampled_from([2.0, 1.0, 3.0, float("inf")])),
        "scale_grad_by_freq": draw(st.booleans()),
    }
    return {name: value for name, value in chosen.items() if draw(st.booleans())}


def index_shapes():
    return st.lists(st.integers(1, 4), max_size=3) | st.sampled_from([(9, 30), (300,)])


@st.composite
def module_cases(draw):
    rows, width = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    config = {"num_embeddings": rows, "embedding_dim": width, **draw(options(rows))}
    return Case({"x": ints(*draw(index_shapes()), high=rows)}, config)


@st.composite
def op_cases(draw):
    rows, width = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    inputs = {"x": ints(*draw(index_shapes()), high=rows), "weight": floats(rows, width)}
    return Case(inputs, draw(options(rows)))


def case(tokens, rows, width):
    return Case({"x": ints(*tokens, high=rows)}, {"num_embeddings": rows, "embedding_dim": width})


Pair(
    "Embedding",
    cases=module_cases(),
    sizes={
        "10k x 256, 8192 tokens": case((8, 1024), 10_000, 256),
        "50k x 512, 4096 tokens": case((4, 1024), 50_000, 512),
    },
    empty=[case((0, 2), 4, 3), case((2,), 4, 0)],
    smooth=(),  # the padding row, the norm limit and the frequencies bend the gradient on purpose: see test_embedding
    bad=[
        (
            Case({"x": ints(3, low=4, high=5)}, {"num_embeddings": 4, "embedding_dim": 2, "max_norm": 0.1}),
            ValueError,
            r"embedding: indices must be from 0 to 3 \(weight \(4, 2\)\), but x goes from 4 to 4",
        ),
        (
            Case({"x": ints(3, high=4)}, {"num_embeddings": 4, "embedding_dim": 2, "padding_idx": 4}),
            ValueError,
            r"Embedding: padding_idx must be within the table of 4 rows, but is 4",
        ),
    ],
)

Pair(
    "embedding",
    cases=op_cases(),
    regimes=("normal", "ties", "large", "tiny", "inf_nan"),
    smooth=(),
    bad=[
        (
            Case({"x": ints(3, low=-1, high=0), "weight": floats(4, 2)}),
            ValueError,
            r"embedding: indices must be from 0 to 3",
        ),
        (Case({"x": floats(3), "weight": floats(4, 2)}), TypeError, r"embedding: x must hold integers"),
        (Case({"x": ints(3, high=4), "weight": floats(4)}), ValueError, r"embedding: weight must be \(V, E\)"),
        (
            Case({"x": ints(3, high=4), "weight": floats(4, 2)}, {"padding_idx": -5, "max_norm": 1e-9}),
            ValueError,
            r"embedding: padding_idx must be within the table of 4 rows, but is -5",
        ),
    ],
)


@st.composite
def one_hot_cases(draw):
    classes = draw(st.integers(1, 5))
    x = ints(*draw(st.lists(st.integers(1, 4), max_size=3)), high=classes)
    return Case({"x": x}, {"num_classes": draw(st.sampled_from([-1, classes, classes + 2]))})


Pair(
    "one_hot",
    cases=one_hot_cases(),
    smooth=(),
    empty=[Case({"x": ints(0, 2, high=1)}, {"num_classes": 3})],
    bad=[
        (Case({"x": ints(3, low=4, high=5)}, {"num_classes": 4}), ValueError, "num_classes 4.*, but goes from 4 to 4"),
        (Case({"x": ints(3, low=-1, high=0)}), ValueError, "must be from 0 to num_classes - 1"),
        (Case({"x": ints(0, high=1)}), ValueError, "is empty, so that num_classes must be given"),
        (Case({"x": floats(3)}), TypeError, "must hold integers"),
    ],
)
