"""Attention pooling by hand, its masks, and dropout, which the pairs cannot compare."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scratch
import scratch.models
import torch_ref.models
from parity_tests import checks
from parity_tests.pair import Case, Pair, floats, ints

ROOT = np.sqrt(2 * np.log(3))  # at this distance a Gaussian of w = 1 has fallen to a third


def test_a_gaussian_mean_by_hand():
    # key 0 at the query, key 1 where the Gaussian is 1/3: weights 3/4 and 1/4; 3/4 * 8 + 1/4 * 4 = 7
    query, key, value = np.array([[0.0]]), np.array([[0.0], [ROOT]]), np.array([[8.0], [4.0]])
    layer = scratch.models.NadarayaWatson().double()
    (y, weights), backward = layer(query, key, value)
    np.testing.assert_allclose(weights, [[0.75, 0.25]], rtol=1e-15)
    np.testing.assert_allclose(y, [[7.0]], rtol=1e-15)
    dquery, dkey, dvalue = backward((np.array([[1.0]]), None))
    np.testing.assert_allclose(dvalue, weights.T)
    # dscores = p (v - y): 3/4 * 1 and 1/4 * -3. score 1 = -w² (q - k)² / 2 has the slopes
    # -(q - k) = ROOT in q, -ROOT in k, -w ROOT² in w; score 0 stands on its top
    np.testing.assert_allclose(dquery, [[-0.75 * ROOT]], rtol=1e-14)
    np.testing.assert_allclose(dkey, [[0.0], [0.75 * ROOT]], rtol=1e-14)
    np.testing.assert_allclose(layer.w.grad, [0.75 * ROOT**2], rtol=1e-14)


def test_without_learning_it_has_no_gradient_and_the_same_output():
    query, key, value = np.random.default_rng(0).normal(size=(3, 5, 1))
    fixed = scratch.models.NadarayaWatson(w=2.0, learn=False).double()
    learned = scratch.models.NadarayaWatson(w=2.0).double()
    (y, _), backward = fixed(query, key, value)
    np.testing.assert_array_equal(y, learned.predict(query, key, value)[0])
    backward((np.ones_like(y), None))
    assert fixed.w.grad is None


def test_narrow_gaussians_give_the_nearest_value_and_wide_ones_the_mean():
    key, value = np.array([[0.0], [1.0], [2.0]]), np.array([[5.0], [6.0], [10.0]])
    query = np.array([[0.9]])
    assert scratch.models.NadarayaWatson(w=50.0).double().predict(query, key, value)[0] == pytest.approx(6.0)
    assert scratch.models.NadarayaWatson(w=1e-6).double().predict(query, key, value)[0] == pytest.approx(7.0)


@pytest.mark.parametrize("name", ["AdditiveAttention", "DotProductAttention"])
def test_padding_has_no_weight_and_gets_no_gradient(name):
    rng = np.random.default_rng(0)
    config = {"AdditiveAttention": (4, 4, 3)}.get(name, ())
    layer = getattr(scratch.models, name)(*config).double()
    query, key, value = (rng.normal(size=(2, n, 4)) for n in (3, 5, 5))
    key[0, 2:] = value[0, 2:] = 1e3  # of the first sequence only two keys are no padding
    (y, weights), backward = layer(query, key, value, np.array([2, 5]))
    assert not weights[0, :, 2:].any()
    np.testing.assert_allclose(weights.sum(axis=2), 1)
    _, dkey, dvalue = backward((rng.normal(size=y.shape), rng.normal(size=weights.shape)))
    assert not dkey[0, 2:].any()
    assert not dvalue[0, 2:].any()
    (alone, _), _ = layer(query[:1], key[:1, :2], value[:1, :2])
    np.testing.assert_allclose(y[:1], alone, rtol=1e-12)


def test_equal_keys_give_the_mean_of_the_values():
    value = np.array([[[1.0], [5.0]]])
    (y, weights), _ = scratch.models.AdditiveAttention(2, 3, 4).double()(np.ones((1, 1, 2)), np.ones((1, 2, 3)), value)
    np.testing.assert_allclose(weights, [[[0.5, 0.5]]])
    np.testing.assert_allclose(y, [[[3.0]]])


def test_either_output_may_have_no_upstream_gradient():
    rng = np.random.default_rng(0)
    query, key, value = rng.normal(size=(3, 2, 4, 3))
    (y, weights), backward = scratch.models.DotProductAttention().double()(query, key, value)
    dy, dweights = rng.normal(size=y.shape), rng.normal(size=weights.shape)
    both = backward((dy, dweights))
    for together, one, other in zip(both, backward((dy, None)), backward((None, dweights))):
        np.testing.assert_allclose(together, one + other, atol=1e-14)


@settings(max_examples=5)
@given(seed=st.integers(0, 999), name=st.sampled_from(["AdditiveAttention", "DotProductAttention"]))
def test_the_gradient_under_dropout_is_that_of_finite_differences(seed, name):
    inputs = {"query": floats(2, 3, 4), "key": floats(2, 3, 4), "value": floats(2, 3, 2)}
    inputs["valid_lens"] = ints(2, low=1, high=4)
    config = {"dropout": 0.3, "rng": 5}
    if name == "AdditiveAttention":
        config |= {"query_size": 4, "key_size": 4, "num_hiddens": 3}
    case = Case(inputs, config, seed=seed)
    ours, twin = getattr(scratch.models, name), getattr(torch_ref.models, name)
    checks.matches_finite_differences(Pair(name, cases=st.just(case), ours=ours, twin=twin), replace(case, train=True))
