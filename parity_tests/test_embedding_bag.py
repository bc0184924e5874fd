"""Embedding bags, by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import scratch
from parity_tests import checks
from parity_tests.pair import Case, Pair, floats, ints
from scratch.functional import embedding_bag

TABLE = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0], [4.0, 5.0]])
X, OFFSETS = np.array([0, 1, 2, 3, 1]), np.array([0, 2, 2])


@pytest.mark.parametrize(
    ("mode", "y", "dweight"),
    [  # bags (0, 1), (), (2, 3, 1); dy = 1 for the first, 5 for the empty one, 6 for the last
        ("sum", [[3, 30], [0, 0], [9, 55]], [[1, 1], [1 + 6, 1 + 6], [6, 6], [6, 6]]),
        ("mean", [[1.5, 15], [0, 0], [3, 55 / 3]], [[0.5, 0.5], [0.5 + 2, 0.5 + 2], [2, 2], [2, 2]]),
        ("max", [[2, 20], [0, 0], [4, 30]], [[0, 0], [1, 1], [0, 6], [6, 0]]),
    ],
)
def test_bags_between_offsets(mode, y, dweight):
    got, backward = embedding_bag(X, TABLE, OFFSETS, mode=mode)
    np.testing.assert_allclose(got, y)
    np.testing.assert_allclose(backward(np.repeat([[1.0], [5.0], [6.0]], 2, axis=1)), dweight)


def test_the_first_of_equal_maxima_gets_the_gradient():
    _, backward = embedding_bag(np.array([[2, 0, 1]]), np.ones((3, 1)), mode="max")
    assert backward(np.array([[7.0]])).tolist() == [[0.0], [0.0], [7.0]]


def test_padding_counts_in_no_bag_and_gets_no_gradient():
    y, backward = embedding_bag(X, TABLE, OFFSETS, padding_idx=1)
    np.testing.assert_allclose(y, [[1, 10], [0, 0], [3.5, 17.5]])
    np.testing.assert_allclose(backward(np.ones((3, 2))), [[1, 1], [0, 0], [0.5, 0.5], [0.5, 0.5]])


def test_weights_of_samples_and_their_gradient():
    weights = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    y, backward = embedding_bag(X, TABLE, OFFSETS, mode="sum", per_sample_weights=weights, padding_idx=3)
    np.testing.assert_allclose(y, [[1 + 4, 10 + 40], [0, 0], [9 + 10, 90 + 100]])
    _, dweight, _, dweights = backward(np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]]))
    np.testing.assert_allclose(dweight, [[1, 0], [2, 5], [0, 3], [0, 0]])
    np.testing.assert_allclose(dweights, [1, 2, 30, 0, 20])  # one component of each row; nothing for padding


def test_frequency_divides_by_a_rows_own_count():
    x = np.array([[0, 1, 1, 2]])
    _, backward = embedding_bag(x, np.zeros((3, 1)), mode="sum", scale_grad_by_freq=True)
    assert backward(np.array([[6.0]])).tolist() == [[6.0], [6.0], [6.0]]  # 6 / 1, (6 + 6) / 2, 6 / 1


def test_the_last_offset_may_be_the_end():
    y, _ = embedding_bag(X, TABLE, np.array([0, 2, 5]), mode="sum", include_last_offset=True)
    np.testing.assert_allclose(y, [[3, 30], [9, 55]])


def test_max_norm_leaves_the_same_table_as_torch():
    layer = scratch.EmbeddingBag(4, 2, max_norm=15.0, _weight=TABLE)
    twin = torch.nn.EmbeddingBag(4, 2, max_norm=15.0, _weight=torch.tensor(TABLE))
    layer(X[:3], OFFSETS)
    twin(torch.tensor(X[:3]), torch.tensor(OFFSETS))
    np.testing.assert_allclose(layer.weight.data, twin.weight.detach().numpy(), rtol=1e-14)


def test_reads_like_torch_and_takes_pretrained_tables():
    options = {"padding_idx": -1, "max_norm": 2.0, "norm_type": 1.0, "scale_grad_by_freq": True, "mode": "sum"}
    assert repr(scratch.EmbeddingBag(4, 3, **options)) == repr(torch.nn.EmbeddingBag(4, 3, **options))
    bag = scratch.EmbeddingBag.from_pretrained(TABLE)
    np.testing.assert_array_equal(bag(np.array([[1, 1]]))[0], TABLE[[1]])
    assert not bag.weight.requires_grad


@given(mode=st.sampled_from(["sum", "mean", "max"]), seed=st.integers(0, 999), weighted=st.booleans())
def test_without_padding_the_gradient_is_that_of_finite_differences(mode, seed, weighted):
    inputs = {"x": ints(3, 4, high=5), "weight": floats(5, 3)}
    if weighted and mode == "sum":
        inputs["per_sample_weights"] = floats(3, 4)
    case = Case(inputs, {"mode": mode}, seed=seed)
    bags = torch.nn.functional.embedding_bag
    checks.matches_finite_differences(Pair("bags", cases=st.just(case), ours=embedding_bag, twin=bags), replace(case))


@pytest.mark.parametrize("bags", [1, 200])  # of the textbook and of the kernel
@pytest.mark.parametrize("bag", [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
def test_in_a_maximum_a_first_nan_stays_and_a_later_one_loses_as_in_torch(bag, bags):
    weight = np.array([[1.0, np.nan, 2.0], [np.nan, 5.0, 1.0], [3.0, 3.0, -np.inf]])
    x = np.array([bag] * bags)
    twin = torch.tensor(weight, requires_grad=True)
    y = torch.nn.functional.embedding_bag(torch.tensor(x), twin, mode="max")
    dy = np.random.default_rng(0).normal(size=y.shape)
    y.backward(torch.tensor(dy))
    got, backward = embedding_bag(x, weight, mode="max")
    np.testing.assert_array_equal(got, y.detach().numpy())
    np.testing.assert_allclose(backward(dy), twin.grad.numpy(), atol=1e-12)
