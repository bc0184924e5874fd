"""Smooth activations: any shape, none at all included, and now and then enough elements for the kernels."""

import numpy as np
from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats

few = st.lists(st.integers(1, 5), max_size=4).map(tuple)
many = st.sampled_from([(17000,), (131, 2, 65)])
shapes = st.one_of(few, few, few, many)
REGIMES = ("normal", "ties", "large", "tiny", "inf_nan")


def elementwise_cases(config=None, transform=None):
    """x of any shape, with options drawn from `config`."""
    drawn = st.fixed_dictionaries(config or {})
    return st.builds(lambda shape, options: Case({"x": floats(*shape, transform=transform)}, options), shapes, drawn)


def elementwise_pairs(
    module, function, config=None, *, regimes=REGIMES, transform=None, device=True, bad=(), twin=None, required=None
):
    """The pair of a module and the pair of its function, with the same cases; None leaves one out.

    `required` are the options without a default.
    """
    required = required or {}
    for name in filter(None, (module, function)):
        Pair(
            name,
            cases=elementwise_cases(config, transform),
            sizes={"8M": Case({"x": floats(8_000_000)}, required)} if name == module else {},
            empty=[Case({"x": floats(0)}, required), Case({"x": floats(3, 0, 2)}, required)],
            bad=bad,
            regimes=regimes,
            smooth=("off_grid",),
            device=device,
            twin=twin,
        )


elementwise_pairs("Sigmoid", "sigmoid")
elementwise_pairs("LogSigmoid", "logsigmoid")
elementwise_pairs("SiLU", "silu", {"inplace": st.just(False)})
elementwise_pairs("Mish", "mish", {"inplace": st.just(False)})
elementwise_pairs("Softsign", "softsign", transform=lambda x: np.where(np.isinf(x), np.nan, x))
elementwise_pairs("Tanh", "tanh")
elementwise_pairs("Tanhshrink", "tanhshrink")
elementwise_pairs(
    "Softplus",
    "softplus",
    {"beta": st.sampled_from([1, 0.5, 3.0, -2.0]), "threshold": st.sampled_from([20, 0.75, 5.0, 60.0])},
)
elementwise_pairs(
    "GELU",
    "gelu",
    {"approximate": st.sampled_from(["none", "tanh"])},
    device="needs cupyx for the normal distribution function",
    bad=[(Case({"x": floats(3)}, {"approximate": "fast"}), ValueError, "gelu: approximate must be 'none' or 'tanh'")],
)
