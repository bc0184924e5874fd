"""Layers that only move values: any shape, and every range of axes."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats


@st.composite
def flatten_cases(draw):
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    start = draw(st.integers(0, len(shape) - 1))
    end = draw(st.integers(start, len(shape) - 1))
    negative = draw(st.tuples(st.booleans(), st.booleans()))
    start, end = (axis - len(shape) if below else axis for axis, below in zip((start, end), negative))
    return Case({"x": floats(*shape)}, {"start_dim": start, "end_dim": end})


@st.composite
def unflatten_cases(draw, dim, sizes):
    parts = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    before, after = (draw(st.lists(st.integers(1, 3), max_size=2)) for _ in range(2))
    length = 1
    for part in parts:
        length *= part
    if draw(st.booleans()):
        parts[draw(st.integers(0, len(parts) - 1))] = -1
    axis = len(before) - (len(before) + 1 + len(after) if draw(st.booleans()) else 0)
    return Case({"x": floats(*before, length, *after)}, {dim: axis, sizes: tuple(parts)})


def case(*shape, **config):
    return Case({"x": floats(*shape)}, config)


any_shape = st.lists(st.integers(1, 4), max_size=4).map(lambda shape: case(*shape))

Pair(
    "Flatten",
    cases=flatten_cases(),
    sizes={"(32, 64, 56, 56)": case(32, 64, 56, 56)},
    empty=[case(0, 3, 2), case(2, 0, 3)],
    bad=[
        (case(2, 3, start_dim=2), ValueError, r"flatten: start_dim=2 is out of range for an x with 2 axes"),
        (case(2, 3, start_dim=1, end_dim=0), ValueError, r"flatten: start_dim=1 comes after end_dim=0"),
    ],
)
Pair(
    "flatten",
    cases=flatten_cases() | st.just(case()),
    empty=[case(0, 3)],
    bad=[(case(2, 3, end_dim=-3), ValueError, r"flatten: end_dim=-3 is out of range")],
)

refused = [
    ((2, 6), 1, (2, 4), ValueError, r"unflatten: sizes \(2, 4\) do not multiply to the 6 of x \(2, 6\) along dim=1"),
    ((2, 6), 1, (-1, 4), ValueError, r"unflatten: sizes \(-1, 4\) do not multiply to the 6"),
    ((2, 6), 1, (-1, -1), ValueError, r"unflatten: sizes \(-1, -1\) do not multiply"),
    ((2, 6), 2, (2, 3), ValueError, r"unflatten: dim=2 is out of range"),
]
for name, dim, sizes in (("Unflatten", "dim", "unflattened_size"), ("unflatten", "dim", "sizes")):
    Pair(
        name,
        cases=unflatten_cases(dim, sizes),
        sizes={"(256, 784) to images": case(256, 784, **{dim: 1, sizes: (1, 28, 28)})} if name == "Unflatten" else {},
        empty=[case(0, 6, **{dim: 1, sizes: (2, 3)}), case(2, 0, **{dim: 1, sizes: (3, 0)})],
        bad=[(case(*shape, **{dim: d, sizes: s}), error, message) for shape, d, s, error, message in refused],
    )

Pair(
    "Identity",
    cases=any_shape,
    sizes={"(32, 64, 56, 56)": case(32, 64, 56, 56)},
    empty=[case(0, 3)],
    regimes=("normal", "inf_nan"),
)
Pair("identity", cases=any_shape, empty=[case(0, 3)], regimes=("normal", "inf_nan"))


# ---------------------------------------------------------------------- channels and pixels


@st.composite
def pixel_cases(draw, option, shuffle):
    r = draw(st.integers(1, 3))
    batch = draw(st.lists(st.integers(1, 2), max_size=3))
    c, h, w = draw(st.tuples(*[st.integers(1, 3)] * 3))
    return case(*batch, *((c * r * r, h, w) if shuffle else (c, h * r, w * r)), **{option: r})


@st.composite
def channel_shuffle_cases(draw):
    groups = draw(st.integers(1, 4))
    spatial = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    return case(draw(st.integers(1, 3)), groups * draw(st.integers(1, 3)), *spatial, groups=groups)


up, down = "upscale_factor", "downscale_factor"
for name in ("PixelShuffle", "pixel_shuffle"):
    Pair(
        name,
        cases=pixel_cases(up, True),
        sizes={"x 2, (16, 256, 28, 28)": case(16, 256, 28, 28, upscale_factor=2)} if name[0] == "P" else {},
        bad=[
            (case(1, 6, 2, 2, upscale_factor=2), ValueError, r"pixel_shuffle: x must be \(\*, C·r², H, W\) .* r=2"),
            (case(4, 2, upscale_factor=1), ValueError, r"pixel_shuffle: x must be"),
            (case(1, 4, 2, 2, upscale_factor=0), ValueError, r"pixel_shuffle: x must be"),
        ],
    )
for name in ("PixelUnshuffle", "pixel_unshuffle"):
    Pair(
        name,
        cases=pixel_cases(down, False),
        sizes={"/ 2, (16, 64, 56, 56)": case(16, 64, 56, 56, downscale_factor=2)} if name[0] == "P" else {},
        bad=[
            (case(1, 1, 3, 2, downscale_factor=2), ValueError, r"pixel_unshuffle: x must be \(\*, C, H·r, W·r\)"),
            (case(4, 2, downscale_factor=1), ValueError, r"pixel_unshuffle: x must be"),
        ],
    )
for name in ("ChannelShuffle", "channel_shuffle"):
    Pair(
        name,
        cases=channel_shuffle_cases(),
        sizes={"4 groups, (32, 240, 28, 28)": case(32, 240, 28, 28, groups=4)} if name[0] == "C" else {},
        empty=[case(0, 4, 2, 2, groups=2)],
        bad=[
            (case(1, 3, 2, 2, groups=2), ValueError, r"channel_shuffle: x must be \(N, C, \*\) with C divisible"),
            (case(4, 2, groups=2), ValueError, r"channel_shuffle: x must be"),
        ],
    )
