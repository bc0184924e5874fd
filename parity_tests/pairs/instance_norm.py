"""Instance norm: with and without batch axis, affine, bias and running statistics, in both modes."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats
from parity_tests.pairs.batch_norm import statistics


@st.composite
def further_axes(draw, count):
    """At least three values together (see pairs/batch_norm.py), axes of 1 among them."""
    return draw(st.permutations([draw(st.integers(3, 5))] + [draw(st.integers(1, 3)) for _ in range(count - 1)]))


@st.composite
def module_cases(draw, count):
    channels = draw(st.integers(1, 4))
    batch = [draw(st.integers(1, 3))] if draw(st.booleans()) else []
    config = {
        "num_features": channels,
        "eps": draw(st.sampled_from([1e-5, 0.1])),
        "momentum": draw(st.sampled_from([0.1, 1.0, None])),
        "affine": draw(st.booleans()),
        "track_running_stats": draw(st.booleans()),
        "bias": draw(st.booleans()),
    }
    return Case({"x": floats(*batch, channels, *draw(further_axes(count)))}, config)


@st.composite
def op_cases(draw):
    channels = draw(st.integers(1, 4))
    own = draw(st.booleans())
    further = draw(further_axes(draw(st.integers(1, 3))) if own else st.lists(st.integers(1, 3), max_size=3))
    running = {"running_mean": None, "running_var": None}
    if not own or draw(st.booleans()):
        running = statistics(channels)
    affine = {name: floats(channels) if draw(st.booleans()) else None for name in ("weight", "bias")}
    options = {"use_input_stats": own, "momentum": draw(st.floats(0, 1)), "eps": draw(st.sampled_from([1e-5, 0.1]))}
    return Case({"x": floats(draw(st.integers(1, 3)), channels, *further), **running, **affine}, options)


def case(*shape, **config):
    return Case({"x": floats(*shape)}, config)


SIZES = {
    1: {"32x64x3136": case(32, 64, 3136, num_features=64)},
    2: {"16x64x56x56": case(16, 64, 56, 56, num_features=64)},
    3: {"2x32x16x28x28": case(2, 32, 16, 28, 28, num_features=32)},
}

for d in (1, 2, 3):
    further = (2,) * d
    Pair(
        f"InstanceNorm{d}d",
        cases=module_cases(d),
        sizes=SIZES[d],
        empty=[case(0, 3, *further, num_features=3), case(2, 3, *further[1:], 0, num_features=3)],
        bad=[
            (
                case(2, 3, *(1 for _ in further), num_features=3),
                ValueError,
                "expected more than 1 value per channel and sample",
            ),
            (case(2, 4, *further, num_features=3, affine=True), ValueError, r"instance_norm: weight must be \(4,\)"),
            (case(3, num_features=3), ValueError, rf"InstanceNorm{d}d: x must be \(C"),
            (case(*(2,) * 6, num_features=2), ValueError, rf"InstanceNorm{d}d: x must be \(C"),
        ],
    )

Pair(
    "instance_norm",
    cases=op_cases(),
    bad=[
        (case(3), ValueError, r"instance_norm: x must be \(N, C, \*\), but is \(3,\)"),
        (case(2, 3), ValueError, "expected more than 1 value per channel and sample"),
        (case(2, 3, 4, use_input_stats=False), ValueError, "use_input_stats=False needs running_mean"),
        (
            Case({"x": floats(2, 3, 4), "running_mean": floats(3), "running_var": None}),
            ValueError,
            "must both be given or both be None",
        ),
        (Case({"x": floats(2, 3, 4), **statistics(2)}), ValueError, r"running_mean must be \(3,\)"),
    ],
)
