"""Batch norm: numbers worked out by hand, what becomes of the running statistics, and what a refusal leaves alone."""

import copy

import numpy as np
import pytest
from numpy.testing import assert_allclose

import scratch
import scratch.functional as F


def test_training_by_hand():
    # values 1, 3: mean 2, deviations -1, 1, variance 1.
    # With eps = 3 it is divided by sqrt(1 + 3) = 2. Values 2, 8: mean 5, variance 9, with eps = 16: ∓3 / sqrt(25)
    x = np.array([[1.0], [3.0]])
    y, _ = F.batch_norm(x, None, None, np.array([10.0]), np.array([1.0]), training=True, eps=3.0)
    assert_allclose(y, [[-4.0], [6.0]])  # 10 · (∓1 / 2) + 1
    y, _ = F.batch_norm(np.array([[2.0], [8.0]]), None, None, training=True, eps=16.0)
    assert_allclose(y, [[-0.6], [0.6]])  # ∓3 / 5


def test_backward_by_hand():
    # x = -1, 1, eps = 3: rstd = 1/2, xhat = ∓1/2, y = 2 xhat + 1; dy = (1, 0)
    # dweight = 1 · (-1/2), dbias = 1; dxhat = (2, 0): mean 1, mean of dxhat · xhat = -1/2
    # dx = (dxhat - 1 + xhat/2) / 2 = ((2 - 1 - 1/4) / 2, (0 - 1 + 1/4) / 2) = (3/8, -3/8)
    x, weight, bias = np.array([[-1.0], [1.0]]), np.array([2.0]), np.array([1.0])
    _, backward = F.batch_norm(x, None, None, weight, bias, training=True, eps=3.0)
    dx, _, _, dweight, dbias = backward(np.array([[1.0], [0.0]]))
    assert_allclose(dx, [[0.375], [-0.375]])
    assert_allclose(dweight, [-0.5])
    assert_allclose(dbias, [1.0])


def test_evaluation_uses_the_running_statistics_as_constants():
    # (5 - 1) / sqrt(4) = 2; the derivative is 1/2 for every element by itself
    y, backward = F.batch_norm(np.array([[5.0]]), np.array([1.0]), np.array([4.0]), eps=0.0)
    assert_allclose(y, [[2.0]])
    assert_allclose(backward(np.array([[3.0]])), [[1.5]])


def test_running_statistics_move_by_momentum_and_take_the_unbiased_variance():
    # values 1, 2, 3: mean 2, biased variance 2/3, unbiased 1. 0.75 · 0 + 0.25 · 2 = 0.5; 0.75 · 5 + 0.25 · 1 = 4
    mean, var = np.array([0.0]), np.array([5.0])
    F.batch_norm(np.array([[1.0], [2.0], [3.0]]), mean, var, training=True, momentum=0.25)
    assert_allclose(mean, [0.5])
    assert_allclose(var, [4.0])


def test_without_momentum_the_running_mean_is_the_plain_average():
    norm = scratch.BatchNorm1d(1, momentum=None)
    for batch in ([1.0, 3.0], [5.0, 7.0], [0.0, 0.0]):  # means 2, 6, 0
        norm(np.array(batch, np.float32)[:, None])
    assert_allclose(norm.running_mean, [8 / 3], rtol=1e-6)
    assert norm.num_batches_tracked == 3


def test_a_refused_batch_changes_nothing():
    norm = scratch.BatchNorm1d(2)
    before = norm.state_dict()
    for x in (np.ones((1, 2), np.float32), np.ones((4, 3), np.float32), np.ones((4, 2)), np.ones(2, np.float32)):
        with pytest.raises((ValueError, TypeError)):
            norm(x)
    for key, value in norm.state_dict().items():
        assert np.array_equal(value, before[key])


def test_an_empty_batch_leaves_the_running_statistics_but_counts():
    norm = scratch.BatchNorm1d(2)
    norm(np.ones((0, 2), np.float32))
    assert np.array_equal(norm.running_mean, [0, 0])
    assert np.array_equal(norm.running_var, [1, 1])
    assert norm.num_batches_tracked == 1


def test_evaluation_backward_is_not_touched_by_a_later_training_step():
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(2, 5, 3))
    norm = scratch.BatchNorm1d(3).double().eval()
    _, backward = norm(x)
    before = backward(dy)
    weight_grad = norm.weight.grad.copy()
    norm.train()(x + 100)
    norm.zero_grad()
    assert np.array_equal(backward(dy), before)
    assert np.array_equal(norm.weight.grad, weight_grad)


def test_batch_statistics_in_evaluation_without_running_ones():
    norm = scratch.BatchNorm1d(1, track_running_stats=False, affine=False).double().eval()
    y = norm.predict(np.array([[10.0], [20.0]]))
    assert_allclose(y, [[-1.0], [1.0]], rtol=1e-6)


def test_a_large_mean_does_not_spoil_the_variance():
    x = (np.random.default_rng(0).normal(size=(64, 3, 8, 8)) + 1e4).astype(np.float32)
    y, _ = F.batch_norm(x, None, None, training=True)
    truth, _ = F.batch_norm(x.astype(np.float64), None, None, training=True)
    assert abs(y - truth).max() < 6e-4  # the mean as a float32 is off by up to 5e-4


def test_a_copied_module_has_buffers_of_its_own():
    norm = scratch.BatchNorm1d(1)
    other = copy.deepcopy(norm)
    other(np.array([[1.0], [3.0]], np.float32))
    assert norm.running_mean[0] == 0
    assert other.running_mean[0] != 0


def test_repr_reads_as_torchs():
    assert repr(scratch.BatchNorm2d(3, momentum=None)) == (
        "BatchNorm2d(3, eps=1e-05, momentum=None, affine=True, bias=True, track_running_stats=True)"
    )
