"""Losses that compare distributions: numbers worked out by hand, targets of 0, bounds."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from scratch import KLDivLoss
from scratch.functional import gaussian_nll_loss, kl_div, poisson_nll_loss


def test_poisson_nll_loss_by_hand():
    # exp(log 2) - 3 log 2, slope 2 - 3; without the logarithm 2 - 3 log 2, slope 1 - 3 / 2
    y, backward = poisson_nll_loss(np.array([np.log(2)]), np.array([3]))
    np.testing.assert_allclose(y, 2 - 3 * np.log(2))
    np.testing.assert_allclose(backward(), [-1.0])
    y, backward = poisson_nll_loss(np.array([2.0]), np.array([3]), log_input=False, eps=0.0)
    np.testing.assert_allclose(y, 2 - 3 * np.log(2))
    np.testing.assert_allclose(backward(), [-0.5])


def test_stirlings_approximation_is_added_above_1_only():
    y, _ = poisson_nll_loss(np.zeros(3), np.array([0.0, 1.0, 2.0]), full=True, reduction="none")
    np.testing.assert_allclose(y, [1.0, 1.0, 1 + 2 * np.log(2) - 2 + 0.5 * np.log(4 * np.pi)])


def test_a_count_of_1_has_no_gradient_from_stirlings_approximation():
    _, backward = poisson_nll_loss(np.zeros(2), np.array([1.0, 2.0]), full=True, reduction="sum")
    np.testing.assert_allclose(backward()[1], [0.0, np.log(2) + 0.25])


def test_gaussian_nll_loss_by_hand():
    # (log 2 + 4 / 2) / 2; dx = (1 - 3) / 2; dvar = (1 / 2 - 4 / 4) / 2
    y, backward = gaussian_nll_loss(np.array([1.0]), np.array([3.0]), np.array([2.0]))
    np.testing.assert_allclose(y, 0.5 * np.log(2) + 1)
    np.testing.assert_allclose(np.concatenate(backward()), [-1.0, 1.0, -0.25])


def test_a_variance_below_the_bound_is_the_bound():
    at_bound, backward_at_bound = gaussian_nll_loss(np.array([1.0]), np.array([3.0]), np.array([1e-6]))
    below, backward_below = gaussian_nll_loss(np.array([1.0]), np.array([3.0]), np.array([0.0]))
    assert at_bound == below
    for one, other in zip(backward_at_bound(), backward_below()):
        np.testing.assert_array_equal(one, other)


def test_a_target_wider_than_x_is_broadcast_in_gaussian_nll_loss():
    rng = np.random.default_rng(0)
    arrays = rng.normal(size=3), rng.normal(size=(2, 3)), rng.uniform(0.5, 1, size=3)
    y, backward = gaussian_nll_loss(*arrays)
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    F.gaussian_nll_loss(*tensors).backward()
    for gradient, tensor in zip(backward(), tensors):
        np.testing.assert_allclose(gradient, tensor.grad.numpy())


def test_kl_div_by_hand():
    # 1/2 log(1/2 / 1/4) twice = log 2 for one row
    y, backward = kl_div(np.log([[0.25, 0.25]]), np.array([[0.5, 0.5]]), reduction="batchmean")
    np.testing.assert_allclose(y, np.log(2))
    dx, dtarget = backward()
    np.testing.assert_allclose(dx, [[-0.5, -0.5]])
    np.testing.assert_allclose(dtarget, [[1 + np.log(2)] * 2])


def test_a_probability_of_0_adds_nothing_to_the_divergence_and_has_torchs_gradient():
    x, target = np.log([0.5, 0.5]), np.array([1.0, 0.0])
    y, backward = kl_div(x, target, reduction="sum")
    tensors = [torch.tensor(a, requires_grad=True) for a in (x, target)]
    F.kl_div(*tensors, reduction="sum").backward()
    np.testing.assert_allclose(y, np.log(2))
    for gradient, tensor in zip(backward(), tensors):
        np.testing.assert_allclose(gradient, tensor.grad.numpy())


def test_the_mean_of_a_divergence_warns_that_it_is_none():
    x, target = np.log([[0.25, 0.25]]), np.array([[0.5, 0.5]])
    with pytest.warns(UserWarning, match='"batchmean" divides by the batch size only'):
        y, backward = KLDivLoss()(x, target)
    np.testing.assert_allclose(y, np.log(2) / 2)
    np.testing.assert_allclose(backward()[0], [[-0.25, -0.25]])
