"""Embedding bags: rows or offsets, empty bags, every mode, weights of samples, padding row, norm limit.

Not scale_grad_by_freq: torch 2.13 divides by the frequency of another row on the CPU (see test_embedding_bag).
"""

import numpy as np
from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats, ints


@st.composite
def bags(draw, rows, mode):
    """The inputs but the table: x (B, n), or x (N,) with offsets, some bags empty."""
    if draw(st.booleans()):
        shape = draw(st.sampled_from([(3, 2), (1, 1), (2, 5), (0, 3), (40, 8)]))
        inputs = {"x": ints(*shape, high=rows)}
    else:
        sizes = draw(st.lists(st.integers(0, 3), min_size=1, max_size=4))
        starts = np.cumsum([0, *sizes])
        shape = (int(starts[-1]),)
        last = draw(st.booleans())
        offsets = starts if last else starts[:-1]
        inputs = {
            "x": ints(*shape, high=rows),
            "offsets": ints(len(offsets), high=1, transform=lambda zeros: zeros + offsets),
        }
        inputs["include_last_offset"] = last
    if mode == "sum" and draw(st.booleans()):
        inputs["per_sample_weights"] = floats(*shape)
    return inputs


@st.composite
def cases(draw, module):
    rows, width, mode = draw(st.integers(1, 6)), draw(st.integers(1, 4)), draw(st.sampled_from(["sum", "mean", "max"]))
    inputs, config = draw(bags(rows, mode)), {"mode": mode}
    if "include_last_offset" in inputs:
        config["include_last_offset"] = inputs.pop("include_last_offset")
    if draw(st.booleans()):
        config["padding_idx"] = draw(st.integers(-rows, rows - 1))
    if draw(st.booleans()):
        config |= {"max_norm": draw(st.sampled_from([0.7, 2.6])), "norm_type": draw(st.sampled_from([2.0, 1.0]))}
    if module:
        return Case(inputs, {"num_embeddings": rows, "embedding_dim": width} | config)
    x = inputs.pop("x")
    return Case({"x": x, "weight": floats(rows, width)} | inputs, config)


def op_case(x, offsets=None, weight=(4, 2), **options):
    more = {} if offsets is None else {"offsets": ints(len(offsets), high=1, transform=lambda zero: zero + offsets)}
    return Case({"x": ints(*x, high=4), "weight": floats(*weight)} | more, options)


TABLE = {"num_embeddings": 10_000, "embedding_dim": 128}

Pair(
    "EmbeddingBag",
    cases=cases(module=True),
    smooth=(),  # padding, norm limit and frequencies bend the gradient on purpose
    sizes={
        "10k x 128, 512 bags of 20": Case({"x": ints(512, 20, high=10_000)}, TABLE),
        "10k x 128, 512 bags of 20, max": Case({"x": ints(512, 20, high=10_000)}, TABLE | {"mode": "max"}),
    },
    bad=[
        (
            Case({"x": ints(2, 3, high=2)}, {"num_embeddings": 2, "embedding_dim": 2, "mode": "min"}),
            ValueError,
            "mode must be",
        )
    ],
)

Pair(
    "embedding_bag",
    cases=cases(module=False),
    smooth=(),
    bad=[
        (op_case((5,)), ValueError, r"x must be \(B, n\) without offsets"),
        (op_case((5, 2), [0, 2]), ValueError, r"x must be \(B, n\) without offsets"),
        (op_case((5,), [1, 2]), ValueError, "offsets must begin with 0"),
        (op_case((5,), [0, 6]), ValueError, "end within the 5 indices"),
        (op_case((5,), [0], mode="max", scale_grad_by_freq=True), ValueError, "not for mode='max'"),
        (op_case((5,), [0], padding_idx=4, max_norm=1e-3), ValueError, "within the table of 4 rows"),
    ],
)
