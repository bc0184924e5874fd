"""CBAM and its two halves; equal maxima included."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats

BAD_CHANNELS = r"x must be \(N, 4, H, W\), but is \(2, 3, 5, 5\); channel= is the number of its channels"


def images(channels):
    return st.builds(lambda N, H, W: floats(N, channels, H, W), st.integers(1, 3), st.integers(1, 4), st.integers(1, 4))


@st.composite
def channel_cases(draw):
    channel = draw(st.integers(1, 6))
    return Case({"x": draw(images(channel))}, {"channel": channel, "reduction": draw(st.integers(1, channel))})


@st.composite
def spatial_cases(draw):
    return Case({"x": draw(images(draw(st.integers(1, 4))))}, {"kernel_size": draw(st.sampled_from([1, 3, 7]))})


@st.composite
def block_cases(draw):
    case = draw(channel_cases())
    return Case(case.inputs, case.config | {"kernel_size": draw(st.sampled_from([1, 3, 7]))})


def case(*shape, **config):
    return Case({"x": floats(*shape)}, config)


Pair(
    "ChannelAttention",
    cases=channel_cases(),
    regimes=("normal", "ties", "tiny"),
    sizes={"32x256x28x28": case(32, 256, 28, 28, channel=256)},
    empty=[case(0, 4, 2, 2, channel=4, reduction=2)],
    bad=[
        (case(2, 3, 5, 5, channel=4, reduction=2), ValueError, f"ChannelAttention: {BAD_CHANNELS}"),
        (case(2, 4, 5, 5, channel=4, reduction=5), ValueError, "4 channels // reduction 5 must leave at least 1"),
    ],
)

Pair(
    "SpatialAttention",
    cases=spatial_cases(),
    regimes=("normal", "ties", "tiny"),
    sizes={"32x256x28x28": case(32, 256, 28, 28)},
    empty=[case(0, 4, 2, 2)],
    bad=[
        (case(2, 3, 5, 5, kernel_size=4), ValueError, "SpatialAttention: kernel sizes must be odd"),
        (case(3, 5, 5), ValueError, r"SpatialAttention: x must be \(N, C, H, W\), but is \(3, 5, 5\)"),
    ],
)

Pair(
    "CBAMBlock",
    cases=block_cases(),
    regimes=("normal", "tiny"),  # with ties, rounding decides which of the weighted channels is the largest
    sizes={"32x256x28x28": case(32, 256, 28, 28, channel=256)},
    empty=[case(0, 4, 2, 2, channel=4, reduction=2)],
    bad=[
        (case(2, 3, 5, 5, channel=4, reduction=2), ValueError, f"CBAMBlock: {BAD_CHANNELS}"),
        (case(2, 4, 5, 5, channel=4, reduction=2, kernel_size=2), ValueError, "kernel sizes must be odd"),
    ],
)
