"""First blocks of one's own. MySequential takes modules, not options: see test_model_blocks."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats

WIDTHS = st.integers(1, 5)


@st.composite
def rows(draw, **widths):
    """x (*, I) for a block with these widths."""
    config = {name: draw(strategy) for name, strategy in widths.items()}
    leading = draw(st.lists(st.integers(1, 3), max_size=2))
    return Case({"x": floats(*leading, config["in_features"])}, config)


@st.composite
def conv_net_cases(draw):
    channels, R, S = draw(st.integers(1, 2)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    leading = draw(st.sampled_from([(), (1,), (3,)]))
    H, W = draw(st.integers(R + S - 1, 7)), draw(st.integers(R + S - 1, 7))
    return Case({"x": floats(*leading, channels, H, W)}, {"channels": channels, "kernel_size": (R, S)})


def batch(n, width, **config):
    return Case({"x": floats(n, width)}, config)


def bad_width(right, wrong, **config):
    return (batch(2, wrong, **config), ValueError, rf"linear: weight expects {right} input features .* x has {wrong}")


pair_of_widths = st.tuples(WIDTHS, WIDTHS)

Pair(
    "MLP",
    cases=rows(in_features=WIDTHS, hidden=WIDTHS, out_features=WIDTHS),
    sizes={"784-256-10, 256 rows": batch(256, 784, in_features=784, hidden=256, out_features=10)},
    empty=[batch(0, 3, in_features=3, hidden=2, out_features=2)],
    bad=[bad_width(20, 19)],
)

Pair(
    "NestMLP",
    cases=rows(in_features=WIDTHS, hidden=pair_of_widths, out_features=WIDTHS),
    sizes={"20-64-32-16, 1024 rows": batch(1024, 20)},
    empty=[batch(0, 20)],
    bad=[bad_width(20, 3)],
)

Pair(
    "FixedHiddenMLP",
    cases=rows(in_features=WIDTHS),
    sizes={"20 features, 1024 rows": batch(1024, 20)},
    empty=[batch(0, 3, in_features=3)],
    bad=[bad_width(20, 3)],
)

Pair(
    "Chimera",
    cases=rows(in_features=WIDTHS, hidden=pair_of_widths, out_features=WIDTHS, fixed_features=WIDTHS),
    sizes={"the tutorial's widths, 1024 rows": batch(1024, 20)},
    empty=[batch(0, 20)],
    bad=[bad_width(20, 21)],
)

Pair(
    "TiedMLP",
    cases=rows(in_features=WIDTHS, hidden=WIDTHS, out_features=WIDTHS),
    sizes={"784-256-256-256-10, 256 rows": batch(256, 784, in_features=784, hidden=256, out_features=10)},
    empty=[batch(0, 4)],
    bad=[bad_width(4, 5)],
)

Pair(
    "LinearNet",
    cases=rows(in_features=WIDTHS, hidden=WIDTHS),
    sizes={"784-64-784, 256 rows": batch(256, 784, in_features=784, hidden=64)},
    empty=[batch(0, 3, in_features=3, hidden=2)],
    bad=[bad_width(4, 5, in_features=4, hidden=2)],
)

Pair(
    "ConvNet",
    cases=conv_net_cases(),
    sizes={
        "8 channels, 3x5, 32x32, 64 images": Case({"x": floats(64, 8, 32, 32)}, {"channels": 8, "kernel_size": (3, 5)})
    },
    empty=[Case({"x": floats(0, 1, 6, 6)}, {})],
    bad=[
        (Case({"x": floats(1, 2, 6, 6)}, {}), ValueError, r"conv2d: weight expects 1 input channels"),
        (Case({"x": floats(1, 1, 4, 4)}, {}), ValueError, r"conv2d: "),  # 2x2 is left for the second 3x3
    ],
)
