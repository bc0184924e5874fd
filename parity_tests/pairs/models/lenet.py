"""LeNet: each activation and pooling, the smallest images it takes and a little more."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats


@st.composite
def cases(draw):
    padding = draw(st.integers(0, 2))
    size = 16 - 2 * padding + draw(st.integers(0, 2))
    C = draw(st.sampled_from([1, 3]))
    config = {
        "num_classes": draw(st.integers(1, 4)),
        "in_channels": C,
        "channels": (draw(st.integers(1, 3)), draw(st.integers(1, 3))),
        "hidden": (draw(st.integers(2, 5)), draw(st.integers(2, 5))),
        "activation": draw(st.sampled_from(["sigmoid", "tanh", "relu"])),
        "pooling": draw(st.sampled_from(["avg", "max"])),
        "padding": padding,
        "image_size": size,
    }
    return Case({"x": floats(draw(st.integers(1, 3)), C, size, size)}, config)


SMALL = {"channels": (2, 2), "hidden": (3, 3), "padding": 0, "image_size": 16}

Pair(
    "LeNet",
    cases=cases(),
    sizes={"N100 28x28": Case({"x": floats(100, 1, 28, 28)})},
    empty=[Case({"x": floats(0, 1, 16, 16)}, SMALL)],
    bad=[
        (Case({"x": floats(2, 3, 16, 16)}, SMALL), ValueError, r"LeNet: x must be images \(N, 1, H, W\).*in_channels"),
        (Case({"x": floats(2, 1, 28, 28)}, SMALL), ValueError, "LeNet: made for images 16 x 16.*set image_size"),
        (Case({"x": floats(2, 1, 8, 8)}, {"image_size": 8}), ValueError, "LeNet: image_size=8 .* leaves nothing"),
        (Case({"x": floats(2, 1, 28, 28)}, {"activation": "gelu"}), ValueError, "activation must be one of sigmoid"),
    ],
    regimes=("normal",),
    smooth=(),  # so many kinks that a difference now and then straddles one: see test_assembly.py
)
