"""grid_sample and affine_grid: images and volumes, every mode and border, points inside and far outside."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats


@st.composite
def grid_sample_cases(draw):
    modes = [("bicubic", 2), ("bilinear", 2), ("nearest", 2), ("bilinear", 3), ("nearest", 3)]
    mode, n = draw(st.sampled_from(modes))
    batch, channels = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    # Bicubic: on an image one pixel wide all four taps may meet that pixel, and the slope is a sum that cancels; the
    # rounding of a few points says little about that of a formula of third degree.
    shortest, fewest = (2, 3) if mode == "bicubic" else (1, 1)
    inputs = draw(st.tuples(*[st.integers(shortest, 5)] * n))
    outputs = draw(st.tuples(*[st.integers(fewest, 3)] * n))
    reach = draw(st.sampled_from([0.9, 1.5, 4.0]))
    config = {
        "mode": mode,
        "padding_mode": draw(st.sampled_from(["zeros", "border", "reflection"])),
        "align_corners": draw(st.booleans()),
    }
    grid = floats(batch, *outputs, n, low=-reach, high=reach)
    return Case({"x": floats(batch, channels, *inputs), "grid": grid}, config)


@st.composite
def affine_grid_cases(draw):
    n = draw(st.sampled_from([2, 3]))
    corners = draw(st.booleans())
    shortest = 2 if corners else 1  # torch warns that aligning the corners of a single place means nothing
    size = (draw(st.integers(1, 3)), 1, *draw(st.tuples(*[st.integers(shortest, 4)] * n)))
    return Case({"theta": floats(size[0], n, n + 1)}, {"size": size, "align_corners": corners})


def case(x, grid, **config):
    return Case({"x": floats(*x), "grid": floats(*grid, low=-1.0, high=1.0)}, {"align_corners": False, **config})


Pair(
    "grid_sample",
    cases=grid_sample_cases(),
    sizes={"bilinear (8, 32, 56, 56)": case((8, 32, 56, 56), (8, 56, 56, 2))},
    empty=[case((0, 3, 4, 4), (0, 2, 2, 2)), case((2, 3, 4, 4), (2, 0, 2, 2))],
    bad=[
        (case((2, 3, 4), (2, 4, 2)), ValueError, r"grid_sample: x must be \(N, C, H, W\) or"),
        (case((2, 3, 4, 4), (2, 4, 4, 3)), ValueError, r"grid_sample: grid must be \(N, \*P, 2\) for x \(2, 3, 4, 4\)"),
        (case((2, 3, 4, 4), (1, 4, 4, 2)), ValueError, r"grid_sample: grid must be"),
        (case((2, 3, 4, 0), (2, 4, 4, 2)), ValueError, r"grid_sample: the spatial axes of x must not be empty"),
        (case((2, 3, 4, 4), (2, 4, 4, 2), mode="cubic"), ValueError, r"grid_sample: mode must be"),
        (case((2, 3, 4, 4, 4), (2, 4, 4, 4, 3), mode="bicubic"), ValueError, r"grid_sample: mode must be"),
        (case((2, 3, 4, 4), (2, 4, 4, 2), padding_mode="wrap"), ValueError, r"grid_sample: padding_mode must be"),
    ],
)


def affine(shape, size):
    return Case({"theta": floats(*shape)}, {"size": size, "align_corners": False})


Pair(
    "affine_grid",
    cases=affine_grid_cases(),
    sizes={"(64, 1, 56, 56)": affine((64, 2, 3), (64, 1, 56, 56))},
    bad=[
        (affine((2, 2, 3), (3, 1, 4, 4)), ValueError, r"affine_grid: theta must be \(N, 2, 3\)"),
        (affine((2, 2, 3), (2, 1, 4, 4, 4)), ValueError, r"affine_grid: theta must be"),
        (affine((2, 2, 3), (2, 1, 4, 0)), ValueError, r"affine_grid: theta must be"),
    ],
)
