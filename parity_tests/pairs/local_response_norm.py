"""Local response norm: windows from one channel to more than there are."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats


@st.composite
def cases(draw):
    shape = draw(st.lists(st.integers(1, 5), min_size=3, max_size=5))
    options = {
        "size": draw(st.integers(1, 6)),
        "alpha": draw(st.sampled_from([1e-4, 0.5, 1.0])),
        "beta": draw(st.sampled_from([0.75, 1.0, 0.5])),
        "k": draw(st.sampled_from([1.0, 2.0])),
    }
    return Case({"x": floats(*shape)}, options)


def case(*shape, size=2):
    return Case({"x": floats(*shape)}, {"size": size})


for name in ("LocalResponseNorm", "local_response_norm"):
    Pair(
        name,
        cases=cases(),
        sizes={"32x96x27x27, 5 channels": case(32, 96, 27, 27, size=5)},
        empty=[case(0, 3, 2), case(2, 0, 3), case(2, 3, 0), case(2, 3, 0, 2)],
        bad=[
            (case(2, 3), ValueError, r"local_response_norm: x must be \(N, C, \*\) with at least 3 axes"),
            (case(2, 3, 4, size=0), ValueError, "size must be at least 1, but is 0"),
        ],
    )
