"""ResNet and its blocks: with and without a change of shape, groups, both stems, narrow and shallow.

In training much of what comes before a batch norm has a gradient close to 0 (the norm takes a shift away again), and
what float32 makes of that is nothing but rounding. So the generic checks of the whole network run in evaluation, and
test_assembly.py compares training.
"""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats


def positive_norms(key, shape, rng):
    """Weights of the norms around 1: one close to 0 would leave a channel of the next norm nothing but rounding."""
    return rng.uniform(0.5, 1.5, size=shape) if key.endswith("weight") and len(shape) == 1 else None


@st.composite
def basic_cases(draw):
    C, channels = draw(st.integers(2, 4)), draw(st.integers(2, 4))
    if draw(st.booleans()):
        channels = C  # nothing changes: the shortcut has no weights
    config = {"in_channels": C, "channels": channels, "stride": draw(st.integers(1, 2))}
    return Case({"x": floats(3, C, draw(st.integers(4, 5)), draw(st.integers(4, 5)))}, config)


@st.composite
def bottleneck_cases(draw):
    channels = draw(st.integers(3, 4))
    C = 4 * channels if draw(st.booleans()) else draw(st.integers(3, 5))
    config = {"in_channels": C, "channels": channels, "stride": draw(st.integers(1, 2))}
    if draw(st.booleans()):
        config |= {"groups": draw(st.integers(2, 3)), "base_width": draw(st.sampled_from([64, 128]))}
    return Case({"x": floats(3, C, draw(st.integers(4, 5)), draw(st.integers(4, 5)))}, config)


@st.composite
def net_cases(draw):
    small, C = draw(st.booleans()), draw(st.sampled_from([1, 3]))
    block = draw(st.sampled_from(["basic", "bottleneck"]))
    config = {
        "block": block,
        "layers": (1, 1) if block == "basic" else (1,),
        "num_classes": draw(st.integers(1, 3)),
        "in_channels": C,
        "small_images": small,
        "width": draw(st.integers(2, 4)),
    }
    if block == "bottleneck" and draw(st.booleans()):
        config |= {"groups": 2, "width_per_group": 64}
    if draw(st.booleans()):
        config["zero_init_residual"] = True
    H, W = (draw(st.integers(*((5, 7) if small else (17, 19)))) for _ in "HW")  # at least 3x3 in the last stage
    return Case({"x": floats(3, C, H, W)}, config, train=False)


NORMAL = {"regimes": ("normal",), "state": positive_norms}
IMAGES = {"num_classes": 10, "small_images": True}

Pair(
    "BasicBlock",
    cases=basic_cases(),
    sizes={"64ch N32 32x32": Case({"x": floats(32, 64, 32, 32)}, {"in_channels": 64, "channels": 64})},
    empty=[Case({"x": floats(0, 2, 4, 4)}, {"in_channels": 2, "channels": 2})],
    bad=[
        (Case({"x": floats(2, 3, 4, 4)}, {"in_channels": 2, "channels": 2}), ValueError, "expects 2 input channels"),
        (Case({"x": floats(2, 2, 4, 4)}, {"in_channels": 2, "channels": 2, "groups": 2}), ValueError, "groups=1"),
    ],
    **NORMAL,
)

Pair(
    "Bottleneck",
    cases=bottleneck_cases(),
    sizes={
        "256ch N16 16x16": Case({"x": floats(16, 256, 16, 16)}, {"in_channels": 256, "channels": 64}),
        "ResNeXt 256ch N16 16x16": Case(
            {"x": floats(16, 256, 16, 16)}, {"in_channels": 256, "channels": 64, "groups": 32, "base_width": 4}
        ),
    },
    empty=[Case({"x": floats(0, 4, 4, 4)}, {"in_channels": 4, "channels": 1})],
    bad=[(Case({"x": floats(2, 3, 4, 4)}, {"in_channels": 2, "channels": 2}), ValueError, "expects 2 input channels")],
    **NORMAL,
)

Pair(
    "ResNet",
    cases=net_cases(),
    sizes={
        "ResNet-18 N16 32x32": Case({"x": floats(16, 3, 32, 32)}, IMAGES | {"block": "basic", "layers": (2, 2, 2, 2)})
    },
    empty=[Case({"x": floats(0, 3, 8, 8)}, {"block": "basic", "layers": (1,), "width": 2, "num_classes": 2})],
    bad=[
        (
            Case({"x": floats(2, 1, 8, 8)}, {"block": "basic", "layers": (1,), "width": 2}),
            ValueError,
            r"ResNet: x must be images \(N, 3, H, W\).*in_channels",
        ),
        (Case({"x": floats(2, 3, 8, 8)}, {"block": "BasicBlock", "layers": (1,)}), ValueError, "ResNet: block must be"),
        (Case({"x": floats(2, 3, 8, 8)}, {"block": "basic", "layers": ()}), ValueError, "ResNet: layers must count"),
        (
            Case({"x": floats(2, 3, 8, 8)}, {"block": "basic", "layers": (1,), "width": 2, "groups": 2}),
            ValueError,
            "BasicBlock: has groups=1",
        ),
    ],
    smooth=(),  # so many kinks that a difference now and then straddles one: see test_assembly.py
    **NORMAL,
)
