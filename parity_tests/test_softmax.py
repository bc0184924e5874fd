"""Softmax and log-softmax: numbers worked out by hand, and rows where a careless formula overflows."""

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

import scratch
import scratch.functional as F

LN3 = math.log(3)


def test_softmax_by_hand():
    # e^0 : e^ln 3 = 1 : 3; dy = (4, 0): Σ dy y = 1, dx = y (dy - 1)
    y, backward = F.softmax(np.array([[0.0, LN3]]), dim=1)
    assert_allclose(y, [[1 / 4, 3 / 4]])
    assert_allclose(backward(np.array([[4.0, 0.0]])), [[3 / 4, -3 / 4]])


def test_log_softmax_by_hand():
    # dy = (4, 0): Σ dy = 4, dx = dy - y · 4
    y, backward = F.log_softmax(np.array([[0.0, LN3]]), dim=1)
    assert_allclose(y, [[-math.log(4), math.log(3 / 4)]])
    assert_allclose(backward(np.array([[4.0, 0.0]])), [[3.0, -3.0]])


def test_the_gradient_of_a_sum_of_probabilities_is_zero():
    _, backward = F.softmax(np.array([1.0, 2.0, 4.0]), dim=0)
    assert_allclose(backward(np.ones(3)), 0.0, atol=1e-16)


@pytest.mark.parametrize(("shape", "axis"), [((), ()), ((4,), 0), ((2, 4), 1), ((2, 4, 3), 0), ((2, 4, 3, 2), 1)])
def test_without_dim_the_axis_is_torchs_old_choice(shape, axis):
    y, _ = F.softmax(np.ones(shape))
    assert_allclose(y.sum(axis=axis), 1.0)


def test_a_shift_changes_nothing_and_nothing_overflows():
    x = np.array([1e4, 1e4 + LN3, -1e4])
    with np.errstate(over="raise"):
        assert_allclose(F.softmax(x, 0)[0], [1 / 4, 3 / 4, 0.0], rtol=1e-11)
        assert_allclose(F.log_softmax(x, 0)[0], [-math.log(4), -math.log(4 / 3), -2e4 - math.log(4)], rtol=1e-11)


def test_masked_positions_get_0_and_a_row_that_is_all_masked_nan():
    with np.errstate(invalid="ignore"):
        y, _ = F.softmax(np.array([[0.0, -np.inf], [-np.inf, -np.inf]]), dim=1)
    assert_array_equal(y, [[1.0, 0.0], [np.nan, np.nan]])


def test_softmin_by_hand():
    # e^-0 : e^-ln 3 = 3 : 1
    y, backward = F.softmin(np.array([0.0, LN3]), 0)
    assert_allclose(y, [3 / 4, 1 / 4])
    assert_allclose(backward(np.array([4.0, 0.0])), [-3 / 4, 3 / 4])


def test_softmax2d_normalizes_over_the_channels():
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    y, _ = scratch.Softmax2d()(x)
    assert_allclose(y.sum(axis=1), 1.0)
    assert_allclose(scratch.Softmax2d()(x[0])[0], y[0])


def test_gumbel_softmax_chooses_as_often_as_softmax_says():
    logits = np.broadcast_to(np.array([0.0, LN3]), (20_000, 2))
    y, _ = F.gumbel_softmax(logits, tau=0.5, hard=True, rng=0)
    assert_array_equal(np.unique(y), [0.0, 1.0])
    assert_array_equal(y.sum(axis=1), 1.0)
    assert abs(y[:, 1].mean() - 3 / 4) < 0.015


def test_a_hard_gumbel_choice_has_the_gradient_of_the_soft_one():
    x, dy = np.random.default_rng(0).normal(size=(2, 5, 4))
    soft, soft_backward = F.gumbel_softmax(x, hard=False, rng=1)
    hard, hard_backward = F.gumbel_softmax(x, hard=True, rng=1)
    assert_array_equal(hard.argmax(axis=1), soft.argmax(axis=1))
    assert_array_equal(hard_backward(dy), soft_backward(dy))


def test_a_small_tau_makes_the_soft_choice_hard():
    x = np.zeros((50, 3))
    soft, _ = F.gumbel_softmax(x, tau=1e-6, rng=1)
    assert_allclose(soft, F.gumbel_softmax(x, tau=1e-6, hard=True, rng=1)[0], atol=1e-6)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_dtype_converts_first_and_the_gradient_comes_back_as_x(name):
    x = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    dy = np.random.default_rng(1).normal(size=(3, 5))
    y, backward = getattr(F, name)(x, 1, dtype="float64")
    dx = backward(dy)
    t = torch.tensor(x, requires_grad=True)
    want = getattr(torch.nn.functional, name)(t, 1, dtype=torch.float64)
    want.backward(torch.tensor(dy))
    assert y.dtype == np.float64
    assert dx.dtype == np.float32
    assert_allclose(y, want.detach().numpy(), rtol=1e-14)
    assert_allclose(dx, t.grad.numpy(), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", [F.softmax, F.log_softmax, F.softmin])
@pytest.mark.parametrize("row", ["plain", "huge", "low", "masked", "all masked", "nan", "inf"])
@pytest.mark.parametrize(("shape", "axis"), [((1100, 40), 1), ((80, 9000), 0), ((12, 70, 1200), 1)])
def test_the_kernel_agrees_with_the_textbook_on_every_road(op, row, dtype, shape, axis):
    x = np.random.default_rng(0).normal(size=shape).astype(dtype)
    sign = -1 if op is F.softmin else 1
    rows = np.moveaxis(x, axis, -1)[(0,) * (x.ndim - 2)]
    if row == "huge":
        rows[700, 3] = sign * 500
    if row == "low":
        rows[5] -= sign * 1000
    if row == "masked":
        rows[:, ::2] = -sign * np.inf
    if row == "all masked":
        rows[1099] = -sign * np.inf
    if row == "nan":
        rows[3, 3] = np.nan
    if row == "inf":
        rows[3, 3] = sign * np.inf
    dy = np.random.default_rng(1).normal(size=x.shape).astype(dtype)
    y, backward = op(x, axis)
    with scratch.textbook():
        y_plain, backward_plain = op(x, axis)
    assert backward.function is not backward_plain.function
    eps = np.finfo(dtype).eps
    assert_allclose(y, y_plain, rtol=32 * eps, atol=4 * eps)
    assert_allclose(backward(dy), backward_plain(dy), rtol=64 * eps, atol=32 * eps)


@pytest.mark.parametrize("op", [F.softmax, F.log_softmax, F.softmin])
def test_a_sum_that_overflows_warns_of_nothing(op):
    x = np.full((1000, 100), -89.0 if op is F.softmin else 89.0, np.float32)
    for axis in (0, 1):
        with np.errstate(over="raise", invalid="raise"):
            y, _ = op(x, axis)
        share = 1 / x.shape[axis]
        assert_allclose(y, math.log(share) if op is F.log_softmax else share, rtol=1e-6)


@pytest.mark.parametrize(("shape", "axis"), [((1100, 40), 1), ((40, 2000), 0)])
def test_log_softmax_of_an_all_but_sure_choice_is_exact(shape, axis):
    # -log(1 + e^-14) = -8.3e-7; as a logit from 17 on minus log Σ eˣ it would be a multiple of 2^-19 = 1.9e-6
    x = np.full(shape, -50, np.float32)
    rows = np.moveaxis(x, axis, 1)
    rows[:, 0] = np.linspace(17, 27, len(rows))
    rows[:, 1] = rows[:, 0] - 14
    y, _ = F.log_softmax(x, axis)
    assert_allclose(np.moveaxis(y, axis, 1)[:, 0], -np.exp(-14), atol=1.2e-7)
