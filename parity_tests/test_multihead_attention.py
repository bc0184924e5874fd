"""Multi-head attention, by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import scratch
from parity_tests import checks
from parity_tests.pair import Case, Pair, floats


def transparent(heads=1, width=1, **config):
    """All four projections are the identity."""
    layer = scratch.MultiheadAttention(heads * width, heads, bias=False, **config).double()
    layer.in_proj_weight.data[...] = np.tile(np.eye(heads * width), (3, 1))
    layer.out_proj.weight.data[...] = np.eye(heads * width)
    return layer


def test_each_head_looks_with_its_own_part_of_the_embedding():
    log2 = np.log(2.0)
    query, key = np.array([[log2, 0.0]]), np.array([[1.0, 1.0], [0.0, 5.0]])
    value = np.array([[3.0, 3.0], [9.0, 9.0]])
    (y, weights), _ = transparent(heads=2)(query, key, value, average_attn_weights=False)
    # head 0: scores log 2 · (1, 0), weights (2/3, 1/3), 2/3 · 3 + 1/3 · 9 = 5; head 1: query 0, so the mean, 6
    np.testing.assert_allclose(weights, [[[2 / 3, 1 / 3]], [[0.5, 0.5]]])
    np.testing.assert_allclose(y, [[5.0, 6.0]])


def test_true_in_a_mask_forbids():
    x = np.array([[1.0], [2.0]])
    (y, weights), _ = transparent()(x, x, x, attn_mask=np.array([[False, True], [True, False]]))
    np.testing.assert_array_equal(weights, np.eye(2))
    np.testing.assert_array_equal(y, x)
    (y, _), _ = transparent()(x, x, x, key_padding_mask=np.array([True, False]))
    np.testing.assert_array_equal(y, [[2.0], [2.0]])


def test_a_zero_token_shares_the_attention_and_brings_nothing():
    x = np.zeros((1, 1))
    value = np.array([[6.0]])
    (y, weights), _ = transparent(add_zero_attn=True)(x, x, value)
    np.testing.assert_array_equal(weights, [[0.5, 0.5]])
    np.testing.assert_array_equal(y, [[3.0]])


def test_a_query_without_any_key_is_nan_with_weights_and_zero_without():
    x = np.ones((2, 1))
    forbidden = np.array([[True, True], [False, False]])
    (y, weights), _ = transparent()(x, x, x, attn_mask=forbidden)
    assert np.isnan(y[0]).all()
    assert np.isnan(weights[0]).all()
    np.testing.assert_allclose(y[1], 1.0)
    (y, weights), _ = transparent()(x, x, x, attn_mask=forbidden, need_weights=False)
    np.testing.assert_allclose(y, [[0.0], [1.0]])
    assert weights is None


def test_self_attention_is_the_sum_of_three_gradients():
    x, dy = np.random.default_rng(0).normal(size=(2, 5, 3, 4))
    layer = scratch.MultiheadAttention(4, 2, rng=0).double()
    twin = torch.nn.MultiheadAttention(4, 2).double()
    twin.load_state_dict({k: torch.tensor(v) for k, v in layer.state_dict().items()})
    t = torch.tensor(x, requires_grad=True)
    twin(t, t, t)[0].backward(torch.tensor(dy))
    _, backward = layer(x, x, x)
    np.testing.assert_allclose(sum(backward((dy, None))), t.grad.numpy(), atol=1e-12)


def test_the_weights_alone_have_a_gradient():
    x = np.random.default_rng(0).normal(size=(4, 2, 6))
    (y, weights), backward = scratch.MultiheadAttention(6, 3, rng=0).double()(x, x, x)
    dweights = np.random.default_rng(1).normal(size=weights.shape)
    whole = backward((np.zeros_like(y), dweights))
    for got, want in zip(backward((None, dweights)), whole):
        np.testing.assert_array_equal(got, want)
    assert whole[0].any()
    assert not whole[2].any()  # the values do not matter to the weights


@pytest.mark.parametrize("need_weights", [True, False])
def test_dropout_only_in_training_and_replayed_by_a_seed(need_weights):
    x = np.random.default_rng(0).normal(size=(4, 2, 6))

    def run(seed, train=True):
        layer = scratch.MultiheadAttention(6, 3, dropout=0.5, rng=seed).double().train(train)
        layer.load_state_dict(scratch.MultiheadAttention(6, 3, rng=0).state_dict())
        return layer(x, x, x, need_weights=need_weights)[0][0]

    np.testing.assert_array_equal(run(1), run(1))
    assert not np.array_equal(run(1), run(2))
    np.testing.assert_array_equal(run(1, train=False), run(2, train=False))


@given(seed=st.integers(0, 999), need_weights=st.booleans())
def test_the_gradient_under_dropout_is_that_of_finite_differences(seed, need_weights):
    inputs = {"query": floats(3, 2, 4), "key": floats(3, 2, 4), "value": floats(3, 2, 4)}
    config = {"embed_dim": 4, "num_heads": 2, "dropout": 0.4, "rng": 5}
    case = Case(inputs, config, {"need_weights": need_weights}, seed=seed)
    name = "MultiheadAttention"
    pair = Pair(name, cases=st.just(case), ours=getattr(scratch, name), twin=getattr(torch.nn, name))
    checks.matches_finite_differences(pair, replace(case, train=True))


def test_starts_by_glorots_rule_with_zero_biases():
    layer = scratch.MultiheadAttention(64, 4, add_bias_kv=True, rng=0)
    bound = np.sqrt(6 / (3 * 64 + 64))
    assert 0.99 * bound < np.abs(layer.in_proj_weight.data).max() <= bound
    assert not layer.in_proj_bias.data.any()
    assert not layer.out_proj.bias.data.any()
    assert 0.05 < layer.bias_k.data.std() < 0.25  # sqrt(2 / (64 + 64)) = 0.125
