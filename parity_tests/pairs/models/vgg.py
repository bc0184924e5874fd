"""VGG: one or two narrow stages, with and without batch normalization, odd and even images.

In training much of what comes before a batch norm has a gradient close to 0 (the norm takes a shift away again), and
what float32 makes of that is nothing but rounding. So the generic checks of the network with batch norm run in
evaluation, and test_assembly.py compares training.
"""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats


@st.composite
def cases(draw):
    C = draw(st.sampled_from([1, 3]))
    small, batch_norm = draw(st.booleans()), draw(st.booleans())
    config = {
        "stages": tuple((draw(st.integers(1, 2)), draw(st.integers(2, 4))) for _ in range(draw(st.integers(1, 2)))),
        "num_classes": draw(st.integers(1, 4)),
        "batch_norm": batch_norm,
        "dropout": 0.0,
        "in_channels": C,
        "small_images": small,
        "hidden": draw(st.integers(2, 5)),
    }
    H, W = (draw(st.integers(4, 7)) for _ in "HW")
    return Case({"x": floats(draw(st.integers(2, 3)), C, H, W)}, config, train=not batch_norm)


SMALL = {"stages": ((1, 2), (1, 2)), "num_classes": 2, "dropout": 0.0, "small_images": True, "hidden": 3}
VGG11 = ((1, 64), (1, 128), (2, 256), (2, 512), (2, 512))
IMAGES = {"num_classes": 10, "dropout": 0.0, "small_images": True}

Pair(
    "VGG",
    cases=cases(),
    sizes={
        "VGG-11 with batch norm, N16 32x32": Case(
            {"x": floats(16, 3, 32, 32)}, IMAGES | {"stages": VGG11, "batch_norm": True}
        )
    },
    empty=[Case({"x": floats(0, 3, 4, 4)}, SMALL)],
    bad=[
        (Case({"x": floats(2, 1, 8, 8)}, SMALL), ValueError, r"VGG: x must be images \(N, 3, H, W\).*in_channels"),
        (Case({"x": floats(2, 3, 2, 2)}, SMALL | {"small_images": False}), ValueError, "max_pool2d"),
        (Case({"x": floats(2, 3, 8, 8)}, SMALL | {"stages": ()}), ValueError, "VGG: stages must be pairs"),
    ],
    regimes=("normal",),
    smooth=(),  # so many kinks that a difference now and then straddles one: see test_assembly.py
)
