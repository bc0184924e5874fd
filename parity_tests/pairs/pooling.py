"""Max and average pooling: kernels, strides, paddings and dilations per axis, ceil_mode, batched and not."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats


@st.composite
def pool_cases(draw, n, maximum):
    kernel = draw(st.tuples(*[st.integers(1, 3)] * n))
    stride = draw(st.none() | st.tuples(*[st.integers(1, 3)] * n))
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    dilation = draw(st.just((1,) * n) | st.tuples(*[st.integers(1, 3)] * n)) if maximum else (1,) * n
    # At least one window; and torch's gradient is not defined where the taps of one step over the whole input.
    # Its avg_pool3d wants no kernel larger than x, padded or not.
    shortest = [
        max(d * (k - 1) + 1 - 2 * p, d, k if n == 3 and not maximum else 1)
        for k, p, d in zip(kernel, padding, dilation)
    ]
    inputs = [draw(st.integers(low, low + 4)) for low in shortest]
    leading = draw(st.sampled_from([(2, 3), (1, 1), (2,), (1,)]))  # (N, C) or (C,)
    config = {"kernel_size": kernel, "stride": stride, "padding": padding, "ceil_mode": draw(st.booleans())}
    if len(set(kernel)) == 1 and draw(st.booleans()):
        config["kernel_size"] = kernel[0]
    if maximum:
        config |= {"dilation": dilation, "return_indices": draw(st.booleans())}
    else:
        config |= {"count_include_pad": draw(st.booleans())}
        if n > 1:
            config |= {"divisor_override": draw(st.none() | st.sampled_from([1, 5, -2]))}
    return Case({"x": floats(*leading, *inputs)}, config)


def case(*shape, **config):
    return Case({"x": floats(*shape)}, config)


for n in (1, 2, 3):
    L = (5,) * n
    for name, maximum in ((f"MaxPool{n}d", True), (f"AvgPool{n}d", False)):
        function = f"{name[:3].lower()}_pool{n}d"
        sizes = {}
        if name == "MaxPool2d":
            sizes = {
                "2x2 (32, 64, 56, 56)": case(32, 64, 56, 56, kernel_size=2),
                "3x3 stride 2 (32, 64, 56, 56)": case(32, 64, 56, 56, kernel_size=3, stride=2, padding=1),
                "2x2 lenet (100, 6, 24, 24)": case(100, 6, 24, 24, kernel_size=2),
            }
        elif name == "AvgPool2d":
            sizes = {"2x2 (32, 64, 56, 56)": case(32, 64, 56, 56, kernel_size=2)}
        elif n == 1:
            sizes = {"3 stride 2 (32, 64, 1024)": case(32, 64, 1024, kernel_size=3, stride=2, padding=1)}
        else:
            sizes = {"2x2x2 (4, 32, 16, 32, 32)": case(4, 32, 16, 32, 32, kernel_size=2)}
        bad = [
            (case(2, 3, *L, kernel_size=2, padding=2), ValueError, rf"{function}: padding must be between 0 and half"),
            (case(2, 3, *L, kernel_size=7), ValueError, rf"{function}: the window .* is larger than x \(2, 3, 5"),
            (case(2, 3, *L, kernel_size=2, stride=0), ValueError, rf"{function}: stride must be at least 1"),
            (case(2, 3, *L, kernel_size=0), ValueError, rf"{function}: (kernel_size|stride) must be at least 1"),
            (case(*L, kernel_size=2), ValueError, rf"{function}: x must be \(N, C, .*\) or \(C, .*\), but is \(5"),
            (case(2, 0, *L, kernel_size=2), ValueError, rf"{function}: only the batch axis of x may be empty"),
            (case(2, 3, *L, kernel_size=(2,) * (n + 1)), ValueError, r"kernel_size must be an int or a tuple of"),
            (case(2, 3, *L, kernel_size=2.0), TypeError, r"kernel_size must be an int or a tuple of"),
        ]
        if maximum:
            bad.append((case(2, 3, *L, kernel_size=2, dilation=0), ValueError, rf"{function}: dilation must be"))
        elif n > 1:
            zero = case(2, 3, *L, kernel_size=2, divisor_override=0)
            bad.append((zero, ValueError, rf"{function}: divisor_override must not be 0"))
        for side in (name, function):
            Pair(
                side,
                cases=pool_cases(n, maximum),
                sizes=sizes if side == name else {},
                empty=[case(0, 3, *L, kernel_size=2)],
                regimes=("normal", "ties", "large", "tiny", "inf_nan"),
                bad=bad,
            )
