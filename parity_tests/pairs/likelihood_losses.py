"""Losses that compare distributions: every option, arguments that broadcast, variances of every shape."""

import numpy as np
from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats, ints
from parity_tests.pairs.losses import SIZE, broadcastable, reductions, same_size, shapes, unit, without_rows

few_reductions = st.sampled_from([{}, {"reduction": "none"}, {"reduction": "sum"}])


@st.composite
def two_shapes(draw):
    """Of x and target: one of them may broadcast to the other."""
    shape = draw(shapes)
    other = draw(broadcastable(shape))
    return draw(st.sampled_from([(shape, shape), (shape, other), (other, shape)]))


def counts(values):
    """Not at 1, where Stirling's approximation is switched on."""
    return np.where(np.abs(values - 1) < 1e-3, 1.5, values)


@st.composite
def poisson_cases(draw):
    """Of integers torch computes Stirling's approximation in float32."""
    x_shape, target_shape = draw(two_shapes())
    log_input, full, integers = draw(st.booleans()), draw(st.booleans()), draw(st.booleans())
    x = floats(*x_shape, low=-4.0, high=4.0) if log_input else floats(*x_shape, low=0.1, high=4.0)
    if integers and not full:
        target = ints(*target_shape, low=-1, high=5)
    else:
        target = floats(*target_shape, low=0.2, high=5.0, transform=counts)
    config = {"log_input": log_input, "full": full, "eps": draw(st.sampled_from([1e-8, 0.1]))}
    return Case({"x": x, "target": target}, {**draw(reductions), **config})


poisson_pair = {
    "cases": poisson_cases(),
    "regimes": ("normal",),
    "bad": [
        (
            Case({"x": floats(2, 3), "target": floats(2)}),
            ValueError,
            "poisson_nll_loss: the shapes of x and target do not broadcast",
        ),
        (
            Case({"x": floats(3), "target": floats(3)}, {"reduction": "average"}),
            ValueError,
            "poisson_nll_loss: reduction must be one of",
        ),
    ],
}
Pair("PoissonNLLLoss", sizes=same_size(), empty=without_rows(full=True), **poisson_pair)
Pair("poisson_nll_loss", **poisson_pair)


@st.composite
def gaussian_cases(draw, module):
    shape = draw(shapes)
    target = draw(st.sampled_from([floats(*shape), floats(*draw(broadcastable(shape))), ints(*shape, high=3)]))
    var_shapes = [shape]
    if shape:
        axis = draw(st.integers(0, len(shape) - 1))
        var_shapes += [shape[:-1], [1 if i == axis else n for i, n in enumerate(shape)]]
    var = draw(st.sampled_from([floats(*s, low=low, high=2.0) for s in var_shapes for low in (0.1, 0.0)]))
    config = {**draw(few_reductions), "full": draw(st.booleans()), "eps": draw(st.sampled_from([1e-6, 0.05]))}
    if not module and draw(st.integers(0, 4)) == 0:
        return Case({"x": floats(*shape), "target": target}, {**config, "var": 0.5})
    return Case({"x": floats(*shape), "target": target, "var": var}, config)


def gaussian(x, var):
    return Case({"x": floats(*x), "target": floats(*x), "var": var})


Pair(
    "GaussianNLLLoss",
    cases=gaussian_cases(module=True),
    sizes={"4096x1000": gaussian(SIZE, unit(*SIZE))},
    empty=[gaussian([0, 3], unit(0, 3)), gaussian([0, 3], unit(0))],
    regimes=("normal", "ties", "large", "tiny", "inf_nan"),
    smooth=(),  # the gradient ignores the lower bound of var
    bad=[
        (gaussian([2, 3], floats(2, 3, low=-2, high=-1)), ValueError, "gaussian_nll_loss: var must not be negative"),
        (
            gaussian([2, 3], unit(3)),
            ValueError,
            r"gaussian_nll_loss: var must have x's shape \(2, 3\), .* but is \(3,\)",
        ),
        (gaussian([2, 3], unit(1, 1)), ValueError, r"but is \(1, 1\)"),
    ],
)
Pair(
    "gaussian_nll_loss",
    cases=gaussian_cases(module=False),
    regimes=("normal", "ties", "large", "tiny"),
    smooth=(),
    bad=[
        (
            Case({"x": floats(2), "target": floats(2)}, {"var": -1.0}),
            ValueError,
            "gaussian_nll_loss: var must not be negative",
        )
    ],
)


@st.composite
def divergence_cases(draw, module):
    """Of the function, "mean" is asked for by the deprecated arguments: otherwise both sides warn."""
    x_shape, target_shape = draw(two_shapes())
    config = draw(
        st.sampled_from(
            [{"reduction": "none"}, {"reduction": "sum"}, {"reduction": "batchmean"}]
            + [{"size_average": True}, {"size_average": False}, {"reduce": False}]
        )
    )
    log_target = draw(st.booleans())
    target = floats(*target_shape) if log_target else floats(*target_shape, low=0.01, high=1.0)
    if module and "reduction" not in config:
        config = {"reduction": "sum"}
    return Case({"x": floats(*x_shape), "target": target}, {**config, "log_target": log_target})


divergence_pair = {
    "regimes": ("normal", "ties", "tiny"),
    "bad": [
        (
            Case({"x": floats(2, 3), "target": floats(2)}, {"reduction": "sum"}),
            ValueError,
            "kl_div: the shapes of x and target do not broadcast",
        ),
        (
            Case({"x": floats(3), "target": ints(3, high=2)}, {"reduction": "sum"}),
            TypeError,
            "kl_div: target must be floating point",
        ),
        (
            Case({"x": floats(3), "target": unit(3)}, {"reduction": "average"}),
            ValueError,
            "kl_div: reduction must be one of 'none', 'mean', 'sum', 'batchmean', but is 'average'",
        ),
    ],
}
Pair(
    "KLDivLoss",
    cases=divergence_cases(module=True),
    sizes=same_size(reduction="batchmean"),
    empty=[Case({"x": floats(0, 3), "target": unit(0, 3)}, {"reduction": r}) for r in ("none", "sum", "batchmean")],
    **divergence_pair,
)
Pair("kl_div", cases=divergence_cases(module=False), **divergence_pair)
