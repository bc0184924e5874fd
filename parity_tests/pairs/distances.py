"""Distances and similarity: every norm, axis and way to broadcast."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats
from parity_tests.pairs.losses import broadcastable, shapes

INF = float("inf")
powers = st.one_of(st.just(2.0), st.sampled_from([2.0, 1.0, 3.0, 1.5, 0.5, 0.0, INF]))  # kernels are for the first


def vectors(shape1, shape2, **config):
    return Case({"x1": floats(*shape1), "x2": floats(*shape2)}, config)


@st.composite
def two_shapes(draw, shape):
    other = draw(broadcastable(shape))
    return draw(st.sampled_from([(shape, shape), (shape, other), (other, shape)]))


# ---------------------------------------------------------------------- distance and similarity of pairs


@st.composite
def pairwise_cases(draw):
    shape1, shape2 = draw(two_shapes(draw(shapes)))
    config = {"p": draw(st.one_of(powers, st.sampled_from([-1.0, -INF]))), "eps": draw(st.sampled_from([1e-6, 0.0]))}
    return vectors(shape1, shape2, **config, keepdim=draw(st.booleans()))


pairwise_pair = {
    "cases": pairwise_cases(),
    "bad": [
        (
            vectors([2, 3], [2, 2]),
            ValueError,
            r"pairwise_distance: the shapes of x1 and x2 do not broadcast: x1 \(2, 3\), x2 \(2, 2\)",
        )
    ],
}
Pair("pairwise_distance", **pairwise_pair)
Pair(
    "PairwiseDistance",
    sizes={"4096x256": vectors([4096, 256], [4096, 256])},
    empty=[vectors([0, 3], [0, 3]), vectors([2, 0], [2, 0])],
    **pairwise_pair,
)


@st.composite
def cosine_cases(draw):
    """Along dim two entries at least, and none broadcast: the direction of one alone cannot change."""
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    dim = draw(st.integers(0, len(shape) - 1))
    shape[dim] = draw(st.integers(2, 4))
    narrow = [n if i == dim or draw(st.booleans()) else 1 for i, n in enumerate(shape)]
    narrow = narrow[draw(st.integers(0, dim)) :]
    shape1, shape2 = draw(st.permutations([shape, narrow]))
    dim = draw(st.sampled_from([dim, dim - len(shape)]))
    return vectors(shape1, shape2, dim=dim, eps=draw(st.sampled_from([1e-8, 1e-3])))


cosine_pair = {
    "cases": cosine_cases(),
    "bad": [
        (vectors([2, 3], [2, 2]), ValueError, "cosine_similarity: the shapes of x1 and x2 do not broadcast"),
        (vectors([3], [3]), ValueError, "cosine_similarity: dim 1 is out of range for an array with 1 axes"),
    ],
}
Pair("cosine_similarity", **cosine_pair)
Pair(
    "CosineSimilarity",
    sizes={"4096x256": vectors([4096, 256], [4096, 256])},
    empty=[vectors([0, 3], [0, 3]), vectors([2, 0], [2, 0])],
    **cosine_pair,
)

# ---------------------------------------------------------------------- all distances


@st.composite
def all_pairs_cases(draw):
    batch1, batch2 = draw(two_shapes(draw(st.lists(st.integers(1, 3), max_size=2))))
    columns = draw(st.integers(1, 4))
    mode = draw(st.sampled_from(["use_mm_for_euclid_dist_if_necessary", "donot_use_mm_for_euclid_dist"]))
    rows1, rows2 = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    return vectors([*batch1, rows1, columns], [*batch2, rows2, columns], p=draw(powers), compute_mode=mode)


Pair(
    "cdist",
    cases=all_pairs_cases(),
    sizes={"256x256x64": vectors([256, 64], [256, 64])},
    empty=[vectors([0, 3], [2, 3]), vectors([2, 0], [3, 0]), vectors([0, 2, 3], [0, 2, 3])],
    bad=[
        (
            vectors([3], [2, 3]),
            ValueError,
            r"cdist: x1 must have at least two axes, vectors in its rows, but is \(3,\)",
        ),
        (vectors([3, 4], [2, 3]), ValueError, "cdist: .*must have the same number of columns"),
        (vectors([2, 3, 4], [3, 3, 4]), ValueError, "cdist: the leading axes .*do not broadcast"),
        (vectors([3, 4], [3, 4], p=-1.0), ValueError, "cdist: p must not be negative, but is -1"),
        (vectors([3, 4], [3, 4], compute_mode="fast"), ValueError, "cdist: compute_mode must be one of"),
    ],
)


def matrix(rows, columns, **config):
    return Case({"x": floats(rows, columns)}, config)


Pair(
    "pdist",
    cases=st.builds(matrix, st.integers(1, 5), st.integers(1, 4), p=powers),
    sizes={"256x64": matrix(256, 64)},
    empty=[matrix(3, 0)],  # with no rows torch's backward ends the process
    bad=[
        (Case({"x": floats(3)}), ValueError, r"pdist: x must be \(P, M\), but is \(3,\)"),
        (matrix(3, 4, p=-1.0), ValueError, "pdist: p must not be negative"),
    ],
)

# ---------------------------------------------------------------------- length 1


@st.composite
def normalize_cases(draw):
    shape = draw(st.lists(st.integers(2, 4), min_size=1, max_size=3))
    dims = list(range(-len(shape), len(shape)))
    dim = draw(st.sampled_from([*dims, *((a, b) for a in dims for b in dims if 0 <= a < b)]))
    return Case({"x": floats(*shape)}, {"p": draw(powers), "dim": dim, "eps": draw(st.sampled_from([1e-12, 1.0]))})


Pair(
    "normalize",
    cases=normalize_cases(),
    sizes={"4096x256": Case({"x": floats(4096, 256)})},
    empty=[Case({"x": floats(0, 3)}), Case({"x": floats(2, 0)})],
    bad=[(Case({"x": floats(3)}), ValueError, "normalize: dim 1 is out of range for an array with 1 axes")],
)
