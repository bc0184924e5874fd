"""DenseNet and its layer: narrow, one or two blocks, both stems.

In training much of what comes before a batch norm has a gradient close to 0 (the norm takes a shift away again), and
what float32 makes of that is nothing but rounding. So the generic checks of the whole network run in evaluation, and
test_assembly.py compares training.
"""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats
from parity_tests.pairs.models.resnet import positive_norms


@st.composite
def layer_cases(draw):
    C = draw(st.integers(2, 5))
    config = {"in_channels": C, "growth_rate": draw(st.integers(1, 3)), "bn_size": draw(st.integers(2, 3))}
    return Case({"x": floats(3, C, draw(st.integers(3, 5)), draw(st.integers(3, 5)))}, config)


@st.composite
def net_cases(draw):
    small, C = draw(st.booleans()), draw(st.sampled_from([1, 3]))
    config = {
        "growth_rate": draw(st.integers(1, 3)),
        "block_config": draw(st.sampled_from([(1,), (2,), (1, 1)])),
        "num_init_features": draw(st.integers(2, 4)),
        "bn_size": 2,
        "num_classes": draw(st.integers(1, 3)),
        "in_channels": C,
        "small_images": small,
    }
    H, W = (draw(st.integers(*((6, 8) if small else (17, 21)))) for _ in "HW")
    return Case({"x": floats(2, C, H, W)}, config, train=False)


SMALL = {"growth_rate": 2, "block_config": (1, 1), "num_init_features": 3, "bn_size": 2, "num_classes": 2}
NORMAL = {"regimes": ("normal",), "state": positive_norms}

Pair(
    "DenseLayer",
    cases=layer_cases(),
    sizes={"256ch N16 16x16": Case({"x": floats(16, 256, 16, 16)}, {"in_channels": 256})},
    empty=[Case({"x": floats(0, 2, 4, 4)}, {"in_channels": 2, "growth_rate": 2})],
    bad=[
        (Case({"x": floats(2, 3, 4, 4)}, {"in_channels": 2}), ValueError, "batch_norm"),
        (Case({"x": floats(2, 2, 4, 4)}, {"in_channels": 2, "dropout": 2.0}), ValueError, "between 0 and 1"),
    ],
    **NORMAL,
)

Pair(
    "DenseNet",
    cases=net_cases(),
    sizes={
        "DenseNet-BC-100 k=12 N16 32x32": Case(
            {"x": floats(16, 3, 32, 32)},
            {
                "growth_rate": 12,
                "block_config": (16, 16, 16),
                "num_init_features": 24,
                "num_classes": 10,
                "small_images": True,
            },
        )
    },
    empty=[Case({"x": floats(0, 3, 16, 16)}, SMALL)],
    bad=[
        (
            Case({"x": floats(2, 1, 16, 16)}, SMALL),
            ValueError,
            r"DenseNet: x must be images \(N, 3, H, W\).*in_channels",
        ),
        (Case({"x": floats(2, 3, 4, 4)}, SMALL), ValueError, "avg_pool2d"),
        (Case({"x": floats(2, 3, 8, 8)}, SMALL | {"block_config": (1, 0)}), ValueError, "DenseNet: block_config must"),
    ],
    smooth=(),  # so many kinks that a difference now and then straddles one: see test_assembly.py
    **NORMAL,
)
