"""Cross-entropy and negative log-likelihood: numbers worked out by hand, ignored targets, masked classes."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import scratch
from scratch.functional import cross_entropy, nll_loss

LOG3 = np.log(3)


def test_nll_loss_by_hand():
    # weights of the right classes 2 and 1, values -1 and -5: (2 · 1 + 1 · 5) / 3
    x = np.array([[-1.0, -2.0], [-4.0, -5.0]])
    y, backward = nll_loss(x, np.array([0, 1]), np.array([2.0, 1.0]))
    np.testing.assert_allclose(y, 7 / 3)
    np.testing.assert_allclose(backward(), [[-2 / 3, 0], [0, -1 / 3]])


def test_cross_entropy_by_hand():
    # softmax of (0, log 3) is (1/4, 3/4): the loss of class 0 is log 4, dx = (1/4 - 1, 3/4)
    y, backward = cross_entropy(np.array([0.0, LOG3]), np.array(0))
    np.testing.assert_allclose(y, np.log(4))
    np.testing.assert_allclose(backward(), [-0.75, 0.75])


def test_label_smoothing_by_hand():
    # wanted probabilities (1 - 0.2) (1, 0) + 0.2 / 2 = (0.9, 0.1) against (1/4, 3/4)
    y, backward = cross_entropy(np.array([[0.0, LOG3]]), np.array([0]), label_smoothing=0.2)
    np.testing.assert_allclose(y, 0.9 * np.log(4) + 0.1 * np.log(4 / 3))
    np.testing.assert_allclose(backward(), [[-0.65, 0.65]])


def test_probabilities_by_hand():
    y, backward = cross_entropy(np.array([[0.0, LOG3]]), np.array([[0.9, 0.1]]))
    dx, dtarget = backward()
    np.testing.assert_allclose(y, 0.9 * np.log(4) + 0.1 * np.log(4 / 3))
    np.testing.assert_allclose(dx, [[-0.65, 0.65]])
    np.testing.assert_allclose(dtarget, [[np.log(4), np.log(4 / 3)]])


def test_probabilities_that_do_not_sum_to_one_are_taken_as_they_are():
    # dx = softmax · Σ target - target
    _, backward = cross_entropy(np.array([[0.0, LOG3]]), np.array([[2.0, 2.0]]))
    np.testing.assert_allclose(backward()[0], [[-1.0, 1.0]])


def test_ignored_targets_count_neither_in_the_sum_nor_in_the_mean():
    x = np.array([[0.0, LOG3], [7.0, -2.0]])
    y, backward = cross_entropy(x, np.array([0, -100]))
    np.testing.assert_allclose(y, np.log(4))
    np.testing.assert_allclose(backward(), [[-0.75, 0.75], [0.0, 0.0]])


def test_a_mean_over_nothing_is_nan_and_has_no_gradient_as_in_torch():
    for op, reference in ((cross_entropy, F.cross_entropy), (nll_loss, F.nll_loss)):
        x, target = np.array([[0.0, LOG3]]), np.array([-100])
        y, backward = op(x, target)
        tensor = torch.tensor(x, requires_grad=True)
        reference(tensor, torch.tensor(target)).backward()
        assert np.isnan(y)
        np.testing.assert_array_equal(backward(), tensor.grad.numpy())


def test_classes_masked_with_minus_infinity_take_no_part():
    y, backward = cross_entropy(np.array([[0.0, -np.inf, LOG3]]), np.array([0]))
    np.testing.assert_allclose(y, np.log(4))
    np.testing.assert_allclose(backward(), [[-0.75, 0.0, 0.75]])


def test_large_logits_do_not_overflow():
    y, backward = cross_entropy(np.array([[1e4, 0.0]], np.float32), np.array([1]))
    assert y == 1e4
    np.testing.assert_array_equal(backward(), [[1.0, -1.0]])


def test_uint8_class_indices_are_accepted_and_one_target_may_have_an_axis():
    y, _ = cross_entropy(np.array([0.0, LOG3]), np.array([0], np.uint8))
    np.testing.assert_allclose(y, np.log(4))
    assert y.shape == ()


def test_probabilities_of_a_wider_dtype_leave_the_logits_gradient_in_float32():
    y, backward = cross_entropy(np.zeros((1, 2), np.float32), np.array([[0.9, 0.1]]))
    dx, dtarget = backward()
    assert (y.dtype, dx.dtype, dtarget.dtype) == (np.float64, np.float32, np.float64)


def rows_of_every_kind(rows, classes, dtype):
    """Ordinary rows, rows around ±1000, masked classes, and one row of only -inf."""
    x = np.random.default_rng(0).normal(size=(rows, classes)).astype(dtype)
    x[rows // 3] += 1000
    x[rows // 2] -= 1000
    x[2 * rows // 3, 1:] = -np.inf
    x[-1] = -np.inf
    return x


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("reduction", ["none", "sum"])
@pytest.mark.parametrize(("classes", "choices"), [(500, (2500,)), (70, (2, 90, 100)), (30, (40, 600))])
def test_the_kernel_gives_the_textbooks_numbers_over_many_blocks(dtype, reduction, classes, choices):
    rows = math.prod(choices)
    x = rows_of_every_kind(rows, classes, dtype)
    rng = np.random.default_rng(1)
    target = rng.integers(0, classes, rows)
    target[2 * rows // 3] = 0
    target[::7] = -100
    x, target = np.moveaxis(x.reshape(*choices, classes), -1, 1), target.reshape(choices)
    weight = rng.uniform(0.5, 2, classes).astype(dtype)
    y, backward = cross_entropy(x, target, weight, reduction=reduction)
    assert type(backward.saved).__name__ == "CrossEntropyKernelSaved"
    with scratch.textbook():
        expected, expected_backward = cross_entropy(x, target, weight, reduction=reduction)
    dy = rng.normal(size=expected.shape).astype(dtype)
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(y, expected, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(backward(dy), expected_backward(dy), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("shift", [-1000, -30, 0, 19, 26, 30, 1000])
def test_the_kernel_needs_no_row_maximum_only_where_it_is_safe(shift):
    # adding a constant to all logits changes nothing
    x = np.random.default_rng(0).normal(size=(8, 5))
    target = np.arange(8) % 5
    y, backward = cross_entropy(x + shift, target)
    expected, expected_backward = cross_entropy(x, target)
    np.testing.assert_allclose(y, expected, rtol=1e-12)
    np.testing.assert_allclose(backward(), expected_backward(), rtol=1e-11, atol=1e-14)


def test_the_kernel_is_exact_where_the_right_class_is_sure_or_all_but_excluded():
    # log(1 + exp(-15)) and 200: without a row maximum, log Σ exp x - x would round to multiples of 2^-20
    x = np.array([[15.0, 0.0], [0.0, -200.0]], np.float32)
    y, _ = cross_entropy(x, np.array([0, 1]), reduction="none")
    np.testing.assert_allclose(y, [np.log1p(np.exp(-15)), 200.0], atol=6e-8)


def test_of_one_class_the_loss_and_its_gradient_are_0():
    y, backward = cross_entropy(np.full((3, 1), 0.7, np.float32), np.zeros(3, np.int64))
    assert y == 0
    np.testing.assert_array_equal(backward(), np.zeros((3, 1)))
