"""SE, ECA and SK attention."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats

NOT_IMAGES = r"x must be \(N, 4, H, W\), but is \(2, 3, 5, 5\); channel= is the number of its channels"


def case(*shape, **config):
    return Case({"x": floats(*shape)}, config)


@st.composite
def images(draw, channels):
    return floats(draw(st.integers(1, 3)), channels, draw(st.integers(1, 4)), draw(st.integers(1, 4)))


@st.composite
def se_cases(draw):
    channel = draw(st.integers(1, 8))
    return Case({"x": draw(images(channel))}, {"channel": channel, "reduction": draw(st.integers(1, channel))})


@st.composite
def eca_cases(draw):
    return Case({"x": draw(images(draw(st.integers(1, 6))))}, {"kernel_size": draw(st.sampled_from([1, 3, 5]))})


@st.composite
def sk_cases(draw):
    channel, group = draw(st.sampled_from([(3, 1), (4, 2), (6, 3)]))  # a filter of one weight is all the norm's scale
    config = {
        "channel": channel,
        "kernels": draw(st.lists(st.sampled_from([1, 3, 5]), min_size=1, max_size=3, unique=True)),
        "reduction": draw(st.integers(1, 4)),
        "group": group,
        "L": draw(st.integers(1, 6)),
    }
    N, H, W = draw(st.integers(3, 4)), draw(st.integers(3, 5)), draw(st.integers(3, 5))  # the norm wants many values
    return Case({"x": floats(N, channel, H, W)}, config)


Pair(
    "SEAttention",
    cases=se_cases(),
    sizes={"32x256x28x28": case(32, 256, 28, 28, channel=256)},
    empty=[case(0, 4, 2, 2, channel=4, reduction=2)],
    bad=[
        (case(2, 3, 5, 5, channel=4, reduction=2), ValueError, NOT_IMAGES),
        (
            case(2, 4, 5, 5, channel=4),
            ValueError,
            "SEAttention: 4 channels // reduction 16 must leave at least 1; choose a reduction from 1 to 4",
        ),
        (case(2, 4, 5, 5, channel=4, reduction=0), ValueError, "4 channels // reduction 0 must leave"),
    ],
    regimes=("normal", "tiny"),
)

Pair(
    "ECAAttention",
    cases=eca_cases(),
    sizes={"32x256x28x28": case(32, 256, 28, 28)},
    empty=[case(0, 4, 2, 2)],
    bad=[
        (case(2, 3, 5, 5, kernel_size=2), ValueError, "ECAAttention: kernel sizes must be odd, to keep H and W, but a"),
        (case(2, 3, 5), ValueError, r"ECAAttention: x must be \(N, C, H, W\), but is \(2, 3, 5\)"),
    ],
    regimes=("normal", "tiny"),
)

Pair(
    "SKAttention",
    cases=sk_cases(),
    sizes={"16x64x28x28": case(16, 64, 28, 28, channel=64)},
    bad=[
        (case(2, 3, 5, 5, channel=4), ValueError, NOT_IMAGES),
        (case(2, 4, 5, 5, channel=4, kernels=(1, 4)), ValueError, "SKAttention: kernel sizes must be odd"),
        (case(2, 4, 5, 5, channel=4, kernels=()), ValueError, "SKAttention: needs at least one kernel"),
        (case(2, 4, 5, 5, channel=4, group=3), ValueError, "must be divisible by groups"),
    ],
    regimes=("normal",),
)
