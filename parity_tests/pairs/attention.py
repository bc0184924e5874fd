"""Scaled dot-product attention: every mask, leading axes that broadcast, shared heads, queries without any key."""

import numpy as np
from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, bools, floats

LEADING = [  # of query, key and value
    ((), (), ()),
    ((2,), (2,), (2,)),
    ((2, 3), (2, 3), (2, 3)),
    ((1, 2, 3), (1, 2, 3), (1, 2, 3)),
    ((2, 3), (1, 3), (3,)),
    ((3,), (2, 3), (2, 1)),
]
SHARED_HEADS = [
    ((4,), (2,), (2,)),
    ((2, 4), (2, 2), (2, 1)),
    ((2, 3), (2, 3), (2, 3)),
    ((2, 1, 4), (2, 1, 1), (2, 1, 2)),
]


def some_minus_infinity(mask):
    return np.where(mask > 0.5, -np.inf, mask)


@st.composite
def masks(draw, leading, t, s):
    """A shape that broadcasts to the scores: leading axes left out or of size 1.

    A floating-point mask has all the keys: one number for all of them shifts a row, which changes nothing, so that its
    gradient is 0 but for rounding.
    """
    full = (*leading, t, s)
    shape = tuple(n if draw(st.booleans()) else 1 for n in full)[draw(st.integers(0, len(leading))) :]
    full_rows = (*shape[:-1], s)
    some_infinite = floats(*full_rows, low=-1, high=1, transform=some_minus_infinity)
    return draw(st.sampled_from([bools(*shape), floats(*full_rows), some_infinite]))


@st.composite
def cases(draw):
    shared = draw(st.booleans())
    q, k, v = draw(st.sampled_from(SHARED_HEADS if shared else LEADING))
    t, s, d, e = (draw(st.integers(1, 5)) for _ in range(4))
    if draw(st.booleans()):  # larger than the kernel's blocks and its threshold, and as it wants them
        q, k, shared = draw(st.sampled_from([((), (), False), ((2,), (2,), False), ((1, 4), (1, 2), True)]))
        v, (t, s) = k, draw(st.sampled_from([(150, 260), (300, 150), (260, 270)]))
    inputs = {"query": floats(*q, t, d), "key": floats(*k, s, d), "value": floats(*v, s, e)}
    options = {"enable_gqa": True} if shared else {}
    kind = draw(st.sampled_from(["none", "mask", "causal"]))
    if draw(st.booleans()):  # causal: torch multiplies -inf by the scale
        options["scale"] = draw(st.sampled_from([0.3, 2.0] if kind == "causal" else [0.1, -0.5, 2.0]))
    if kind == "causal":
        options["is_causal"] = True
    if kind == "mask":
        heads = q if shared else np.broadcast_shapes(q, k)
        inputs["attn_mask"] = draw(masks(heads, t, s))
    return Case(inputs, options)


def case(q, k, v=None, mask=None, **options):
    inputs = {"query": floats(*q), "key": floats(*k), "value": floats(*(v or k))}
    return Case(inputs | ({} if mask is None else {"attn_mask": mask}), options)


NAME = "scaled_dot_product_attention"

Pair(
    NAME,
    cases=cases(),
    regimes=("normal", "ties"),  # large scores lose digits in one of torch's own versions: see test_attention
    sizes={
        "B8 h8 T256 d32": case((8, 8, 256, 32), (8, 8, 256, 32)),
        "h8 T2048 d64": case((1, 8, 2048, 64), (1, 8, 2048, 64)),
        "h8 T2048 d64 causal": case((1, 8, 2048, 64), (1, 8, 2048, 64), is_causal=True),
    },
    empty=[
        case((2, 3, 4), (2, 0, 4)),
        case((2, 0, 4), (2, 3, 4)),
        case((0, 2, 3, 4), (0, 2, 5, 4), is_causal=True),
        case((2, 3, 0), (2, 5, 0), (2, 5, 1)),
        case((2, 3, 4), (2, 5, 4), (2, 5, 0)),
    ],
    bad=[
        (case((3, 4), (5, 6)), ValueError, rf"{NAME}: query and key must have one width d, but have 4 and 6"),
        (case((3, 4), (5, 4), (6, 4)), ValueError, "as many keys as values, but there are 5 and 6"),
        (case((4,), (5, 4)), ValueError, r"query, key and value must be \(\*, T, d\)"),
        (case((2, 4, 3, 5), (2, 2, 3, 5)), ValueError, "set enable_gqa=True"),
        (case((2, 4, 3, 5), (2, 3, 3, 5), enable_gqa=True), ValueError, "there are 3, 3 and 4"),
        (case((3, 5), (4, 5), enable_gqa=True), ValueError, "enable_gqa needs a heads axis"),
        (case((3, 5), (4, 5), mask=bools(3, 4), is_causal=True), ValueError, "attn_mask or is_causal=True, not both"),
        (case((3, 5), (4, 5), mask=bools(2, 3, 4)), ValueError, r"must broadcast to the scores \(3, 4\)"),
        (case((3, 5), (4, 5), dropout_p=1.5), ValueError, "must be between 0 and 1, but is 1.5"),
    ],
)
