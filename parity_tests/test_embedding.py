"""Embedding, by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import scratch
from parity_tests import checks
from parity_tests.pair import Case, Pair, floats, ints
from scratch.functional import embedding, one_hot

TABLE = np.array([[3.0, 4.0], [0.3, 0.4], [6.0, 8.0]])


def test_a_row_that_is_looked_up_twice_gets_both_gradients():
    y, backward = embedding(np.array([2, 0, 2]), TABLE)
    assert y.tolist() == [[6.0, 8.0], [3.0, 4.0], [6.0, 8.0]]
    dweight = backward(np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]))
    assert dweight.tolist() == [[2.0, 20.0], [0.0, 0.0], [4.0, 40.0]]  # row 2: 1 + 3, 10 + 30


def test_frequency_divides_the_gradient_of_a_row_by_its_count():
    _, backward = embedding(np.array([2, 0, 2]), TABLE, scale_grad_by_freq=True)
    dweight = backward(np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]))
    assert dweight.tolist() == [[2.0, 20.0], [0.0, 0.0], [2.0, 20.0]]  # row 2: (1 + 3) / 2


@pytest.mark.parametrize("padding_idx", [2, -1])
def test_the_padding_row_is_looked_up_but_not_learned(padding_idx):
    y, backward = embedding(np.array([2, 0]), TABLE, padding_idx)
    assert y.tolist() == [[6.0, 8.0], [3.0, 4.0]]
    assert backward(np.full((2, 2), np.nan))[2].tolist() == [0.0, 0.0]


def test_max_norm_writes_the_shortened_rows_into_the_table():
    layer = scratch.Embedding(3, 2, max_norm=5.0, _weight=TABLE)
    y, _ = layer(np.array([2, 2, 1]))
    # row 2 has norm 10 and is halved; row 1 is short enough; row 0 (norm 5, not above 5) was not asked for
    np.testing.assert_allclose(layer.weight.data, [[3.0, 4.0], [0.3, 0.4], [3.0, 4.0]], rtol=1e-7)
    np.testing.assert_array_equal(y, layer.weight.data[[2, 2, 1]])


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.0, np.inf])
def test_max_norm_leaves_the_same_table_as_torch(norm_type):
    x = np.array([[2, 0], [2, 1]])
    layer = scratch.Embedding(3, 2, max_norm=1.5, norm_type=norm_type, _weight=TABLE)
    twin = torch.nn.Embedding(3, 2, max_norm=1.5, norm_type=norm_type, _weight=torch.tensor(TABLE))
    layer(x)
    twin(torch.tensor(x))
    np.testing.assert_allclose(layer.weight.data, twin.weight.detach().numpy(), rtol=1e-14)


def test_max_norm_that_shortens_a_row_leaves_an_earlier_backward_as_it_was():
    layer = scratch.Embedding(3, 2, max_norm=5.0, _weight=TABLE)
    _, backward = layer(np.array([0]))
    layer(np.array([2]))  # is shortened
    backward(np.ones((1, 2)))  # needs no values of the table
    np.testing.assert_array_equal(layer.weight.grad, [[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]])


def test_from_pretrained_is_frozen_and_a_copy():
    layer = scratch.Embedding.from_pretrained(torch.tensor(TABLE))
    _, backward = layer(np.array([0, 1]))
    backward(np.ones((2, 2)))
    assert layer.weight.grad is None
    assert scratch.Embedding.from_pretrained(TABLE, freeze=False).weight.requires_grad
    layer.weight.data[0] = 0
    assert TABLE[0].tolist() == [3.0, 4.0]


def test_starts_standard_normal_with_a_padding_row_of_zeros():
    table = scratch.Embedding(2000, 50, padding_idx=-2000, rng=0).weight.data
    assert not table[0].any()
    assert abs(table[1:].mean()) < 0.01
    assert abs(table[1:].std() - 1) < 0.01
    assert table.dtype == np.float32


def test_one_hot_rows_pick_the_same_vectors_as_the_look_up():
    x = np.array([[2, 0], [1, 2]])
    hot, backward = one_hot(x)
    np.testing.assert_array_equal(hot @ TABLE, embedding(x, TABLE)[0])
    assert backward(np.ones(hot.shape)) is None


def test_reads_like_torch():
    options = {"padding_idx": -1, "max_norm": 2.0, "norm_type": 1.0, "scale_grad_by_freq": True, "sparse": True}
    assert repr(scratch.Embedding(4, 3, **options)) == repr(torch.nn.Embedding(4, 3, **options))
    assert repr(scratch.Embedding(4, 3)) == repr(torch.nn.Embedding(4, 3))


@given(rows=st.integers(1, 6), tokens=st.sampled_from([(3,), (2, 4), (300,)]), seed=st.integers(0, 999))
def test_without_options_the_gradient_is_that_of_finite_differences(rows, tokens, seed):
    case = Case({"x": ints(*tokens, high=rows), "weight": floats(rows, 3)})
    plain = Pair("embedding without options", cases=st.just(case), ours=embedding, twin=torch.nn.functional.embedding)
    checks.matches_finite_differences(plain, replace(case, seed=seed))
