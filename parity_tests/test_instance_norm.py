"""Instance norm: numbers worked out by hand, and its running statistics."""

import numpy as np
from numpy.testing import assert_allclose

import scratch
import scratch.functional as F


def test_every_sample_by_itself():
    # (1, 3): mean 2, variance 1; (10, 30): mean 20, variance 100; eps = 44: / sqrt(45) and / 12
    y, _ = F.instance_norm(np.array([[[1.0, 3.0]], [[10.0, 30.0]]]), eps=44.0)
    assert_allclose(y, [[[-1 / np.sqrt(45), 1 / np.sqrt(45)]], [[-10 / 12, 10 / 12]]])


def test_running_statistics_take_the_average_over_samples():
    # means 2 and 20: 11; unbiased variances 2 and 200: 101
    mean, var = np.zeros(1), np.ones(1)
    F.instance_norm(np.array([[[1.0, 3.0]], [[10.0, 30.0]]]), mean, var, momentum=0.5)
    assert_allclose(mean, [5.5])
    assert_allclose(var, [51.0])


def test_a_sample_without_batch_axis_is_a_batch_of_one():
    norm = scratch.InstanceNorm2d(3, affine=True)
    x = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
    dy = np.random.default_rng(1).normal(size=(3, 4, 5)).astype(np.float32)
    y, backward = norm(x)
    batch_y, batch_backward = norm(x[None])
    assert np.array_equal(y, batch_y[0])
    assert np.array_equal(backward(dy), batch_backward(dy[None])[0])


def test_an_empty_batch_leaves_the_running_statistics():
    norm = scratch.InstanceNorm1d(2, track_running_stats=True)
    norm(np.ones((0, 2, 3), np.float32))
    assert np.array_equal(norm.running_mean, [0, 0])
    assert np.array_equal(norm.running_var, [1, 1])
