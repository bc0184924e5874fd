"""Batch norm: 2-D to 5-D input, every combination of affine, bias, running statistics and momentum, both modes."""

import math

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats


@st.composite
def shapes(draw, axes):
    """(N, C, *), N = 1 and further axes of 1 among them; some for the kernel.

    Three values per channel at least: two become -1 and 1 whatever they are, and what float32 leaves of a derivative
    that is all but 0 is luck on either side.
    """
    if axes and draw(st.booleans()):
        further = draw(st.sampled_from({1: [(3001,)], 2: [(59, 51), (1, 3001)], 3: [(10, 20, 15)]}[axes]))
        return (draw(st.integers(2, 3)), draw(st.integers(3, 4)), *further)
    further = [draw(st.integers(1, 3)) for _ in range(axes)]
    least = math.ceil(3 / math.prod(further))
    return (draw(st.integers(least, 4)), draw(st.integers(1, 4)), *further)


@st.composite
def module_cases(draw, axes):
    shape = draw(shapes(draw(st.sampled_from(axes))))
    config = {
        "num_features": shape[1],
        "eps": draw(st.sampled_from([1e-5, 0.1])),
        "momentum": draw(st.sampled_from([0.1, 1.0, 0.0, None])),
        "affine": draw(st.booleans()),
        "track_running_stats": draw(st.booleans()),
        "bias": draw(st.booleans()),
    }
    return Case({"x": floats(*shape)}, config)


def statistics(channels):
    """running_mean and running_var, constants of the op."""
    return {
        "running_mean": floats(channels, low=-1, high=1, grad=False),
        "running_var": floats(channels, low=0.5, high=2, grad=False),
    }


@st.composite
def op_cases(draw):
    shape = draw(shapes(draw(st.integers(0, 3))))
    channels = shape[1]
    training = draw(st.booleans())
    running = {"running_mean": None, "running_var": None}
    if not training or draw(st.booleans()):
        running = statistics(channels)
    affine = {name: floats(channels) if draw(st.booleans()) else None for name in ("weight", "bias")}
    options = {"training": training, "momentum": draw(st.floats(0, 1)), "eps": draw(st.sampled_from([1e-5, 0.1]))}
    return Case({"x": floats(*shape), **running, **affine}, options)


def case(*shape, **config):
    return Case({"x": floats(*shape)}, {"num_features": shape[1], **config})


def op_case(*shape, channels=None, **options):
    return Case({"x": floats(*shape), **statistics(channels or shape[1])}, options)


SIZES = {
    1: {"256 rows, 1024 channels": case(256, 1024), "32x64x3136": case(32, 64, 3136)},
    2: {"32x64x56x56": case(32, 64, 56, 56), "32x256x14x14": case(32, 256, 14, 14)},
    3: {"4x32x16x28x28": case(4, 32, 16, 28, 28)},
}

for d, axes in ((1, (0, 1)), (2, (2,)), (3, (3,))):
    further = (2,) * axes[-1]
    Pair(
        f"BatchNorm{d}d",
        cases=module_cases(axes),
        sizes=SIZES[d],
        empty=[case(0, 3, *further), case(2, 3, *further[1:], 0)],
        bad=[
            (
                case(1, 3, *(1 for _ in further)),
                ValueError,
                r"batch_norm: expected more than 1 value per channel when training, but x is \(1, 3, 1",
            ),
            (Case({"x": floats(2, 4, *further)}, {"num_features": 3}), ValueError, r"running_mean must be \(4,\)"),
            (Case({"x": floats(3)}, {"num_features": 3}), ValueError, rf"BatchNorm{d}d: x must be \(N, C"),
            (Case({"x": floats(*(2,) * 6)}, {"num_features": 2}), ValueError, rf"BatchNorm{d}d: x must be \(N, C"),
            (case(2, 3, *further, eps=0.0), ValueError, "eps must be positive in training"),
        ],
    )

Pair(
    "batch_norm",
    cases=op_cases(),
    empty=[op_case(0, 3, training=True), op_case(2, 3, 0, training=True), op_case(2, 0), op_case(0, 3)],
    bad=[
        (op_case(3, channels=3), ValueError, r"batch_norm: x must be \(N, C, \*\), but is \(3,\)"),
        (op_case(2, 3, channels=4), ValueError, r"running_mean must be \(3,\), one value for each channel"),
        (op_case(1, 3, 1, training=True), ValueError, "expected more than 1 value per channel"),
        (
            Case({"x": floats(2, 3), "running_mean": None, "running_var": None}),
            ValueError,
            "without running_mean and running_var it must be called with training=True",
        ),
        (
            Case({"x": floats(2, 3), "running_mean": floats(3), "running_var": None}, {"training": True}),
            ValueError,
            "must both be given or both be None",
        ),
        (
            Case({"x": floats(2, 3), **statistics(3), "weight": floats(2)}),
            ValueError,
            r"batch_norm: weight must be \(3,\)",
        ),
    ],
)
