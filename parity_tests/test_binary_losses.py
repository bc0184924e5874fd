"""Losses of yes-or-no questions: numbers worked out by hand, logits far out, probabilities of 0 and 1."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import scratch
from scratch import BCEWithLogitsLoss
from scratch.functional import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    multilabel_soft_margin_loss,
    soft_margin_loss,
)


def test_binary_cross_entropy_by_hand():
    # -log 0.5 and -log(1 - 0.75) = 2 log 2: mean 1.5 log 2; dx = (x - t) / (x (1 - x)) / 2
    y, backward = binary_cross_entropy(np.array([0.5, 0.75]), np.array([1.0, 0.0]))
    dx, dtarget = backward()
    np.testing.assert_allclose(y, 1.5 * np.log(2))
    np.testing.assert_allclose(dx, [-1.0, 2.0])
    np.testing.assert_allclose(dtarget, [0.0, -np.log(3) / 2])  # log(1 - x) - log x


def test_binary_cross_entropy_at_0_and_1_is_at_most_100_as_in_torch():
    x, target = np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0, 0.0])
    y, backward = binary_cross_entropy(x, target, reduction="none")
    np.testing.assert_array_equal(y, [0.0, 0.0, 100.0, 100.0])
    tensors = [torch.tensor(a, requires_grad=True) for a in (x, target)]
    F.binary_cross_entropy(*tensors, reduction="sum").backward()
    for gradient, tensor in zip(backward(np.ones(4)), tensors):
        np.testing.assert_array_equal(gradient, tensor.grad.numpy())


def test_binary_cross_entropy_with_logits_by_hand():
    # σ(0) = 1/2, σ(log 3) = 3/4: losses log 2 for target 1, and 2 log 2 for target 0; dx = σ(x) - target
    y, backward = binary_cross_entropy_with_logits(np.array([0.0, np.log(3)]), np.array([1.0, 0.0]), reduction="sum")
    np.testing.assert_allclose(y, 3 * np.log(2))
    np.testing.assert_allclose(backward()[0], [-0.5, 0.75])
    np.testing.assert_allclose(backward()[1], [0.0, -np.log(3)])


def test_pos_weight_multiplies_the_positive_losses_only():
    x, target = np.array([0.0, np.log(3)]), np.array([1.0, 0.0])
    y, backward = binary_cross_entropy_with_logits(x, target, reduction="none", pos_weight=np.array(5.0))
    np.testing.assert_allclose(y, [5 * np.log(2), 2 * np.log(2)])
    np.testing.assert_allclose(backward(np.ones(2))[0], [-2.5, 0.75])


def test_logits_far_out_do_not_overflow():
    y, backward = binary_cross_entropy_with_logits(np.array([-1e4, 1e4]), np.array([1.0, 0.0]), reduction="none")
    np.testing.assert_array_equal(y, [1e4, 1e4])
    np.testing.assert_array_equal(backward(np.ones(2))[0], [-1.0, 1.0])


def test_weights_of_modules_are_buffers():
    loss = BCEWithLogitsLoss(weight=np.ones(3, np.float32), pos_weight=np.ones(3, np.float32))
    assert list(loss.state_dict()) == ["weight", "pos_weight"]
    assert list(BCEWithLogitsLoss().state_dict()) == []


def test_soft_margin_loss_by_hand():
    # log(1 + exp(-t x)): log 2 at 0, log(4 / 3) for x = log 3 and t = 1, log 4 for t = -1
    x, target = np.array([0.0, np.log(3), np.log(3)]), np.array([1, 1, -1])
    y, backward = soft_margin_loss(x, target, reduction="none")
    np.testing.assert_allclose(y, np.log([2, 4 / 3, 4]))
    np.testing.assert_allclose(backward(np.ones(3)), [-0.5, -0.25, 0.75])


def test_soft_margin_loss_stays_finite_where_torch_overflows():
    y, backward = soft_margin_loss(np.array([-1000.0], np.float32), np.array([1]), reduction="none")
    assert y == 1000
    np.testing.assert_array_equal(backward(np.ones(1)), [-1.0])


def test_multilabel_soft_margin_loss_is_the_mean_over_the_labels():
    # labels log 2 and, for target 0 at log 3, log 4: mean 1.5 log 2
    y, backward = multilabel_soft_margin_loss(np.array([[0.0, np.log(3)]]), np.array([[1.0, 0.0]]))
    dx, dtarget = backward()
    np.testing.assert_allclose(y, 1.5 * np.log(2))
    np.testing.assert_allclose(dx, [[-0.25, 0.375]])
    np.testing.assert_allclose(dtarget, [[0.0, -np.log(3) / 2]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("far", [0, 20, 1000, np.inf])
def test_the_multilabel_kernel_keeps_the_textbooks_digits_where_labels_are_sure(dtype, reduction, far):
    rng = np.random.default_rng(0)
    target = rng.integers(0, 2, (600, 1000))
    x = rng.normal(size=target.shape).astype(dtype)
    x[::2] += (2 * target[::2] - 1) * (far if np.isfinite(far) else 0)
    x[5, 5] = far
    y, backward = multilabel_soft_margin_loss(x, target, reduction=reduction)
    with scratch.textbook():
        expected, expected_backward = multilabel_soft_margin_loss(x, target, reduction=reduction)
    assert backward.function is not expected_backward.function
    assert y.dtype == dtype
    dy = rng.normal(size=expected.shape).astype(dtype)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(y, expected, rtol=256 * eps)
    np.testing.assert_allclose(backward(dy), expected_backward(dy), rtol=64 * eps, atol=1e-18)
