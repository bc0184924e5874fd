"""AlexNet: narrow, on images of a few pixels for the small form and the least it takes for the large one."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats


@st.composite
def cases(draw):
    small, C = draw(st.booleans()), draw(st.sampled_from([1, 3]))
    H, W = (draw(st.integers(*((15, 18) if small else (63, 66)))) for _ in "HW")
    config = {
        "num_classes": draw(st.integers(1, 4)),
        "dropout": 0.0,
        "in_channels": C,
        "small_images": small,
        "channels": tuple(draw(st.integers(1, 3)) for _ in range(5)),
        "hidden": draw(st.integers(2, 4)),
    }
    return Case({"x": floats(draw(st.integers(1, 2)), C, H, W)}, config)


SMALL = {"num_classes": 2, "dropout": 0.0, "small_images": True, "channels": (2, 2, 2, 2, 2), "hidden": 3}

Pair(
    "AlexNet",
    cases=cases(),
    sizes={"N32 32x32": Case({"x": floats(32, 3, 32, 32)}, {"num_classes": 10, "dropout": 0.0, "small_images": True})},
    empty=[Case({"x": floats(0, 3, 16, 16)}, SMALL)],
    bad=[
        (
            Case({"x": floats(2, 1, 16, 16)}, SMALL),
            ValueError,
            r"AlexNet: x must be images \(N, 3, H, W\).*in_channels",
        ),
        (Case({"x": floats(2, 3, 6, 6)}, SMALL), ValueError, "max_pool2d"),
        (Case({"x": floats(2, 3, 6, 6)}, SMALL | {"channels": (2, 2)}), ValueError, "channels must be 5 widths"),
    ],
    regimes=("normal",),
    smooth=(),  # so many kinks that a difference now and then straddles one: see test_assembly.py
)
