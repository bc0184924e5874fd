"""GLU along every axis."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats
from parity_tests.pairs.activations import REGIMES


@st.composite
def cases(draw):
    shape = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    shape[axis] *= 2
    return Case({"x": floats(*shape)}, {"dim": axis})


def case(*shape, dim=-1):
    return Case({"x": floats(*shape)}, {"dim": dim})


for name in ("GLU", "glu"):
    Pair(
        name,
        cases=cases(),
        sizes={"4096 rows of 2048": case(4096, 2048)} if name == "GLU" else {},
        empty=[case(0, 4), case(3, 0), case(2, 0, dim=0)],
        regimes=REGIMES,
        bad=[
            (case(2, 3), ValueError, r"glu: x must have an even length along dim -1 .* x is \(2, 3\)"),
            (case(2, dim=1), ValueError, "glu: dim 1 is out of range"),
            (case(), ValueError, "glu: dim -1 is out of range"),
        ],
    )
