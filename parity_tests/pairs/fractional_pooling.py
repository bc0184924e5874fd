"""Fractional max pooling: with given samples; layers, which draw theirs, where every sample gives the same windows."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats


@st.composite
def function_cases(draw, n):
    kernel = draw(st.tuples(*[st.integers(1, 3)] * n))
    outputs = draw(st.tuples(*[st.integers(1, 4)] * n))
    inputs = [draw(st.integers(k + p - (n == 2), k + p + 4)) for k, p in zip(kernel, outputs)]
    leading = draw(st.sampled_from([(2, 3), (1, 1), (2,), (1,)]))
    samples = floats(*(leading if len(leading) == 2 else (1, *leading)), n, low=0.0, high=1.0, grad=False)
    # torch wants a place more in three dimensions than in two
    config = {"kernel_size": kernel, "output_size": outputs, "return_indices": draw(st.booleans())}
    if draw(st.booleans()):
        ratio = draw(st.sampled_from([(0.5, 0.3, 0.4)[:n], (0.25, 0.7, 0.5)[:n]]))
        inputs = [length + 6 for length in inputs]  # room for every window at these ratios
        config |= {"output_size": None, "output_ratio": ratio}
    return Case({"x": floats(*leading, *inputs), "_random_samples": samples}, config)


@st.composite
def module_cases(draw, n):
    """The windows' distance alpha is a whole number, so that nothing depends on the samples."""
    kernel = draw(st.tuples(*[st.integers(1, 3)] * n))
    outputs = draw(st.tuples(*[st.integers(1, 3)] * n))
    inputs = [k + max(1, p - 1) * draw(st.integers(2, 3)) for k, p in zip(kernel, outputs)]
    leading = draw(st.sampled_from([(2, 3), (1, 1), (2,), (1,)]))
    config = {"kernel_size": kernel, "output_size": outputs, "return_indices": draw(st.booleans())}
    return Case({"x": floats(*leading, *inputs)}, config)


def case(*shape, **config):
    return Case({"x": floats(*shape)}, {"kernel_size": 2, **config})


for n in (2, 3):
    L = (7,) * n
    big = case(32, 64, *[(56, 56), (8, 28, 28)][n - 2], output_size=((28, 28), (4, 14, 14))[n - 2])
    for side in (f"FractionalMaxPool{n}d", f"fractional_max_pool{n}d"):
        bad = [
            (case(2, 3, *L, output_size=7), ValueError, r"kernel_size .* and output_size .* together, less 1, at most"),
            (case(2, 3, *L, output_size=2, output_ratio=0.5), ValueError, r"either output_size or output_ratio"),
            (case(2, 3, *L), ValueError, r"either output_size or output_ratio"),
            (case(2, 3, *L, output_ratio=1.5), ValueError, r"output_ratio must be between 0 and 1"),
        ]
        Pair(
            side,
            cases=module_cases(n) if side[0] == "F" else function_cases(n),
            sizes={f"half of {big.inputs['x'].shape}": big} if side[0] == "F" else {},
            empty=[case(0, 3, *L, output_size=4)],
            regimes=("normal", "ties", "large", "tiny", "inf_nan"),
            bad=bad,
        )
