"""Scaled dot-product attention, by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.attention import SDPBackend, sdpa_kernel

import scratch
from parity_tests import checks
from parity_tests.pair import Case, Pair, floats
from parity_tests.pairs import attention as attention_pairs
from scratch.functional import scaled_dot_product_attention as attention

LOG2 = np.log(2.0)


def test_a_query_mixes_the_values_by_how_their_keys_match():
    # scores log 2 · (1, 0) and scale 1: exp gives (2, 1), so the weights are 2/3 and 1/3
    query, key, value = np.array([[LOG2]]), np.array([[1.0], [0.0]]), np.array([[3.0], [9.0]])
    y, backward = attention(query, key, value, scale=1.0)
    np.testing.assert_allclose(y, [[5.0]])  # 2/3 · 3 + 1/3 · 9
    dquery, dkey, dvalue = backward(np.array([[1.0]]))
    np.testing.assert_allclose(dvalue, [[2 / 3], [1 / 3]])
    # dweights = (3, 9), their weighted mean 5, so dscores = (2/3 · (3 - 5), 1/3 · (9 - 5)) = (-4/3, 4/3)
    np.testing.assert_allclose(dquery, [[-4 / 3]])
    np.testing.assert_allclose(dkey, [[-4 / 3 * LOG2], [4 / 3 * LOG2]])


def test_the_default_scale_is_one_over_the_root_of_the_width():
    query, key, value = np.full((1, 4), LOG2), np.array([[0.5] * 4, [0.0] * 4]), np.array([[3.0], [9.0]])
    y, _ = attention(query, key, value)  # score 4 · 0.5 · log 2 / sqrt(4) = log 2
    np.testing.assert_allclose(y, [[5.0]])


def test_scale_zero_gives_the_mean_of_the_values_that_may_be_seen():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 2))
    np.testing.assert_allclose(attention(x, x, x, scale=0.0)[0], np.tile(x.mean(0), (3, 1)))
    np.testing.assert_allclose(attention(x, x, x, scale=0.0, is_causal=True)[0][1], x[:2].mean(0))


def test_causal_counts_from_the_first_key_also_when_there_are_more_keys_than_queries():
    y, _ = attention(np.zeros((2, 1)), np.zeros((4, 1)), np.array([[1.0], [3.0], [100.0], [100.0]]), is_causal=True)
    np.testing.assert_allclose(y, [[1.0], [2.0]])


@pytest.mark.parametrize("mask", [np.zeros((2, 3), bool), np.full((2, 3), -np.inf)])
@pytest.mark.parametrize("size", [1, 100])
def test_a_query_that_may_look_at_nothing_gives_zeros_and_no_gradient(mask, size):
    mask = np.repeat(np.repeat(mask, size, 0), size, 1)
    mask[0] = True if mask.dtype == bool else 0.0
    rng = np.random.default_rng(0)
    query, key, value = (rng.normal(size=(n * size, 4)) for n in (2, 3, 3))
    y, backward = attention(query, key, value, mask)
    assert not y[1:].any()
    assert y[0].any()
    dquery, dkey, dvalue, _ = backward(rng.normal(size=y.shape))
    assert not dquery[1:].any()
    assert all(np.isfinite(g).all() for g in (dquery, dkey, dvalue))


@pytest.mark.parametrize("size", [3, 200])
def test_one_number_added_to_all_scores_of_a_row_changes_nothing(size):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(size, 4))
    y, backward = attention(x, x, x, rng.normal(size=(size, 1)))
    np.testing.assert_allclose(y, attention(x, x, x)[0], rtol=1e-12)
    np.testing.assert_allclose(backward(rng.normal(size=y.shape))[3], np.zeros((size, 1)), atol=1e-12)


def test_a_masked_weight_is_zero_but_zero_times_infinity_is_nan():
    value = np.array([[1.0], [np.inf]])
    y, _ = attention(np.zeros((1, 1)), np.zeros((2, 1)), value, np.array([[True, False]]))
    assert np.isnan(y).all()


def test_dropout_is_replayed_by_its_seed_and_dropping_all_gives_zeros():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 6, 4))
    once, twice = (attention(x, x, x, dropout_p=0.5, rng=7)[0] for _ in range(2))
    np.testing.assert_array_equal(once, twice)
    assert not np.array_equal(once, attention(x, x, x, dropout_p=0.5, rng=8)[0])
    y, backward = attention(x, x, x, dropout_p=1.0)
    assert not y.any()
    assert not any(g.any() for g in backward(x)[:3])


def test_dropout_scales_the_weights_that_are_left():
    # values one-hot: y is the weights themselves; without preference each is 1/4, and 1/4 / (1 - 0.5) if kept
    y, _ = attention(np.zeros((9, 1)), np.zeros((4, 1)), np.eye(4), dropout_p=0.5, rng=1)
    assert set(np.unique(y)) == {0.0, 0.5}


@given(st.sampled_from([0.1, 0.5, 0.9]), st.integers(0, 999))
def test_the_gradient_under_dropout_is_that_of_finite_differences(p, seed):
    inputs = {"query": floats(2, 3, 4), "key": floats(2, 5, 4), "value": floats(2, 5, 2), "attn_mask": floats(3, 5)}
    case = Case(inputs, {"dropout_p": p, "rng": 3})

    def without_dropout(query, key, value, attn_mask, **_):  # for the shape of y
        return torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask)

    pair = Pair("attention with dropout", cases=st.just(case), ours=attention, twin=without_dropout)
    checks.matches_finite_differences(pair, replace(case, seed=seed))
    checks.backward_may_be_called_again(pair, replace(case, seed=seed))


def written_out(query, key, value, attn_mask=None, **options):
    """torch by its formula: its fused version rounds maximum + log(sum), which costs digits when scores are large."""
    with sdpa_kernel(SDPBackend.MATH):
        return torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask, **options)


@given(st.data())
def test_large_scores_are_those_of_the_formula(data):
    pair = Pair("large scores", cases=attention_pairs.cases(), regimes=("large",), ours=attention, twin=written_out)
    case = data.draw(pair.drawn())
    checks.matches_autograd(pair, case)
    checks.is_as_accurate_as_torch(pair, case)
    checks.textbook_agrees_with_kernel(pair, case)


def test_infinite_values_are_the_same_on_kernel_and_textbook():
    rng = np.random.default_rng(0)
    for causal in (False, True):
        for poisoned in range(4):
            arrays = [rng.normal(size=(2, 200, 3)) for _ in range(4)]
            arrays[poisoned][1, 150, 1] = rng.choice([np.inf, np.nan])
            query, key, value, dy = arrays
            y, backward = attention(query, key, value, is_causal=causal)
            with scratch.textbook():
                y_textbook, textbook_backward = attention(query, key, value, is_causal=causal)
            np.testing.assert_allclose(y, y_textbook, rtol=1e-9)
            for ours, textbook in zip(backward(dy)[:3], textbook_backward(dy)[:3]):
                np.testing.assert_allclose(ours, textbook, rtol=1e-7, atol=1e-12)
