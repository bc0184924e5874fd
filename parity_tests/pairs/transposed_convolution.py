"""Transposed convolution: stride, padding, output padding, dilation, groups, wanted output sizes."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats

# (groups, channels of one group, filters of one group): few, many, grouped, depthwise
CHANNELS = [(1, 1, 1), (1, 2, 3), (1, 6, 2), (1, 5, 18), (2, 3, 2), (3, 1, 2), (3, 1, 1)]


@st.composite
def geometries(draw, axes):
    """(sizes, kernel, options) with an output of at least one element."""
    each = lambda low, high: tuple(draw(st.integers(low, high)) for _ in range(axes))  # noqa: E731
    kernel, dilation, stride, sizes = each(1, 3), each(1, 2), each(1, 3), each(1, 4)
    smallest = [(n - 1) * s + d * (k - 1) + 1 for n, k, s, d in zip(sizes, kernel, stride, dilation)]
    padding = tuple(draw(st.integers(0, min(2, (n - 1) // 2))) for n in smallest)
    output_padding = tuple(draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation))
    return sizes, kernel, {"stride": stride, "padding": padding, "dilation": dilation, "output_padding": output_padding}


@st.composite
def op_cases(draw, axes):
    sizes, kernel, options = draw(geometries(axes))
    groups, c, f = draw(st.sampled_from(CHANNELS))
    batch = draw(st.sampled_from([(), (1,), (3,)]))
    for name, value in options.items():  # one number for all axes
        if len(set(value)) == 1:
            options[name] = draw(st.sampled_from([value, value[0], value[:1]]))
    bias = floats(f * groups) if draw(st.booleans()) else None
    inputs = {"x": floats(*batch, c * groups, *sizes), "weight": floats(c * groups, f, *kernel), "bias": bias}
    return Case(inputs, {**options, "groups": groups})


@st.composite
def module_cases(draw, axes):
    sizes, kernel, options = draw(geometries(axes))
    groups, c, f = draw(st.sampled_from(CHANNELS))
    batch = draw(st.sampled_from([(), (1,), (3,)]))
    config = {"in_channels": c * groups, "out_channels": f * groups, "kernel_size": kernel, **options}
    call = {}
    if draw(st.booleans()):
        extra = [draw(st.integers(0, s - 1)) for s in options["stride"]]
        wanted = [
            (n - 1) * s - 2 * p + d * (k - 1) + 1 + e
            for n, s, p, d, k, e in zip(
                sizes, options["stride"], options["padding"], options["dilation"], kernel, extra
            )
        ]
        call["output_size"] = draw(st.sampled_from([wanted, [*batch, f * groups, *wanted]]))
    return Case(
        {"x": floats(*batch, c * groups, *sizes)}, {**config, "groups": groups, "bias": draw(st.booleans())}, call
    )


def layer(x, c, f, k, call=None, **options):
    return Case({"x": floats(*x)}, {"in_channels": c, "out_channels": f, "kernel_size": k, **options}, call or {})


def call(x, weight, bias=None, **options):
    inputs = {"x": floats(*x), "weight": floats(*weight), "bias": None if bias is None else floats(*bias)}
    return Case(inputs, options)


def bad_calls(axes):
    """What the functions refuse, with sizes of their own number of axes."""
    name, k, n = f"conv_transpose{axes}d", (3,) * axes, (5,) * axes
    refuse = lambda message, x, w, b=None, **options: (call(x, w, b, **options), ValueError, f"{name}: {message}")  # noqa: E731
    return [
        refuse(r"weight expects 3 input channels \(weight \(3, 8.*but x has 4", (2, 4, *n), (3, 8, *k)),
        refuse("weight must be", (2, 3, *n), (3, 8, 3, 3, 3, 3)),
        refuse("x must be", (2, 1, 3, 3, *n), (3, 8, *k)),
        refuse("weight .* has 3 input channels, which cannot be split into 2", (1, 3, *n), (3, 2, *k), groups=2),
        refuse("groups must be a positive integer, but is 0", (1, 4, *n), (4, 2, *k), groups=0),
        refuse(r"bias must be \(4,\) for weight .* and groups=2", (2, 4, *n), (4, 2, *k), (2,), groups=2),
        refuse("output_padding must be smaller than stride or dilation", (2, 3, *n), (3, 8, *k), output_padding=1),
        refuse("output_padding must be at least 0", (2, 3, *n), (3, 8, *k), output_padding=-1),
        refuse("the output would be", (2, 3, *(1,) * axes), (3, 8, *(1,) * axes), padding=1),
        refuse("only the batch may be empty", (2, 3, *n[1:], 0), (3, 8, *k)),
        refuse("stride must be at least 1, but is 0", (2, 3, *n), (3, 8, *k), stride=0),
        refuse("padding must be at least 0, but is -1", (2, 3, *n), (3, 8, *k), padding=-1),
        (call((2, 3, *n), (3, 8, *k), padding="same"), TypeError, f"{name}: padding must be an integer"),
    ]


SIZES = {
    1: {"k4 stride 2 64->32, 256": layer((16, 64, 256), 64, 32, 4, stride=2, padding=1)},
    2: {"4x4 stride 2 64->32, 28": layer((16, 64, 28, 28), 64, 32, 4, stride=2, padding=1)},
    3: {"4x4x4 stride 2 16->8, 8 14 14": layer((4, 16, 8, 14, 14), 16, 8, 4, stride=2, padding=1)},
}

for _axes in (1, 2, 3):
    _n, _k = (5,) * _axes, (3,) * _axes
    Pair(
        f"conv_transpose{_axes}d",
        cases=op_cases(_axes),
        empty=[call((0, 3, *_n), (3, 2, *_k), (2,)), call((0, 3, *_n[1:], 0), (3, 2, *_k))],
        bad=bad_calls(_axes),
    )
    Pair(
        f"ConvTranspose{_axes}d",
        cases=module_cases(_axes),
        sizes=SIZES[_axes],
        empty=[layer((0, 2, *_n), 2, 3, 2, padding=1)],
        bad=[
            (layer((2, 4, *_n), 3, 2, 3), ValueError, f"conv_transpose{_axes}d: weight expects 3 input channels"),
            (layer((2, 4, *_n), 4, 3, 3, groups=2), ValueError, f"ConvTranspose{_axes}d: .* divisible by groups"),
            (layer((2, 4, *_n), 4, 4, 3, padding_mode="reflect"), ValueError, "padding_mode must be 'zeros'"),
            (layer((2, 4, *_n), 4, 4, 3, {"output_size": [9] * _axes}), ValueError, "output_size must lie from"),
            (layer((2, 4, *_n), 4, 4, 3, {"output_size": [7] * 6}), ValueError, "output_size must have"),
        ],
    )
