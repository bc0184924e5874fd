"""Rectifiers and hard activations: numbers worked out by hand, and what stands in for the slope at each kink."""

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

import scratch
import scratch.functional as F


def value_and_slope(op, x, **options):
    y, backward = op(np.array(x, dtype=np.float64), **options)
    return y, backward(np.ones_like(y))


# op, options, x, y, slope: between the kinks, then exactly on them
BY_HAND = [
    (F.relu, {}, [-2.0, 3.0, 0.0, -0.0], [0.0, 3.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]),
    (F.relu6, {}, [-2.0, 3.0, 7.0, 0.0, 6.0], [0.0, 3.0, 6.0, 0.0, 6.0], [0.0, 1.0, 0.0, 0.0, 0.0]),
    (F.hardtanh, {}, [-2.0, 0.5, 2.0, -1.0, 1.0], [-1.0, 0.5, 1.0, -1.0, 1.0], [0.0, 1.0, 0.0, 0.0, 0.0]),
    (F.hardtanh, {"min_val": 1.0, "max_val": 1.0}, [0.0, 1.0, 2.0], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]),
    (F.leaky_relu, {"negative_slope": 0.25}, [-2.0, 3.0, 0.0], [-0.5, 3.0, 0.0], [0.25, 1.0, 0.25]),
    # e^-ln 2 = 1/2: alpha (1/2 - 1) = -1, slope 2 · 1/2 = 1, and at 0 alpha
    (F.elu, {"alpha": 2.0}, [-math.log(2), 3.0, 0.0], [-1.0, 3.0, 0.0], [1.0, 1.0, 2.0]),
    # x / alpha = -ln 2: 2 (1/2 - 1) = -1, slope 1/2, and at 0 no kink
    (F.celu, {"alpha": 2.0}, [-2 * math.log(2), 3.0, 0.0], [-1.0, 3.0, 0.0], [0.5, 1.0, 1.0]),
    (F.softshrink, {}, [-2.0, 0.25, 2.0, -0.5, 0.5], [-1.5, 0.0, 1.5, 0.0, 0.0], [1.0, 0.0, 1.0, 0.0, 0.0]),
    (F.softshrink, {"lambd": 0.0}, [-2.0, 0.0], [-2.0, 0.0], [1.0, 0.0]),
    (F.hardshrink, {}, [-2.0, 0.25, 2.0, -0.5, 0.5], [-2.0, 0.0, 2.0, 0.0, 0.0], [1.0, 0.0, 1.0, 0.0, 0.0]),
    (F.hardshrink, {"lambd": -1.0}, [0.5], [0.5], [1.0]),
    (F.threshold, {"threshold": 0.5, "value": 7.0}, [0.0, 1.0, 0.5], [7.0, 1.0, 7.0], [0.0, 1.0, 0.0]),
    (F.hardsigmoid, {}, [-4.0, 0.0, 1.5, -3.0, 3.0], [0.0, 0.5, 0.75, 0.0, 1.0], [0.0, 1 / 6, 1 / 6, 0.0, 0.0]),
    # x (x + 3) / 6, slope x/3 + 1/2; at 3 the slope of the line is taken, not 3/2
    (F.hardswish, {}, [-4.0, 1.5, 4.0, -3.0, 3.0], [0.0, 1.125, 4.0, 0.0, 3.0], [0.0, 1.0, 1.0, 0.0, 1.0]),
    (F.rrelu, {"lower": 0.25, "upper": 0.75}, [-2.0, 3.0, 0.0], [-1.0, 3.0, 0.0], [0.5, 1.0, 0.5]),
]


@pytest.mark.parametrize(("op", "options", "x", "y", "slope"), BY_HAND)
def test_values_and_slopes_by_hand_also_at_the_kinks(op, options, x, y, slope):
    got, got_slope = value_and_slope(op, x, **options)
    assert_allclose(got, y, atol=1e-15)
    assert_allclose(got_slope, slope)


def test_selu_keeps_mean_0_and_variance_1():
    x = np.random.default_rng(0).normal(size=1_000_000)
    y, backward = F.selu(x)
    assert abs(y.mean()) < 3e-3
    assert abs(y.var() - 1) < 5e-3
    # scale · alpha at 0, the constants of the paper
    assert_allclose(value_and_slope(F.selu, [0.0])[1], [1.0507009873554805 * 1.6732632423543772])


def test_prelu_by_hand():
    # channel slopes 1/2 and 3; two images. dweight_c = Σ of dy · x where x <= 0
    x = np.array([[-2.0, -1.0], [-4.0, 5.0]])
    y, backward = F.prelu(x, np.array([0.5, 3.0]))
    assert_array_equal(y, [[-1.0, -3.0], [-2.0, 5.0]])
    dx, dweight = backward(np.array([[1.0, 10.0], [2.0, 100.0]]))
    assert_array_equal(dx, [[0.5, 30.0], [1.0, 100.0]])
    assert_array_equal(dweight, [-2.0 - 8.0, -10.0])


def test_prelu_at_zero_takes_the_learned_slope():
    _, backward = F.prelu(np.zeros(1), np.array([0.25]))
    dx, dweight = backward(np.ones(1))
    assert_array_equal(dx, [0.25])
    assert_array_equal(dweight, [0.0])


def test_a_leaky_relu_with_slope_0_has_nan_at_minus_infinity_and_relu_has_not():
    with np.errstate(invalid="ignore"):
        assert np.isnan(F.leaky_relu(np.array([-np.inf]), 0.0)[0]).all()
    assert_array_equal(F.relu(np.array([-np.inf]))[0], [0.0])


@pytest.mark.parametrize("size", [1, 20_000])
def test_relu_lets_dy_pass_at_nan_and_stops_an_infinite_dy_at_zero(size):
    x = np.resize(np.array([np.nan, 0.0], np.float32), size + 1)
    dx = F.relu(x)[1](np.full(size + 1, np.inf, np.float32))
    assert_array_equal(dx[:2], [np.inf, 0.0])


def test_prelu_starts_from_init_and_one_slope_serves_all_channels():
    layer = scratch.PReLU(init=0.125)
    assert_array_equal(layer.weight.data, np.array([0.125], np.float32))
    y, _ = layer(np.array([[[-8.0, 1.0]], [[2.0, -16.0]]], np.float32))
    assert_array_equal(y, [[[-1.0, 1.0]], [[2.0, -2.0]]])


def test_hardtanh_the_module_refuses_equal_bounds_as_torch_does():
    with pytest.raises(ValueError, match="Hardtanh: max_val must be greater than min_val"):
        scratch.Hardtanh(1.0, 1.0)


def test_elu_of_a_large_number_computes_no_exponential_of_it():
    with np.errstate(all="raise"):
        y, backward = F.elu(np.array([1e30]))
        assert_array_equal(y, [1e30])
        assert_array_equal(backward(np.ones(1)), [1.0])


def test_rrelu_draws_a_slope_for_each_element_in_training_and_uses_it_in_the_backward():
    x = np.full(10_000, -2.0)
    y, backward = F.rrelu(x, 0.25, 0.75, training=True, rng=0)
    slopes = y / x
    assert 0.25 <= slopes.min() < 0.26
    assert 0.74 < slopes.max() <= 0.75
    assert abs(slopes.mean() - 0.5) < 0.01
    assert_allclose(backward(np.ones_like(x)), slopes)
    assert_array_equal(F.rrelu(x, 0.25, 0.75, training=True, rng=0)[0], y)


def test_the_slope_of_hardsigmoid_is_exactly_a_sixth_where_torch_rounds_it_to_float32():
    x = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    torch.nn.functional.hardsigmoid(x).backward()
    assert 1e-10 < abs(x.grad.item() - 1 / 6) < 1e-8
    assert F.hardsigmoid(np.zeros(1))[1](np.ones(1)).item() == 1 / 6


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("shape", "slopes"),
    [((400_001,), 1), ((3, 131072), 1), ((50, 8, 30, 31), 8), ((70, 5000), 5000), ((1, 3, 200_000), 3)],
)
def test_the_prelu_kernel_agrees_with_the_textbook(shape, slopes, dtype):
    rng = np.random.default_rng(0)
    x, dy, weight = rng.normal(size=shape), rng.normal(size=shape), rng.normal(size=slopes)
    x, dy, weight = x.astype(dtype), dy.astype(dtype), weight.astype(dtype)
    for infinite in (False, True):
        if infinite:
            x.flat[::1001], x.flat[::1003], dy.flat[::999] = np.inf, -np.inf, np.inf
        y, backward = F.prelu(x, weight)
        with scratch.textbook():
            y_plain, backward_plain = F.prelu(x, weight)
        assert backward.function is not backward_plain.function
        tolerance = 1e-10 if dtype == "float64" else 2e-3  # a sum of 400,000 in float32
        assert_allclose(y, y_plain, rtol=1e-6)
        for got, want in zip(backward(dy), backward_plain(dy)):
            assert_allclose(got, want, rtol=tolerance, atol=tolerance)
