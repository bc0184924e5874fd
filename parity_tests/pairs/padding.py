"""Padding: every mode over one, two and three axes, with and without a batch, negative widths too."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats


@st.composite
def widths(draw, size, mode):
    """(before, after) that the mode accepts for an axis of this size."""
    if mode == "reflect":
        return draw(st.integers(0, min(2, size - 1))), draw(st.integers(1 - size if size < 3 else -1, min(2, size - 1)))
    if mode == "circular":
        before = draw(st.integers(-(size // 2), min(size, 3)))
        left = size + min(0, before)
        after = draw(st.integers(-1 if before < left and size > 1 else 0, min(left, 3)))
        return before, after
    if mode == "replicate":
        return draw(st.integers(1 - size, 3)), draw(st.integers(0, 3))
    before = draw(st.integers(-size, 3))
    return before, draw(st.integers(-size - min(0, before), 3))


@st.composite
def shapes_and_pads(draw, mode, axes):
    leading = draw(st.lists(st.integers(1, 3), min_size=1, max_size=2))
    sizes = draw(st.lists(st.integers(1, 5), min_size=axes, max_size=axes))
    pad = [w for size in reversed(sizes) for w in draw(widths(size, mode))]
    return (*leading, *sizes), tuple(pad)


@st.composite
def op_cases(draw):
    mode = draw(st.sampled_from(["constant", "reflect", "replicate", "circular"]))
    shape, pad = draw(shapes_and_pads(mode, draw(st.integers(1, 3))))
    config = {"pad": pad, "mode": mode}
    if mode == "constant":
        keep = draw(st.integers(0, len(pad) // 2))  # fewer axes than there are
        config |= {"pad": pad[: 2 * keep], "value": draw(st.sampled_from([None, 0, 1.5, float("inf")]))}
    return Case({"x": floats(*shape)}, config)


@st.composite
def module_cases(draw, mode, axes):
    shape, padding = draw(shapes_and_pads(mode, axes))
    if draw(st.booleans()):
        padding = min(1, *(n - 1 for n in shape[-axes:])) if mode == "reflect" else 1
    return Case({"x": floats(*shape)}, {"padding": padding})


def with_value(cases):
    return st.builds(
        lambda case, value: Case(case.inputs, {**case.config, "value": value}), cases, st.sampled_from([0.0, -2.5])
    )


def bad(shape, **config):
    return Case({"x": floats(*shape)}, config)


Pair(
    "pad",
    cases=op_cases(),
    regimes=("normal", "ties", "large", "tiny", "inf_nan"),
    empty=[
        bad((0, 3, 4), pad=(1, 1)),
        bad((2, 3, 0), pad=(1, 1)),
        bad((0, 3, 4), pad=(1, 1), mode="reflect"),
        bad((0, 3, 4), pad=(1, 2), mode="replicate"),
        bad((2, 0, 4), pad=(1, 2), mode="circular"),
        bad((2, 3, 4), pad=(-2, -2)),
    ],
    bad=[
        (bad((2, 3, 4), pad=1), TypeError, "pad: pad must be a tuple of integers, but is 1"),
        (bad((2, 3, 4), pad=(1.5, 1)), TypeError, "pad: pad must be a tuple of integers"),
        (bad((2, 3, 4), pad=(1, 1, 1)), ValueError, r"pad: needs \(before, after\) for at most 3 axes"),
        (bad((2, 3, 4), pad=(1, 1), mode="mirror"), ValueError, "pad: mode must be one of constant, reflect"),
        (bad((2, 3, 4), pad=(1, 1), mode="reflect", value=2.0), ValueError, "pad: value is for mode 'constant'"),
        (bad((2, 3, 4), pad=(1, 4), mode="reflect"), ValueError, r"narrower than its axis, but is \(1, 4\)"),
        (bad((2, 3, 4), pad=(5, 1), mode="circular"), ValueError, "not wrap around more than once"),
        (bad((2, 3, 4), pad=(-3, -2)), ValueError, r"cuts axis 2 of x \(2, 3, 4\) to -1"),
        (bad((2, 3, 4, 5), pad=(1, 1), mode="replicate"), ValueError, "pads 1, 2 or 3 axes behind"),
        (bad((2, 0, 4), pad=(1, 1), mode="reflect"), ValueError, "every axis but the batch to be non-empty"),
    ],
)

SIZES = {1: (16, 64, 512), 2: (16, 64, 56, 56), 3: (4, 16, 16, 28, 28)}

for _name, _mode in (("Reflection", "reflect"), ("Replication", "replicate"), ("Circular", "circular")):
    for _axes in (1, 2, 3):
        Pair(
            f"{_name}Pad{_axes}d",
            cases=module_cases(_mode, _axes),
            sizes={f"one on each side, {SIZES[_axes]}": bad(SIZES[_axes], padding=1)},
            bad=[(bad((2, 3, 3, 3, 3, 3), padding=1), ValueError, f"pad: mode '{_mode}' pads 1, 2 or 3 axes")],
        )

for _axes in (1, 2, 3):
    Pair(
        f"ZeroPad{_axes}d",
        cases=module_cases("constant", _axes),
        sizes={f"one on each side, {SIZES[_axes]}": bad(SIZES[_axes], padding=1)},
        bad=[(bad((), padding=1), ValueError, "pad: needs")],
    )
    Pair(
        f"ConstantPad{_axes}d",
        cases=with_value(module_cases("constant", _axes)),
        sizes={f"one on each side, {SIZES[_axes]}": bad(SIZES[_axes], padding=1, value=1.0)},
        bad=[(bad((), padding=1, value=1.0), ValueError, "pad: needs")],
    )
