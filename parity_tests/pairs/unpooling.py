"""Max unpooling: distinct places (of equal ones torch's gradient is no derivative), with and without output_size."""

from math import prod

import numpy as np
from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats, ints


def distinct(n, length):
    """Random integers -> different places in each plane of this many."""

    def transform(drawn):
        flat = drawn.reshape(*drawn.shape[: drawn.ndim - n], -1)
        return (np.argsort(flat, axis=-1) * (length // max(1, flat.shape[-1]))).reshape(drawn.shape)

    return transform


@st.composite
def unpool_cases(draw, n, module):
    kernel = draw(st.tuples(*[st.integers(2, 3)] * n))
    stride = draw(st.none() | st.tuples(*[st.integers(1, 3)] * n))
    strides = stride or kernel
    padding = tuple(draw(st.integers(0, 1)) for _ in kernel)
    shape = draw(st.tuples(*[st.integers(1, 3)] * n))
    # long enough that the output has room for every value
    default = [(p - 1) * s - 2 * pad + k for p, s, pad, k in zip(shape, strides, padding, kernel)]
    if any(d < p for d, p in zip(default, shape)):
        padding = (0,) * n
        default = [(p - 1) * s + k for p, s, k in zip(shape, strides, kernel)]
    config, call = {"kernel_size": kernel, "stride": stride, "padding": padding}, {}
    leading = draw(st.sampled_from([(2, 3), (1, 1), (2,), (1,)]))
    size = None
    if draw(st.booleans()):
        default = [draw(st.integers(d, d + s - 1)) for d, s in zip(default, strides)]
        size = tuple(default) if draw(st.booleans()) or len(leading) == 1 else (*leading, *default)
        (call if module else config)["output_size"] = size
    shape = (*leading, *shape)
    indices = ints(*shape, high=10**6, transform=distinct(n, prod(default)))
    return Case({"x": floats(*shape), "indices": indices}, config, call)


def case(*shape, high=1, transform=None, **config):
    return Case({"x": floats(*shape), "indices": ints(*shape, high=high, transform=transform)}, config)


for n in (1, 2, 3):
    P = (2,) * n
    spatial = [(512,), (28, 28), (4, 14, 14)][n - 1]
    big = case(32, 64, *spatial, high=10**6, transform=distinct(n, prod(spatial) * 2**n), kernel_size=2)
    function = f"max_unpool{n}d"
    for side in (f"MaxUnpool{n}d", function):
        Pair(
            side,
            cases=unpool_cases(n, side != function),
            sizes={f"2 from {big.inputs['x'].shape}": big} if side != function else {},
            regimes=("normal", "large", "tiny", "inf_nan"),
            empty=[case(0, 3, *P, kernel_size=2)],
            bad=[
                (case(1, 1, *P, high=2, transform=lambda i: i + 10**4, kernel_size=2), ValueError, r"indices must be"),
                (case(1, 1, *P, high=2, transform=lambda i: i - 5, kernel_size=2), ValueError, r"indices must be"),
                (
                    Case({"x": floats(1, 1, *P), "indices": ints(1, 2, *P, high=2)}, {"kernel_size": 2}),
                    ValueError,
                    rf"{function}: indices must be int64 of x's shape",
                ),
            ],
        )
