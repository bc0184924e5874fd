"""Layer norm: one to three normalized axes below any leading ones."""

import math

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats

leading = st.lists(st.integers(1, 4), max_size=2)
normalized = st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple)
for_the_kernel = st.sampled_from([((90,), (100,)), ((30, 5), (7, 9)), ((3,), (3001,)), ((512,), (16,)), ((), (9001,))])
shapes = st.tuples(leading, normalized) | for_the_kernel  # (leading axes, normalized_shape)
epsilons = st.sampled_from([1e-5, 0.1])


@st.composite
def layer_norm_modules(draw):
    before, shape = draw(shapes)
    config = {
        "normalized_shape": shape[0] if len(shape) == 1 and draw(st.booleans()) else shape,
        "eps": draw(epsilons),
        "elementwise_affine": draw(st.booleans()),
        "bias": draw(st.booleans()),
    }
    return Case({"x": floats(*before, *shape)}, config)


@st.composite
def layer_norm_ops(draw):
    before, shape = draw(shapes)
    # moderate weights: over one value torch's own dx is not quite the 0 it should be, in proportion to the weight
    affine = {name: floats(*shape, low=-2, high=2) if draw(st.booleans()) else None for name in ("weight", "bias")}
    return Case({"x": floats(*before, *shape), **affine}, {"normalized_shape": shape, "eps": draw(epsilons)})


def layer_norm(*shape, over=1):
    return Case({"x": floats(*shape)}, {"normalized_shape": shape[-over:]})


Pair(
    "LayerNorm",
    cases=layer_norm_modules(),
    sizes={"8192 rows of 768": layer_norm(8192, 768), "2048 rows of 256": layer_norm(8, 256, 256)},
    empty=[layer_norm(0, 3), layer_norm(2, 0), layer_norm(2, 0, 3, over=2)],
    bad=[
        (
            Case({"x": floats(2, 3)}, {"normalized_shape": 4}),
            ValueError,
            r"layer_norm: normalized_shape must be the last axes of x.*\(4,\) and x \(2, 3\)",
        ),
        (Case({"x": floats(3)}, {"normalized_shape": (2, 3)}), ValueError, "must be the last axes of x"),
        (Case({"x": floats(3)}, {"normalized_shape": ()}), ValueError, "at least one"),
    ],
)

Pair(
    "layer_norm",
    cases=layer_norm_ops(),
    bad=[
        (
            Case({"x": floats(2, 3), "weight": floats(4)}, {"normalized_shape": (3,)}),
            ValueError,
            r"layer_norm: weight must have the shape normalized_shape \(3,\), but is \(4,\)",
        ),
        (Case({"x": floats(2, 3)}, {"normalized_shape": 3}), TypeError, "normalized_shape must be a tuple of int"),
    ],
)


@st.composite
def rms_norm_modules(draw):
    before, shape = draw(shapes)
    config = {
        "normalized_shape": shape[0] if len(shape) == 1 and draw(st.booleans()) else shape,
        "eps": draw(epsilons | st.none()),
        "elementwise_affine": draw(st.booleans()),
    }
    return Case({"x": floats(*before, *shape)}, config)


@st.composite
def rms_norm_ops(draw):
    before, shape = draw(shapes)
    weight = floats(*shape, low=-2, high=2) if draw(st.booleans()) else None
    options = {"normalized_shape": shape, "eps": draw(epsilons | st.none())}
    return Case({"x": floats(*before, *shape), "weight": weight}, options)


Pair(
    "RMSNorm",
    cases=rms_norm_modules(),
    sizes={"8192 rows of 768": layer_norm(8192, 768)},
    empty=[layer_norm(0, 3), layer_norm(2, 0)],
    bad=[(Case({"x": floats(2, 3)}, {"normalized_shape": 4}), ValueError, "rms_norm: normalized_shape must be the")],
)

Pair(
    "rms_norm",
    cases=rms_norm_ops(),
    bad=[
        (
            Case({"x": floats(2, 3), "weight": floats(4)}, {"normalized_shape": (3,)}),
            ValueError,
            r"rms_norm: weight must have the shape normalized_shape \(3,\), but is \(4,\)",
        ),
        (Case({"x": floats(2, 3)}, {"normalized_shape": 3}), TypeError, "normalized_shape must be a tuple of int"),
    ],
)


@st.composite
def grouped(draw):
    """((N, C, *), groups) with at least three values a group (see pairs/batch_norm.py)."""
    groups, members = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    further = draw(st.lists(st.integers(1, 3), max_size=3))
    if members * math.prod(further) < 3:
        further = [3]
    return (draw(st.integers(1, 3)), groups * members, *further), groups


groups_for_the_kernel = st.sampled_from([((2, 4, 59, 51), 2), ((3, 6, 3001), 3), ((40, 8, 7, 9), 1)])


@st.composite
def group_norm_modules(draw):
    shape, groups = draw(grouped() | groups_for_the_kernel)
    config = {
        "num_groups": groups,
        "num_channels": shape[1],
        "eps": draw(epsilons),
        "affine": draw(st.booleans()),
        "bias": draw(st.booleans()),
    }
    return Case({"x": floats(*shape)}, config)


@st.composite
def group_norm_ops(draw):
    shape, groups = draw(grouped() | groups_for_the_kernel)
    names = draw(st.sampled_from([(), ("weight",), ("weight", "bias")]))  # torch's backward fails with a bias alone
    affine = {name: floats(shape[1]) if name in names else None for name in ("weight", "bias")}
    return Case({"x": floats(*shape), **affine}, {"num_groups": groups, "eps": draw(epsilons)})


def group_norm(*shape, groups):
    return Case({"x": floats(*shape)}, {"num_groups": groups, "num_channels": shape[1]})


Pair(
    "GroupNorm",
    cases=group_norm_modules(),
    sizes={"16x64x56x56, 8 groups": group_norm(16, 64, 56, 56, groups=8)},
    empty=[group_norm(0, 4, 3, groups=2)],  # with (2, 4, 0) torch's dweight is nan, a sum over nothing
    bad=[
        (
            Case({"x": floats(2, 3, 4)}, {"num_groups": 3, "num_channels": 6}),
            ValueError,
            r"group_norm: weight must be \(3,\)",
        ),
        (group_norm(1, 4, 1, groups=4), ValueError, "expected more than 1 value per group"),
        (group_norm(2, 4, 3, groups=3), ValueError, r"num_channels \(4\) must be divisible by num_groups \(3\)"),
    ],
)

Pair(
    "group_norm",
    cases=group_norm_ops(),
    empty=[Case({"x": floats(2, 0, 3)}, {"num_groups": 3})],
    bad=[
        (Case({"x": floats(6)}, {"num_groups": 3}), ValueError, r"group_norm: x must be \(N, C, \*\)"),
        (Case({"x": floats(2, 6, 4)}, {"num_groups": 4}), ValueError, "must divide the number of channels, but is 4"),
        (Case({"x": floats(2, 6, 4)}, {"num_groups": 0}), ValueError, "must divide the number of channels, but is 0"),
        (
            Case({"x": floats(2, 6, 4), "weight": floats(6), "bias": floats(3)}, {"num_groups": 3}),
            ValueError,
            r"group_norm: bias must be \(6,\)",
        ),
    ],
)
