"""Power-average pooling: even, odd and broken powers; roots of negative sums are nan on both sides."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats


@st.composite
def lp_cases(draw, n):
    kernel = draw(st.tuples(*[st.integers(1, 3)] * n))
    stride = draw(st.none() | st.tuples(*[st.integers(1, 3)] * n))
    inputs = [draw(st.integers(k, k + 4)) for k in kernel]
    leading = draw(st.sampled_from([(2, 3), (1, 1), (2,), (1,)]))
    config = {"norm_type": draw(st.sampled_from([2, 2.0, 4, 1, 3, 1.5])), "kernel_size": kernel, "stride": stride}
    if n == 1:
        config |= {"kernel_size": kernel[0], "stride": stride and stride[0]}
    return Case({"x": floats(*leading, *inputs)}, config | {"ceil_mode": draw(st.booleans())})


def case(*shape, **config):
    return Case({"x": floats(*shape)}, {"norm_type": 2, **config})


for n in (1, 2, 3):
    L = (5,) * n
    big = case(32, 64, *[(1024,), (56, 56), (8, 28, 28)][n - 1], kernel_size=2)
    for side in (f"LPPool{n}d", f"lp_pool{n}d"):
        Pair(
            side,
            cases=lp_cases(n),
            sizes={f"2-norm of {big.inputs['x'].shape}": big} if side[0] == "L" else {},
            empty=[case(0, 3, *L, kernel_size=2)],
            bad=[
                (case(2, 3, *L, kernel_size=7), ValueError, r"the window .* is larger than x"),
                (case(2, 3, *L, kernel_size=2, stride=0), ValueError, r"stride must be at least 1"),
            ],
        )
