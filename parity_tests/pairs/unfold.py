"""Unfold and fold: stride, padding, dilation, with and without a batch."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats


@st.composite
def geometries(draw):
    """(image sizes, number of positions, options)"""
    each = lambda low, high: tuple(draw(st.integers(low, high)) for _ in range(2))  # noqa: E731
    kernel, dilation, stride, padding = each(1, 3), each(1, 2), each(1, 3), each(0, 2)
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation)]
    sizes = tuple(max(1, span - 2 * p) + draw(st.integers(0, 3)) for span, p in zip(spans, padding))
    p, q = ((n + 2 * pad - span) // s + 1 for n, pad, span, s in zip(sizes, padding, spans, stride))
    options = {"kernel_size": kernel, "dilation": dilation, "padding": padding, "stride": stride}
    for name, value in options.items():  # one number for both axes
        if value[0] == value[1]:
            options[name] = draw(st.sampled_from([value, value[0]]))
    return sizes, kernel[0] * kernel[1], p * q, options


@st.composite
def unfold_cases(draw):
    sizes, _, _, options = draw(geometries())
    batch = draw(st.sampled_from([(), (1,), (3,)]))
    return Case({"x": floats(*batch, draw(st.integers(1, 3)), *sizes)}, options)


@st.composite
def fold_cases(draw):
    sizes, kernel, positions, options = draw(geometries())
    batch = draw(st.sampled_from([(), (1,), (3,)]))
    size = draw(st.sampled_from([sizes, sizes[0]])) if sizes[0] == sizes[1] else sizes
    x = floats(*batch, draw(st.integers(1, 3)) * kernel, positions)
    return Case({"x": x}, {"output_size": size, **options})


def case(*shape, **options):
    return Case({"x": floats(*shape)}, options)


for _name in ("unfold", "Unfold"):
    Pair(
        _name,
        cases=unfold_cases(),
        sizes={"3x3 64, 56": case(16, 64, 56, 56, kernel_size=3, padding=1)},
        empty=[case(0, 2, 4, 4, kernel_size=2)],
        bad=[
            (case(4, 4, kernel_size=2), ValueError, r"unfold: x must be \(N, C, H, W\)"),
            (case(2, 0, 4, 4, kernel_size=2), ValueError, "unfold: .* only N may be 0"),
            (case(2, 3, 4, 4, kernel_size=(5, 1)), ValueError, "unfold: the kernel .* is larger than an image"),
            (case(2, 3, 4, 4, kernel_size=0), ValueError, "unfold: kernel_size must be at least 1"),
            (case(2, 3, 4, 4, kernel_size=(2,)), ValueError, "unfold: kernel_size must be an integer or a tuple of 2"),
            (case(2, 3, 4, 4, kernel_size=2, stride=0), ValueError, "unfold: stride must be at least 1"),
            (case(2, 3, 4, 4, kernel_size=2, padding=-1), ValueError, "unfold: padding must be at least 0"),
            (case(2, 3, 4, 4, kernel_size=2.0), TypeError, "unfold: kernel_size must be an integer"),
        ],
    )

for _name in ("fold", "Fold"):
    Pair(
        _name,
        cases=fold_cases(),
        sizes={"3x3 64, 56": case(16, 576, 3136, output_size=56, kernel_size=3, padding=1)},
        empty=[case(0, 8, 9, output_size=4, kernel_size=2)],
        bad=[
            (case(1, 7, 9, output_size=4, kernel_size=2), ValueError, "fold: x .* has 7 rows, no multiple"),
            (case(1, 8, 8, output_size=4, kernel_size=2), ValueError, "fold: an image .* but x has 8 columns"),
            (case(8, 9, 1, 1, output_size=4, kernel_size=2), ValueError, "fold: x must be"),
            (case(1, 0, 9, output_size=4, kernel_size=2), ValueError, "fold: .* only N may be 0"),
            (case(1, 8, 9, output_size=(4,), kernel_size=2), ValueError, "fold: output_size must be an integer"),
            (case(1, 8, 9, output_size=0, kernel_size=2), ValueError, "fold: output_size must be at least 1"),
            (case(1, 8, 9, output_size=1, kernel_size=2), ValueError, "fold: the kernel .* is larger than an image"),
        ],
    )
