"""Dropout: how many are dropped, what the rest is multiplied by, and whose mask it is."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import scratch
import scratch.functional as F
from scratch.dropout import keep_mask


@pytest.mark.parametrize("p", [0.1, 0.5, 0.999])
def test_a_share_p_is_dropped_and_the_rest_scaled_to_keep_the_mean(p):
    n = 400_000
    y, _ = F.dropout(np.ones(n), p, rng=0)
    dropped = (y == 0).mean()
    assert abs(dropped - p) < 5 * np.sqrt(p * (1 - p) / n)
    assert_allclose(y[y != 0], 1 / (1 - p))


def test_the_backward_has_its_own_forwards_mask():
    x = np.random.default_rng(0).normal(size=(50, 40))
    y, backward = F.dropout(x, 0.3, rng=1)
    F.dropout(x, 0.3, rng=2)
    assert_allclose(backward(x), y)


def test_a_seed_replays_its_mask_and_a_generator_goes_on():
    x, rng = np.ones(1000), np.random.default_rng(3)
    first, second = F.dropout(x, rng=3)[0], F.dropout(x, rng=3)[0]
    assert_array_equal(first, second)
    assert_array_equal(F.dropout(x, rng=rng)[0], first)
    assert (F.dropout(x, rng=rng)[0] != first).any()


def test_a_module_with_a_seed_draws_a_new_mask_each_time_and_the_same_series_again():
    x = np.ones(1000)
    one, other = scratch.Dropout(rng=3), scratch.Dropout(rng=3)
    series = [one(x)[0] for _ in range(3)]
    assert (series[0] != series[1]).any()
    assert_array_equal([other(x)[0] for _ in range(3)], series)


def test_manual_seed_is_what_counts_without_an_rng():
    layer, x = scratch.Dropout(), np.ones(1000)
    scratch.manual_seed(5)
    first = layer(x)[0]
    scratch.manual_seed(5)
    assert_array_equal(layer(x)[0], first)


def test_evaluation_changes_nothing_and_draws_nothing():
    layer, x = scratch.Dropout(rng=0).eval(), np.arange(4.0)
    state = layer.rng.bit_generator.state
    y, backward = layer(x)
    assert_array_equal(y, x)
    assert_array_equal(backward(x), x)
    assert layer.rng.bit_generator.state == state


def test_p_0_drops_nothing_and_p_1_everything():
    x = np.arange(1.0, 5.0)
    assert_array_equal(F.dropout(x, 0.0)[0], x)
    y, backward = F.dropout(x, 1.0)
    assert_array_equal(y, np.zeros(4))
    assert_array_equal(backward(x), np.zeros(4))


def test_masks_of_neighbouring_seeds_and_elements_are_independent():
    a, b = keep_mask((200_000,), 0.5, 0), keep_mask((200_000,), 0.5, 1)
    for one, other in ((a, b), (a[1:], a[:-1])):
        assert abs((one == other).mean() - 0.5) < 0.006


def test_a_small_p_is_not_rounded_to_zero():
    # one in a million: 16 random bits could not tell it from never
    dropped = sum(int((~keep_mask((1_000_000,), 1e-6, seed)).sum()) for seed in range(20))
    assert 5 < dropped < 45  # 20 expected


@pytest.mark.parametrize("size", [20_000, 131_072, 3 * 131_072 + 77])
@pytest.mark.parametrize("threads", [1, 3])
def test_the_kernels_mask_is_the_textbooks_whatever_the_number_of_threads(size, threads):
    x = np.random.default_rng(0).normal(size=size).astype(np.float32)
    before = scratch.num_threads()
    try:
        scratch.set_num_threads(threads)
        y, backward = F.dropout(x, 0.3, rng=4)
        dx = backward(x)
    finally:
        scratch.set_num_threads(before)
    with scratch.textbook():
        y_plain, backward_plain = F.dropout(x, 0.3, rng=4)
    assert backward.function is not backward_plain.function
    assert_array_equal(y, y_plain)
    assert_array_equal(dx, backward_plain(x))


@pytest.mark.parametrize(
    ("op", "shape", "channels"),
    [
        (F.dropout1d, (50, 40, 3), 2000),
        (F.dropout1d, (400, 3), 400),
        (F.dropout2d, (50, 40, 3, 2), 2000),
        (F.dropout2d, (50, 40, 3), 2000),
        (F.dropout3d, (50, 40, 2, 3, 2), 2000),
        (F.dropout3d, (400, 2, 3, 2), 400),
        (F.feature_alpha_dropout, (50, 40, 3, 2), 2000),
    ],
)
def test_a_channel_is_kept_or_dropped_as_a_whole(op, shape, channels):
    y, _ = op(np.ones(shape), 0.5, training=True, rng=0)
    rows = y.reshape(channels, -1)
    assert (rows == rows[:, :1]).all()
    assert 0.4 < (rows[:, 0] == rows.max()).mean() < 0.6


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_alpha_dropout_keeps_mean_0_and_variance_1(p):
    x = np.random.default_rng(0).normal(size=1_000_000)
    y, _ = F.alpha_dropout(x, p, training=True, rng=0)
    assert abs(y.mean()) < 5e-3
    assert abs(y.var() - 1) < 1e-2


def test_alpha_dropout_by_hand():
    # f = -1.0507 · 1.6733 = -1.7581; p = 1/2: a = 1 / √(1/2 (1 + f²/2)); kept x -> a (x - f/2), dropped -> a f/2
    f = -1.0507009873554805 * 1.6732632423543772
    a = 1 / np.sqrt((1 + f**2 / 2) / 2)
    x = np.random.default_rng(0).normal(size=100)
    y, backward = F.alpha_dropout(x, 0.5, training=True, rng=0)
    kept = ~np.isclose(y, a * f / 2)
    assert 30 < kept.sum() < 70
    assert_allclose(y[kept], a * (x[kept] - f / 2))
    assert_allclose(backward(np.ones(100)), a * kept)


def test_alpha_dropout_does_nothing_unless_told_that_it_is_training():
    assert_array_equal(F.alpha_dropout(np.arange(3.0))[0], np.arange(3.0))
    assert_array_equal(F.feature_alpha_dropout(np.arange(3.0))[0], np.arange(3.0))
