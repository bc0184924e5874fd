"""The diverse branch block with all branches, and folded (deploy)."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats


@st.composite
def block_cases(draw):
    """In evaluation; training is compared in float64, in test_diverse_branch.

    In training the second batch norm of a branch takes out again what the first one's bias has added (and, behind the
    average, what its weight has multiplied by): these gradients are 0, and what float32 makes of that is luck.
    """
    groups = draw(st.integers(1, 2))
    channels, k = groups * draw(st.integers(1, 2)), draw(st.sampled_from([1, 3, 3, 5]))
    config = {
        "in_channels": channels,
        "out_channels": groups * draw(st.integers(1, 2)),
        "kernel_size": k,
        "stride": draw(st.integers(1, 2)),
        "padding": draw(st.sampled_from([None, k // 2])),
        "groups": groups,
        "deploy": draw(st.booleans()),
    }
    x = floats(3, channels, draw(st.integers(2, 5)), draw(st.integers(2, 5)))
    return Case({"x": x}, config, train=False)


def case(*shape, **config):
    return Case({"x": floats(*shape)}, {"in_channels": shape[1], "out_channels": shape[1], **config})


Pair(
    "DiverseBranchBlock",
    cases=block_cases(),
    sizes={"16x64x28x28": case(16, 64, 28, 28), "16x64x28x28, folded": case(16, 64, 28, 28, deploy=True)},
    empty=[case(0, 2, 4, 4, deploy=True)],
    bad=[
        (case(2, 2, 4, 4, kernel_size=4), ValueError, "DiverseBranchBlock: kernel_size must be an odd number"),
        (case(2, 2, 4, 4, padding=0), ValueError, "DiverseBranchBlock: padding must be 1 for kernel_size 3, but is 0"),
        (case(2, 2, 4, 4, in_channels=3), ValueError, "conv2d: weight expects 3 input channels"),
    ],
    regimes=("normal",),
)
