"""Residual around a layer that keeps the shape."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Layer, Pair, floats


def around(layer, width, **config):
    return {"module": Layer(layer, config or {"in_features": width, "out_features": width})}


@st.composite
def residual_cases(draw):
    width = draw(st.integers(1, 5))
    leading = draw(st.lists(st.integers(1, 4), max_size=2))
    inside = draw(st.sampled_from([around("Linear", width), around("LayerNorm", width, normalized_shape=width)]))
    if width < 3:  # a norm over one or two values leaves nothing but signs
        inside = around("Linear", width)
    return Case({"x": floats(*leading, width)}, inside)


Pair(
    "Residual",
    cases=residual_cases(),
    sizes={"Linear 256, 256 rows": Case({"x": floats(256, 256)}, around("Linear", 256))},
    empty=[Case({"x": floats(0, 3)}, around("Linear", 3))],
    regimes=("normal", "tiny"),
    bad=[
        (
            Case({"x": floats(1, 2)}, around("Linear", 2, in_features=2, out_features=3)),
            ValueError,
            r"Residual: the module must keep the shape, but made \(1, 3\) of \(1, 2\)",
        )
    ],
)
