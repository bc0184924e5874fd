"""Interpolation: every mode, larger and smaller, by size and by factor, with and without aligned corners."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats

AXES = {"linear": (1,), "bilinear": (2,), "bicubic": (2,), "trilinear": (3,)}


@st.composite
def interpolate_cases(draw, modes, module, any_corners=True):
    mode = draw(st.sampled_from(modes))
    n = draw(st.sampled_from(AXES.get(mode, (1, 2, 3))))
    inputs = draw(st.tuples(*[st.integers(1, 6)] * n))
    config = {"mode": mode}
    if draw(st.booleans()):
        sizes = draw(st.tuples(*[st.integers(1, 9)] * n))
        config["size"] = sizes[0] if draw(st.booleans()) else sizes
    else:
        # where a factor keeps or doubles a length by rounding, torch has two opinions in these modes: its forward goes
        # by the factor, its backward copies, which is not the forward's derivative
        exact = mode == "bicubic" or (mode == "nearest" and n != 2)
        factors = st.sampled_from([1.0, 2.0, 3.0] if exact else [1.0, 1.3, 2.0, 2.3, 2.5, 3.0])
        many = draw(st.tuples(*[factors] * n))
        shrink = st.sampled_from([0.4, 0.5, 0.77])
        if draw(st.booleans()):  # long enough for one output
            inputs = tuple(length + 2 for length in inputs)
            many = draw(st.tuples(*[shrink] * n))
        config["scale_factor"] = many[0] if draw(st.booleans()) else many
        if mode != "area" or module:
            config["recompute_scale_factor"] = draw(st.sampled_from([None, True, False]))
    if mode in AXES:
        config["align_corners"] = draw(st.sampled_from([None, False, True]))
    if not module and mode in ("bilinear", "bicubic"):
        config["antialias"] = draw(st.booleans())
        if config["antialias"]:  # of an image that is, or becomes, one pixel wide torch reads only one pixel
            inputs = (*inputs[:-1], inputs[-1] + 5)
            if isinstance(config.get("size"), tuple):
                config["size"] = (config["size"][0], config["size"][1] + 1)
            elif "size" in config:
                config["size"] += 1
    return Case({"x": floats(draw(st.integers(1, 2)), draw(st.integers(1, 2)), *inputs)}, config)


def case(*shape, **config):
    return Case({"x": floats(*shape)}, config)


MODES = ("nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear", "area")
bad = [
    (case(2, 3, 4, 4), ValueError, r"interpolate: give either size or scale_factor"),
    (case(2, 3, 4, 4, size=2, scale_factor=2.0), ValueError, r"interpolate: give either size or scale_factor"),
    (case(3, 4, size=2), ValueError, r"interpolate: x must be \(N, C, L\)"),
    (case(2, 3, 4, 4, size=(2, 2, 2)), ValueError, r"interpolate: size or scale_factor must have 2 elements"),
    (case(2, 3, 4, 4, size=2, mode="linear"), ValueError, r"mode 'linear' takes 1 spatial axes, but x is \(2, 3, 4, 4"),
    (case(2, 3, 4, 4, size=2, mode="cubic"), ValueError, r"interpolate: mode must be nearest"),
    (case(2, 3, 4, 4, size=2, align_corners=True), ValueError, r"align_corners is for linear and cubic modes"),
    (case(2, 3, 4, 4, size=0), ValueError, r"only the batch may be empty"),
    (case(2, 3, 4, 4, size=2, recompute_scale_factor=True), ValueError, r"recompute_scale_factor is for a given"),
]
Pair(
    "interpolate",
    cases=interpolate_cases(MODES, False),
    empty=[case(0, 3, 4, 4, size=2, mode=mode) for mode in ("nearest", "bilinear", "bicubic", "area")],
    bad=[*bad, (case(2, 3, 4, size=2, antialias=True), ValueError, r"antialias is for bilinear and bicubic only")],
)
Pair(
    "Upsample",
    cases=interpolate_cases(MODES, True),
    sizes={
        "nearest x 2, (16, 64, 28, 28)": case(16, 64, 28, 28, scale_factor=2.0),
        "bilinear x 2, (16, 64, 28, 28)": case(16, 64, 28, 28, scale_factor=2.0, mode="bilinear"),
        "bicubic x 2, (16, 64, 28, 28)": case(16, 64, 28, 28, scale_factor=2.0, mode="bicubic"),
    },
    empty=[case(0, 3, 4, 4, size=2, mode=mode) for mode in ("nearest", "bilinear", "bicubic", "area")],
    bad=bad,
)


@st.composite
def upsampling2d_cases(draw):
    shape = draw(st.tuples(*[st.integers(1, 5)] * 4))
    if draw(st.booleans()):
        size = draw(st.integers(1, 9) | st.tuples(st.integers(1, 9), st.integers(1, 9)))
        return case(*shape, size=size)
    return case(*shape, scale_factor=draw(st.sampled_from([1.0, 2.0, 2.5, (1.5, 3.0)])))


for name in ("UpsamplingNearest2d", "UpsamplingBilinear2d"):
    Pair(
        name,
        cases=upsampling2d_cases(),
        sizes={"x 2, (16, 64, 28, 28)": case(16, 64, 28, 28, scale_factor=2)},
        empty=[case(0, 3, 4, 4, size=2)],
        bad=[(case(3, 4, size=2), ValueError, r"interpolate: x must be")],
    )
