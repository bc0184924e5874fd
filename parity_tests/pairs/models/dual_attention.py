"""Dual attention and its two halves. Dropout: see test_dual_attention."""

import numpy as np
from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats


@st.composite
def cases(draw):
    d_model, H, W = draw(st.integers(3, 5)), draw(st.integers(2, 4)), draw(st.integers(1, 4))
    config = {"d_model": d_model, "kernel_size": draw(st.sampled_from([1, 3, 5])), "H": H, "W": W, "dropout": 0.0}
    return Case({"x": floats(draw(st.integers(1, 3)), d_model, H, W)}, config)


def case(*shape, **config):
    return Case({"x": floats(*shape)}, {"dropout": 0.0} | config)


def state(key, shape, rng):
    """Keys that differ: what they have in common, the biases', cancels in the queries' gradients.

    The weights keep the signal's size: larger ones make an attention so sharp that torch's float32 turns on a rounding.
    """
    return rng.normal(size=shape) * (0.1 if key.endswith("bias") else 1 / np.sqrt(np.prod(shape[1:])))


SMALL = {"d_model": 4, "H": 3, "W": 2}

for name in ("PositionAttentionModule", "ChannelAttentionModule", "DAModule"):
    half = "ChannelAttentionModule" if name == "DAModule" else name
    Pair(
        name,
        cases=cases(),
        regimes=("normal",),
        smooth=() if name == "DAModule" else ("normal",),  # the sum of the others: in test_dual_attention
        state=state,
        sizes={"8x128x14x14": case(8, 128, 14, 14, d_model=128, H=14, W=14)},
        empty=[case(0, 4, 3, 2, **SMALL)],
        bad=[
            (case(2, 3, 3, 2, **SMALL), ValueError, r"x must be \(N, 4, H, W\), but is \(2, 3, 3, 2\); d_model="),
            (case(2, 4, 3, 2, **SMALL, kernel_size=2), ValueError, "kernel sizes must be odd"),
            *(
                []
                if name == "PositionAttentionModule"
                else [
                    (
                        case(2, 4, 2, 3, **SMALL),
                        ValueError,
                        rf"{half}: x must be \(N, 4, 3, 2\), but is \(2, 4, 2, 3\); H= and W= are the size",
                    )
                ]
            ),
        ],
    )
