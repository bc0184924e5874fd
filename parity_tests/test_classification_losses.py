"""Cross-entropy and negative log-likelihood: numbers worked out by hand, ignored targets, masked classes."""

import numpy as np
import torch
import torch.nn.functional as F

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
    dx, dtarget, _ = backward()
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
    dx, dtarget, _ = backward()
    assert (y.dtype, dx.dtype, dtarget.dtype) == (np.float64, np.float32, np.float64)
