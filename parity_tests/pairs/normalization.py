"""Layer norm: one to three normalized axes below any leading ones."""

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
