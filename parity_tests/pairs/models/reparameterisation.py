"""RepVGG's and ACNet's blocks with all branches, and folded (deploy)."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats


@st.composite
def block_cases(draw):
    """With and without the identity branch; four images, so that every batch norm has four values.

    Three channels in a group at least: of a filter that is one number batch norm leaves only the sign, and what float32
    makes of its gradient, all but 0, is luck; of two it is still half so.
    """
    groups, wide = draw(st.integers(1, 2)), draw(st.booleans())
    channels = groups * draw(st.integers(3, 4))
    config = {
        "input_channel": channels,
        "output_channel": groups * draw(st.integers(1, 3)) if wide else channels,
        "kernel_size": draw(st.sampled_from([1, 3, 3, 5])),
        "groups": groups,
        "stride": draw(st.integers(1, 2)),
        "deploy": draw(st.booleans()),
    }
    return Case({"x": floats(4, channels, draw(st.integers(2, 5)), draw(st.integers(2, 5)))}, config)


def case(*shape, **config):
    return Case({"x": floats(*shape)}, {"input_channel": shape[1], "output_channel": shape[1], **config})


for name in ("RepBlock", "ACNet"):
    Pair(
        name,
        cases=block_cases(),
        sizes={"16x64x28x28": case(16, 64, 28, 28), "16x64x28x28, folded": case(16, 64, 28, 28, deploy=True)},
        empty=[case(0, 2, 4, 4, deploy=True)],
        bad=[
            (case(2, 2, 4, 4, kernel_size=2), ValueError, f"{name}: kernel_size must be an odd number"),
            (case(2, 2, 4, 4, groups=3), ValueError, "must be divisible by groups"),
            (case(2, 2, 4, 4, input_channel=3), ValueError, "conv2d: weight expects 3 input channels"),
        ],
        regimes=("normal",),
    )
