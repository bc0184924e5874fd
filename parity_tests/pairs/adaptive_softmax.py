"""Adaptive softmax: one and several clusters, with and without a bias, batches that miss clusters, a single choice."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats, ints


@st.composite
def cases(draw):
    features = draw(st.integers(2, 9))
    sizes = draw(st.lists(st.integers(1, 4), min_size=2, max_size=4))  # of the shortlist and the clusters
    cutoffs = [sum(sizes[:i]) for i in range(1, len(sizes))]
    config = {"in_features": features, "n_classes": sum(sizes), "cutoffs": cutoffs}
    config |= {"div_value": draw(st.sampled_from([4.0, 1.5, 1])), "head_bias": draw(st.booleans())}
    rows = draw(st.sampled_from([(), (1,), (2,), (7,)]))
    highest = draw(st.sampled_from([cutoffs[0], sum(sizes)]))  # only frequent ones, or all
    return Case({"input_": floats(*rows, features), "target_": ints(*rows, high=highest)}, config)


def case(input_, target_, **options):
    config = {"in_features": 4, "n_classes": 6, "cutoffs": [2, 4]} | options
    return Case({"input_": floats(*input_), "target_": ints(*target_, high=6)}, config)


Pair(
    "AdaptiveLogSoftmaxWithLoss",
    cases=cases(),
    sizes={
        "512 rows, 30,000 classes": Case(
            {"input_": floats(512, 512), "target_": ints(512, high=30_000)},
            {"in_features": 512, "n_classes": 30_000, "cutoffs": [2000, 10_000]},
        )
    },
    bad=[
        (case((3, 4), (3,), cutoffs=[4, 2]), ValueError, "cutoffs must be increasing integers"),
        (case((3, 4), (3,), cutoffs=[]), ValueError, "cutoffs must be increasing integers"),
        (case((3, 4), (3,), cutoffs=[2, 6]), ValueError, "cutoffs must be increasing integers from 1 .* = 5"),
        (case((3, 4), (2,)), ValueError, r"but got \(3, 4\) and \(2,\)"),
        (case((3, 4), ()), ValueError, r"but got \(3, 4\) and \(\)"),
        (
            Case({"input_": floats(3, 4), "target_": ints(3, low=6, high=7)}, case((), ()).config),
            ValueError,
            "targets must be classes from 0 to 5, but lie between 6 and 6",
        ),
    ],
)
