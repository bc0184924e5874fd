"""GoogLeNet and its Inception block: narrow, one or two stages, with and without batch normalization.

In training much of what comes before a batch norm has a gradient close to 0 (the norm takes a shift away again), and
what float32 makes of that is nothing but rounding. So the generic checks of the whole network with batch norm run in
evaluation, and test_assembly.py compares training.
"""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats
from parity_tests.pairs.models.resnet import positive_norms

NAMES = ("ch1x1", "ch3x3red", "ch3x3", "ch5x5red", "ch5x5", "pool_proj")


@st.composite
def block_cases(draw):
    C = draw(st.integers(2, 4))
    config = {"in_channels": C, "batch_norm": draw(st.booleans())} | {name: draw(st.integers(2, 3)) for name in NAMES}
    return Case({"x": floats(3, C, draw(st.integers(3, 5)), draw(st.integers(3, 5)))}, config)


@st.composite
def net_cases(draw):
    small, C = draw(st.booleans()), draw(st.sampled_from([1, 3]))
    batch_norm = draw(st.booleans())
    stages = (((2, 1, 2, 2, 1, 1),),) if batch_norm or not small else (((2, 2, 3, 2, 2, 2),), ((1, 1, 2, 1, 2, 1),))
    config = {
        "num_classes": draw(st.integers(1, 3)),
        "dropout": 0.0,
        "in_channels": C,
        "small_images": small,
        "batch_norm": batch_norm,
        "stem": (3, 4, 5),
        "stages": stages,
    }
    H, W = (draw(st.integers(*((5, 7) if small else (19, 23)))) for _ in "HW")
    return Case({"x": floats(2, C, H, W)}, config, train=not batch_norm)


NORMAL = {"regimes": ("normal",), "state": positive_norms}
ONE = {"num_classes": 2, "dropout": 0.0, "stem": (2, 2, 2), "stages": (((1, 1, 1, 1, 1, 1),),)}
BLOCK = dict(zip(NAMES, (64, 96, 128, 16, 32, 32)))

Pair(
    "Inception",
    cases=block_cases(),
    sizes={"3a N16 28x28": Case({"x": floats(16, 192, 28, 28)}, {"in_channels": 192} | BLOCK)},
    empty=[Case({"x": floats(0, 2, 4, 4)}, {"in_channels": 2} | dict.fromkeys(NAMES, 2))],
    bad=[(Case({"x": floats(2, 3, 4, 4)}, {"in_channels": 2} | BLOCK), ValueError, "expects 2 input channels")],
    smooth=(),  # see GoogLeNet
    **NORMAL,
)

Pair(
    "GoogLeNet",
    cases=net_cases(),
    sizes={"N16 32x32": Case({"x": floats(16, 3, 32, 32)}, {"num_classes": 10, "dropout": 0.0, "small_images": True})},
    empty=[Case({"x": floats(0, 3, 16, 16)}, ONE)],
    bad=[
        (
            Case({"x": floats(2, 1, 16, 16)}, ONE),
            ValueError,
            r"GoogLeNet: x must be images \(N, 3, H, W\).*in_channels",
        ),
        (
            Case({"x": floats(2, 3, 16, 16)}, ONE | {"stages": (((1, 2),),)}),
            ValueError,
            "blocks of six channel numbers",
        ),
    ],
    smooth=(),  # so many kinks that a difference now and then straddles one: see test_assembly.py
    **NORMAL,
)
