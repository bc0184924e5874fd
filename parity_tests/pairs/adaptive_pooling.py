"""Adaptive pooling: more and fewer windows than places, None for an axis that stays, batched and not."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats


@st.composite
def adaptive_cases(draw, n, maximum):
    inputs = draw(st.tuples(*[st.integers(1, 6)] * n))
    outputs = draw(st.tuples(*[st.integers(1, 7)] * n))
    if n > 1 and draw(st.booleans()):
        outputs = (*outputs[:-1], None)
    elif draw(st.booleans()):
        outputs = outputs[0]
    leading = draw(st.sampled_from([(2, 3), (1, 1), (2,), (1,)]))
    config = {"output_size": outputs}
    if maximum:
        config["return_indices"] = draw(st.booleans())
    return Case({"x": floats(*leading, *inputs)}, config)


def case(*shape, **config):
    return Case({"x": floats(*shape)}, config)


for n in (1, 2, 3):
    L = (5,) * n
    for kind, maximum in (("Avg", False), ("Max", True)):
        name, function = f"Adaptive{kind}Pool{n}d", f"adaptive_{kind.lower()}_pool{n}d"
        for side in (name, function):
            big = case(32, 64, *[(1024,), (56, 56), (8, 28, 28)][n - 1], output_size=7)
            Pair(
                side,
                cases=adaptive_cases(n, maximum),
                sizes={f"7 windows of {big.inputs['x'].shape}": big} if side == name else {},
                empty=[case(0, 3, *L, output_size=2)],
                regimes=("normal", "ties", "large", "tiny", "inf_nan"),
                bad=[
                    (case(*L, output_size=2), ValueError, rf"{function}: x must be \(N, C, .*\), but is \(5"),
                    (case(2, 0, *L, output_size=2), ValueError, rf"{function}: only the batch axis of x may be empty"),
                    (case(2, 3, *L, output_size=-1), ValueError, rf"{function}: output_size must not be negative"),
                    (case(2, 3, *L, output_size=(2,) * (n + 1)), ValueError, rf"{function}: output_size must be an"),
                ],
            )
