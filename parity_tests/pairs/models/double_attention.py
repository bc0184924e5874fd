"""Double attention, with and without the last convolution."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats


@st.composite
def cases(draw):
    channels = draw(st.integers(2, 5))
    config = {"in_channels": channels, "c_m": draw(st.integers(2, 4)), "c_n": draw(st.integers(1, 4))}
    if draw(st.booleans()):
        config["reconstruct"] = False
    shape = draw(st.integers(1, 3)), channels, draw(st.integers(2, 4)), draw(st.integers(3, 4))
    return case(*shape, **config)


def state(key, shape, rng):
    """Places that differ: what they have in common, the biases', cancels in the gradients of both softmaxes."""
    return rng.normal(size=shape) * (0.1 if key.endswith("bias") else 0.8)


def case(*shape, **config):
    return Case({"x": floats(*shape)}, config)


Pair(
    "DoubleAttention",
    cases=cases(),
    regimes=("normal",),
    state=state,
    sizes={"16x128x28x28": case(16, 128, 28, 28, in_channels=128, c_m=64, c_n=64)},
    empty=[case(0, 3, 2, 2, in_channels=3, c_m=2, c_n=2)],
    bad=[
        (
            case(2, 3, 5, 5, in_channels=4, c_m=2, c_n=2),
            ValueError,
            r"DoubleAttention: x must be \(N, 4, H, W\), but is \(2, 3, 5, 5\); in_channels= is the number",
        ),
        (case(2, 3, 5, 5, in_channels=3, c_m=2, c_n=0), ValueError, "in_channels, c_m and c_n must be positive"),
    ],
)
