"""Convolution over one, two and three axes: stride, every padding, dilation, groups, no batch, no bias."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats

# (groups, channels, filters of one group): few, many, grouped, depthwise
CHANNELS = [(1, 1, 1), (1, 2, 3), (1, 6, 2), (1, 5, 18), (2, 3, 2), (3, 1, 2), (3, 1, 1), (19, 1, 1)]


@st.composite
def geometries(draw, axes, mode="zeros"):
    """(sizes, kernel, options): the kernel, dilated, fits into the padded sizes."""
    each = lambda low, high: tuple(draw(st.integers(low, high)) for _ in range(axes))  # noqa: E731
    if mode == "zeros" and draw(st.sampled_from([False, False, True])):  # pointwise, for which there is a kernel
        return each(2, 4), (1,) * axes, {"stride": 1, "padding": draw(st.sampled_from([0, "valid"])), "dilation": 1}
    kernel, dilation, stride = each(1, 3), each(1, 2), each(1, 3)
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation)]
    padding = draw(st.sampled_from(["same", "valid", "integers", "integers"]))
    if padding == "same":
        sizes = tuple(draw(st.integers(1, 4)) if mode == "zeros" else 3 + span for span in spans)
        stride = (1,) * axes
    elif padding == "valid":
        sizes = tuple(span + draw(st.integers(0, 3)) for span in spans)
    else:
        padding = each(0, 2)
        least = [1 if mode == "zeros" else p + 1 for p in padding]
        sizes = tuple(max(low, s - 2 * p) + draw(st.integers(0, 3)) for low, s, p in zip(least, spans, padding))
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    for name, value in options.items():  # one number for all axes
        if not isinstance(value, str) and len(set(value)) == 1:
            options[name] = draw(st.sampled_from([value, value[0], value[:1]]))
    return sizes, kernel, options


@st.composite
def op_cases(draw, axes):
    sizes, kernel, options = draw(geometries(axes))
    groups, c, f = draw(st.sampled_from(CHANNELS))
    batch = draw(st.sampled_from([(), (1,), (3,), (17,)]))
    bias = floats(f * groups) if draw(st.booleans()) else None
    inputs = {"x": floats(*batch, c * groups, *sizes), "weight": floats(f * groups, c, *kernel), "bias": bias}
    return Case(inputs, {**options, "groups": groups})


@st.composite
def module_cases(draw, axes):
    mode = draw(st.sampled_from(["zeros", "zeros", "reflect", "replicate", "circular"]))
    sizes, kernel, options = draw(geometries(axes, mode))
    for name, value in options.items():  # torch's layers do not repeat a tuple of one
        if isinstance(value, tuple):
            options[name] = (value * axes)[:axes]
    groups, c, f = draw(st.sampled_from(CHANNELS))
    batch = draw(st.sampled_from([(), (1,), (3,), (17,)]))
    config = {
        "in_channels": c * groups,
        "out_channels": f * groups,
        "kernel_size": draw(st.sampled_from([kernel, kernel[0]])) if len(set(kernel)) == 1 else kernel,
        **options,
        "groups": groups,
        "bias": draw(st.booleans()),
        "padding_mode": mode,
    }
    return Case({"x": floats(*batch, c * groups, *sizes)}, config)


def layer(x, c, f, k, grad=True, **options):
    return Case({"x": floats(*x, grad=grad)}, {"in_channels": c, "out_channels": f, "kernel_size": k, **options})


def call(x, weight, bias=None, **options):
    inputs = {"x": floats(*x), "weight": floats(*weight), "bias": None if bias is None else floats(*bias)}
    return Case(inputs, options)


def bad_calls(axes):
    """What conv1d, conv2d and conv3d refuse, with sizes of their own number of axes."""
    name, k, n = f"conv{axes}d", (3,) * axes, (5,) * axes
    refuse = lambda message, x, w, b=None, **options: (call(x, w, b, **options), ValueError, f"{name}: {message}")  # noqa: E731
    return [
        refuse(r"weight expects 3 input channels \(weight \(8, 3.*but x has 4.*set groups", (2, 4, *n), (8, 3, *k)),
        refuse(r"weight expects 6 input channels.*\(groups=2\)", (2, 4, *n), (8, 3, *k), groups=2),
        refuse("weight must be", (2, 3, *n), (8, 3, 3, 3, 3, 3)),
        refuse("x must be", (2, 1, 3, 3, *n), (8, 3, *k)),
        refuse("weight .* has 3 filters, which cannot be split into 2 groups", (1, 4, *n), (3, 2, *k), groups=2),
        refuse("groups must be a positive integer, but is 0", (1, 4, *n), (3, 2, *k), groups=0),
        refuse(r"bias must be \(8,\)", (2, 3, *n), (8, 3, *k), (3,)),
        refuse("the kernel, with dilation .* is larger than the padded input", (2, 3, *n[1:], 2), (8, 3, *k)),
        refuse("the kernel, with dilation .* is larger than", (2, 3, *n), (8, 3, *k), dilation=3),
        refuse("the kernel, with dilation .* is larger than", (2, 3, *n[1:], 0), (8, 3, *k), padding=2),
        refuse("the kernel must not be empty", (2, 3, *n), (8, 3, *k[1:], 0)),
        refuse("stride must be at least 1, but is 0", (2, 3, *n), (8, 3, *k), stride=0),
        refuse("padding must be at least 0, but is -1", (2, 3, *n), (8, 3, *k), padding=-1),
        refuse("dilation must be at least 1, but is 0", (2, 3, *n), (8, 3, *k), dilation=0),
        refuse("stride must be an integer or a tuple of", (2, 3, *n), (8, 3, *k), stride=(1, 1, 1, 1)),
        refuse("padding='same' keeps the size", (2, 3, *n), (8, 3, *k), stride=2, padding="same"),
        refuse("padding must be 'same', 'valid' or integers", (2, 3, *n), (8, 3, *k), padding="full"),
        (call((2, 3, *n), (8, 3, *k), stride=1.0), TypeError, f"{name}: stride must be an integer"),
    ]


SIZES = {
    "Conv1d": {"k5 64->128, 512": layer((16, 64, 512), 64, 128, 5, padding=2)},
    "Conv2d": {
        "3x3 64->64, 56": layer((16, 64, 56, 56), 64, 64, 3, padding=1),
        "1x1 256->64, 56": layer((16, 256, 56, 56), 256, 64, 1),
        "3x3 stride 2 64->128, 56": layer((16, 64, 56, 56), 64, 128, 3, stride=2, padding=1),
        "3x3 dilation 2 64->64, 56": layer((16, 64, 56, 56), 64, 64, 3, padding=2, dilation=2),
        "5x5 1->6, 28, no dx": layer((100, 1, 28, 28), 1, 6, 5, grad=False),
        "5x5 6->12, 12": layer((100, 6, 12, 12), 6, 12, 5),
        "7x7 stride 2 3->64, 224": layer((8, 3, 224, 224), 3, 64, 7, stride=2, padding=3),
        "7x7 stride 2 3->64, 224, no dx": layer((8, 3, 224, 224), 3, 64, 7, grad=False, stride=2, padding=3),
        "depthwise 3x3 64, 56": layer((16, 64, 56, 56), 64, 64, 3, padding=1, groups=64),
    },
    "Conv3d": {"3x3x3 16->32, 16 28 28": layer((4, 16, 16, 28, 28), 16, 32, 3, padding=1)},
}

for _axes in (1, 2, 3):
    _n, _k = (5,) * _axes, (3,) * _axes
    Pair(
        f"conv{_axes}d",
        cases=op_cases(_axes),
        empty=[call((0, 3, *_n), (2, 3, *_k), (2,)), call((0, 3, *_n[1:], 0), (2, 3, *_k), padding=2)],
        bad=bad_calls(_axes),
    )
    Pair(
        f"Conv{_axes}d",
        cases=module_cases(_axes),
        sizes=SIZES[f"Conv{_axes}d"],
        empty=[layer((0, 2, *_n), 2, 3, 2, padding=1, padding_mode=mode) for mode in ("zeros", "reflect", "circular")],
        bad=[
            (layer((2, 4, *_n), 3, 2, 3), ValueError, f"conv{_axes}d: weight expects 3 input channels"),
            (layer((2, 4, *_n), 4, 3, 3, groups=2), ValueError, f"Conv{_axes}d: .* must be divisible by groups"),
            (layer((2, 4, *_n), 3, 4, 3, groups=2), ValueError, f"Conv{_axes}d: .* must be divisible by groups"),
            (layer((2, 4, *_n), 4, 4, 3, groups=0), ValueError, f"Conv{_axes}d: .* a positive integer"),
            (layer((2, 4, *_n), 4, 4, 3, padding="x"), ValueError, f"Conv{_axes}d: padding must be 'same', 'valid'"),
            (layer((2, 4, *_n), 4, 4, 3, padding="same", stride=2), ValueError, f"Conv{_axes}d: padding='same'"),
            (layer((2, 4, *_n), 4, 4, 3, padding_mode="x"), ValueError, f"Conv{_axes}d: padding_mode must be"),
        ],
    )
