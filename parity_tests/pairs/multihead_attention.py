"""Multi-head attention: batched or not, both mask kinds, with and without weights, every constructor option."""

import numpy as np
from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, bools, floats


def first_key_is_seen(mask):
    """No query is left without any key."""
    return mask & (np.arange(mask.shape[-1]) > 0) if mask.dtype == bool else mask


def some_minus_infinity(mask):
    return np.where((mask > 0.3) & (np.arange(mask.shape[-1]) > 0), -np.inf, mask)


def drawn_mask(draw, shape, kind):
    if kind == "float":
        return floats(*shape, low=-1, high=1, grad=False, transform=draw(st.sampled_from([None, some_minus_infinity])))
    return bools(*shape, transform=draw(st.sampled_from([first_key_is_seen, first_key_is_seen, None])))


@st.composite
def cases(draw):
    heads, width = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    B, T, S, E = draw(st.integers(1, 3)), draw(st.integers(1, 4)), draw(st.integers(1, 4)), heads * width
    config = {"embed_dim": E, "num_heads": heads}
    for name in ("add_bias_kv", "add_zero_attn", "batch_first"):
        if draw(st.booleans()):
            config[name] = True
    if draw(st.booleans()):
        config["bias"] = False
    if draw(st.booleans()):
        config |= {"kdim": draw(st.integers(1, 4)), "vdim": draw(st.integers(1, 4))}
    batched = draw(st.booleans())
    B = B if batched else 1

    def shape(length, features):
        if not batched:
            return length, features
        return (B, length, features) if config.get("batch_first") else (length, B, features)

    inputs = {
        "query": floats(*shape(T, E)),
        "key": floats(*shape(S, config.get("kdim", E))),
        "value": floats(*shape(S, config.get("vdim", E))),
    }
    kind = draw(st.sampled_from(["bool", "float"]))
    if draw(st.booleans()):
        inputs["key_padding_mask"] = drawn_mask(draw, (B, S) if batched else (S,), kind)
    if draw(st.booleans()):
        inputs["attn_mask"] = drawn_mask(draw, draw(st.sampled_from([(T, S), (B * heads, T, S)])), kind)
    call = {"need_weights": draw(st.booleans()), "average_attn_weights": draw(st.booleans())}
    if "attn_mask" in inputs and draw(st.booleans()):
        inputs["attn_mask"] = bools(T, S, transform=lambda mask: ~np.tri(*mask.shape, dtype=bool))
        if "key_padding_mask" in inputs:
            inputs["key_padding_mask"] = drawn_mask(draw, inputs["key_padding_mask"].shape, "bool")
        call["is_causal"] = True
    return Case(inputs, config, call)


def case(T, B, E, heads, S=None, *, masks=None, call=None, **config):
    inputs = {"query": floats(T, B, E), "key": floats(S or T, B, E), "value": floats(S or T, B, E)} | (masks or {})
    return Case(inputs, {"embed_dim": E, "num_heads": heads} | config, call or {})


Pair(
    "MultiheadAttention",
    cases=cases(),
    regimes=("normal",),  # the others are for scaled_dot_product_attention, where less rounding stands between
    sizes={
        "B8 T256 E256 h8": case(256, 8, 256, 8, call={"need_weights": False}),
        "B8 T256 E256 h8, weights": case(256, 8, 256, 8),
    },
    empty=[case(3, 0, 4, 2), case(0, 2, 4, 2, S=3), case(3, 0, 4, 2, call={"need_weights": False})],
    bad=[
        (case(2, 2, 5, 2), ValueError, "num_heads divide embed_dim, but they are 5 and 2"),
        (case(2, 2, 4, 2, kdim=3), ValueError, r"must have widths \(4, 3, 4\)"),
        (case(2, 3, 4, 2, masks={"attn_mask": bools(3, 2)}), ValueError, r"must be \(T, S\) \(2, 2\) or \(B·h, T, S\)"),
        (case(2, 3, 4, 2, masks={"key_padding_mask": bools(2, 3)}), ValueError, r"key_padding_mask must be \(3, 2\)"),
        (case(2, 3, 4, 2, call={"is_causal": True}), ValueError, "is_causal=True is only a hint on attn_mask"),
        (
            Case(
                {"query": floats(2, 3, 4), "key": floats(2, 2, 4), "value": floats(2, 2, 4)},
                {"embed_dim": 4, "num_heads": 2},
            ),
            ValueError,
            "of one length, and of query's batch",
        ),
    ],
)
