"""Regression losses: every reduction, also by its deprecated arguments, with and without weights."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats, ints

reductions = st.sampled_from(
    [{}, {"reduction": "none"}, {"reduction": "sum"}, {"reduction": "mean"}]
    + [{"size_average": False}, {"reduce": False}, {"size_average": True, "reduce": True, "reduction": "none"}]
)
shapes = st.lists(st.integers(1, 4), max_size=3)


@st.composite
def broadcastable(draw, shape):
    """A shape that broadcasts to this one."""
    kept = shape[draw(st.integers(0, len(shape))) :]
    return [1 if draw(st.booleans()) else n for n in kept]


def positive(*shape, grad=True):
    return floats(*shape, low=0.2, high=3.0, grad=grad)


def class_weights(key, shape, rng):
    """Positive values for the weight buffers."""
    return rng.uniform(0.2, 2.0, size=shape)


def unit(*shape):
    return floats(*shape, low=0.0, high=1.0)


SIZE = (4096, 1000)
SOFT = ("normal", "ties", "large", "tiny", "inf_nan")


def same_size(**config):
    """What benchmarks time: two arrays of one shape."""
    return {"4096x1000": Case({"x": floats(*SIZE), "target": unit(*SIZE)}, config)}


def without_rows(**config):
    return [
        Case({"x": floats(0, 3), "target": unit(0, 3)}, {**config, "reduction": reduction})
        for reduction in ("none", "sum", "mean")
    ]


# ---------------------------------------------------------------------- errors


@st.composite
def error_cases(draw):
    shape = draw(shapes)
    target = draw(st.sampled_from([floats(*shape), ints(*shape, low=-2, high=3)]))
    return Case({"x": floats(*shape), "target": target}, draw(reductions))


@st.composite
def weighted_error_cases(draw):
    """Of one element alone the weighted mean does not depend on its weight: nothing to compare but rounding."""
    if draw(st.booleans()):
        case = draw(error_cases())
        return Case({**case.inputs, "weight": None}, case.config)
    shape = [*draw(st.lists(st.integers(1, 3), max_size=2)), draw(st.integers(2, 4))]
    return Case({"x": floats(*shape), "target": floats(*shape), "weight": positive(*shape)}, draw(reductions))


for module, op in (("MSELoss", "mse_loss"), ("L1Loss", "l1_loss")):
    Pair(
        module,
        cases=error_cases(),
        sizes={"4096x1000": Case({"x": floats(*SIZE), "target": floats(*SIZE)})},
        empty=[Case({"x": floats(0, 3), "target": floats(0, 3)}, {"reduction": r}) for r in ("none", "sum", "mean")],
        regimes=("normal", "ties", "large", "tiny", "inf_nan"),
        bad=[
            (
                Case({"x": floats(2, 3), "target": floats(2, 2)}),
                ValueError,
                rf"{op}: the shapes of x and target do not broadcast: x \(2, 3\), target \(2, 2\)",
            ),
            (
                Case({"x": floats(2), "target": floats(2)}, {"reduction": "average"}),
                ValueError,
                rf"{op}: reduction must be one of 'none', 'mean', 'sum', but is 'average'",
            ),
            (Case({"x": ints(2, high=3), "target": floats(2)}), TypeError, rf"{op}: x must be floating point"),
        ],
    )
    Pair(
        op,
        cases=weighted_error_cases(),
        regimes=("normal", "ties", "tiny", "inf_nan"),  # torch cancels in the weighted mean's dweight
        bad=[
            (
                Case({"x": floats(2, 3), "target": floats(2, 3), "weight": floats(3)}),
                ValueError,
                rf"{op}: weight and x must have the same shape, but got weight \(3,\), x \(2, 3\)",
            )
        ],
    )

# ---------------------------------------------------------------------- squared near 0, absolute further out


@st.composite
def smooth_cases(draw, option, values, module):
    """huber_loss has no deprecated arguments; with an integer target torch's backward fails."""
    case = draw(error_cases() if module or option == "beta" else weighted_error_cases())
    if option == "delta":
        case.inputs["target"] = floats(*case.inputs["x"].shape)
    config = draw(
        reductions if option == "beta" else st.sampled_from([{}, {"reduction": "none"}, {"reduction": "sum"}])
    )
    return Case(case.inputs, {**config, option: draw(st.sampled_from(values))})


for module, op, option, values, message in (
    ("SmoothL1Loss", "smooth_l1_loss", "beta", [1.0, 0.5, 2.0, 0.0], "beta must not be negative, but is -1"),
    ("HuberLoss", "huber_loss", "delta", [1.0, 0.5, 2.0], "delta must be positive, but is -1"),
):
    Pair(
        module,
        cases=smooth_cases(option, values, module=True),
        sizes=same_size(),
        empty=without_rows(),
        regimes=SOFT,
        bad=[
            (Case({"x": floats(3), "target": floats(3)}, {option: -1.0}), ValueError, f"{op}: {message}"),
            (Case({"x": floats(2, 3), "target": floats(2)}), ValueError, f"{op}: .*do not broadcast"),
        ],
    )
    Pair(
        op,
        cases=smooth_cases(option, values, module=False),
        regimes=SOFT,
        bad=[
            (
                Case({"x": floats(2), "target": floats(2)}, {"reduction": "average"}),
                ValueError,
                f"{op}: reduction must be one of",
            )
        ],
    )
