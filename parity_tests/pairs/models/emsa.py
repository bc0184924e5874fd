"""EMSA: with and without a smaller map, heads that talk, masks and weights. Dropout: see test_emsa."""

import numpy as np
from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, bools, floats


def first_is_seen_last_is_not(mask):
    places = np.arange(mask.shape[-1])
    return (mask & (places > 0)) | (places == len(places) - 1)


def state(key, shape, rng):
    """Keys that differ: what they have in common, the biases', cancels in the queries' gradients."""
    if key == "sr_ln.weight":
        return rng.uniform(0.5, 1.5, size=shape)
    return rng.normal(size=shape) * (0.1 if key.endswith("bias") else 0.7)


@st.composite
def cases(draw):
    h, d_model = draw(st.integers(1, 3)), draw(st.integers(4, 6))
    H, W, ratio = draw(st.sampled_from([(2, 2, 1), (5, 1, 1), (4, 3, 2), (5, 4, 2), (6, 4, 3)]))
    config = {"d_model": d_model, "d_k": draw(st.integers(2, 3)), "d_v": draw(st.integers(1, 3)), "h": h}
    config |= {"dropout": 0.0, "H": H, "W": W, "ratio": ratio, "apply_transform": draw(st.booleans())}
    B, T, S = draw(st.integers(1, 2)), draw(st.integers(3, 5)), H * W
    left = [(n + 2 * (ratio // 2) - ratio - 1) // ratio + 1 for n in (H, W)]
    R = S if ratio == 1 else left[0] * left[1]
    inputs = {"queries": floats(B, T, d_model), "keys": floats(B, S, d_model), "values": floats(B, S, d_model)}
    if draw(st.booleans()):
        shape = draw(st.sampled_from([(B, h, T, R), (B, 1, 1, R), (T, R)]))
        inputs["attention_mask"] = bools(*shape, transform=first_is_seen_last_is_not)
    if draw(st.booleans()):
        inputs["attention_weights"] = floats(*draw(st.sampled_from([(B, h, T, R), (B, 1, T, R), (1, R)])))
    return Case(inputs, config)


def case(B, T, S, width, more=None, **config):
    inputs = {"queries": floats(B, T, width), "keys": floats(B, S, width), "values": floats(B, S, width)}
    return Case(inputs | (more or {}), {"d_model": width, "d_k": 2, "d_v": 3, "h": 2, "dropout": 0.0} | config)


MAP = {"H": 4, "W": 3, "ratio": 2}  # 2 · 2 places are left

Pair(
    "EMSA",
    cases=cases(),
    regimes=("normal",),
    state=state,
    sizes={"8x784x256, 8 heads": case(8, 784, 784, 256, d_k=32, d_v=32, h=8, H=28, W=28)},
    bad=[
        (case(2, 3, 5, 4, **MAP), ValueError, r"EMSA: with ratio 2 .* H · W = 4 · 3 places .* but there are 5"),
        (case(2, 3, 12, 4, **MAP | {"ratio": 0}), ValueError, "EMSA: d_k, d_v, h and ratio must be positive"),
        (case(2, 3, 12, 4, **MAP, d_model=5), ValueError, r"EMSA: queries must be \(B, tokens, 5\)"),
        (
            case(2, 3, 12, 4, {"attention_mask": bools(2, 2, 3, 12)}, **MAP),
            ValueError,
            r"EMSA: attention_mask must broadcast to \(B, h, T, S\) \(2, 2, 3, 4\), but is \(2, 2, 3, 12\)",
        ),
    ],
)
