"""Regression losses: numbers worked out by hand, conventions at kinks, broadcasting and dtypes."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from scratch import L1Loss, MSELoss
from scratch.functional import huber_loss, l1_loss, mse_loss, smooth_l1_loss
from scratch.reduction import legacy_reduction


def test_mse_loss_by_hand():
    # errors 1 - 3 = -2 and 3 - 2 = 1: squares 4 and 1, mean 2.5; its gradient 2 · error / 2
    y, backward = mse_loss(np.array([1.0, 3.0]), np.array([3.0, 2.0]))
    dx, dtarget = backward()
    assert y == 2.5
    np.testing.assert_array_equal(dx, [-2.0, 1.0])
    np.testing.assert_array_equal(dtarget, [2.0, -1.0])


def test_weighted_mse_loss_by_hand():
    # squares 4 and 1 with weights 1 and 3: (4 + 3) / 4; dx = 2 · weight · error / 4; dweight = (square - 1.75) / 4
    y, backward = mse_loss(np.array([1.0, 3.0]), np.array([3.0, 2.0]), weight=np.array([1.0, 3.0]))
    dx, _, dweight = backward()
    assert y == 1.75
    np.testing.assert_array_equal(dx, [-1.0, 1.5])
    np.testing.assert_array_equal(dweight, [0.5625, -0.1875])


def test_l1_loss_by_hand_has_no_slope_at_its_kink():
    # |1 - 3| + |2 - 2| + |5 - 1| = 6
    y, backward = l1_loss(np.array([1.0, 2.0, 5.0]), np.array([3.0, 2.0, 1.0]), reduction="sum")
    assert y == 6.0
    np.testing.assert_array_equal(backward()[0], [-1.0, 0.0, 1.0])


def test_a_scalar_loss_takes_any_upstream_number():
    _, backward = mse_loss(np.array([1.0, 3.0]), np.array([3.0, 2.0]))
    np.testing.assert_array_equal(backward(10.0)[0], [-20.0, 10.0])


def test_smooth_l1_and_huber_by_hand_meet_at_the_end_of_the_parabola():
    # beta 2: 1² / 4 = 0.25, 2 - 1 = 1, 3 - 1 = 2 with slopes 1 / 2, 1, 1; Huber is twice that
    x, target = np.array([1.0, -2.0, 3.0]), np.zeros(3)
    y, backward = smooth_l1_loss(x, target, reduction="none", beta=2.0)
    np.testing.assert_array_equal(y, [0.25, 1.0, 2.0])
    np.testing.assert_array_equal(backward(np.ones(3))[0], [0.5, -1.0, 1.0])
    y, backward = huber_loss(x, target, reduction="none", delta=2.0)
    np.testing.assert_array_equal(y, [0.5, 2.0, 4.0])
    np.testing.assert_array_equal(backward(np.ones(3))[0], [1.0, -2.0, 2.0])


def test_huber_loss_has_the_dtype_of_x_as_in_torch():
    y, backward = huber_loss(np.array([1.0, 3.0], np.float32), np.array([3.0, 2.0]))
    assert (y.dtype, backward()[1].dtype) == (np.float32, np.float64)


@pytest.mark.parametrize("op", [mse_loss, l1_loss, smooth_l1_loss, huber_loss])
def test_a_target_of_another_shape_is_broadcast_with_a_warning(op):
    rng = np.random.default_rng(0)
    x, target, dy = rng.normal(size=(2, 3)), rng.normal(size=(4, 1, 3)), rng.normal(size=(4, 2, 3))
    with pytest.warns(UserWarning, match=r"target \(4, 1, 3\) has not the shape of x \(2, 3\) and is broadcast"):
        y, backward = op(x, target, reduction="none")
    tensors = [torch.tensor(a, requires_grad=True) for a in (x, target)]
    with pytest.warns(UserWarning, match="target size"):
        expected = getattr(F, op.__name__)(*tensors, reduction="none")
    expected.backward(torch.tensor(dy))
    np.testing.assert_allclose(y, expected.detach().numpy())
    dx, dtarget, *_ = backward(dy)
    np.testing.assert_allclose(dx, tensors[0].grad.numpy())
    np.testing.assert_allclose(dtarget, tensors[1].grad.numpy())


def test_gradients_have_the_dtype_of_their_argument_when_dtypes_differ():
    x, target = np.array([1.0, 3.0], np.float32), np.array([3.0, 2.0])
    for op in (mse_loss, l1_loss, smooth_l1_loss):
        y, backward = op(x, target)
        dx, dtarget, *_ = backward()
        assert (y.dtype, dx.dtype, dtarget.dtype) == (np.float64, np.float32, np.float64)


def test_an_integer_target_keeps_float32():
    y, backward = mse_loss(np.array([1.0, 3.0], np.float32), np.array([3, 2]))
    assert y.dtype == np.float32
    assert backward().dtype == np.float32


@pytest.mark.parametrize("size_average", [None, True, False])
@pytest.mark.parametrize("reduce", [None, True, False])
def test_deprecated_arguments_choose_the_reduction_as_in_torch(size_average, reduce):
    if size_average is None and reduce is None:
        assert legacy_reduction(None, None, "sum") == "sum"
    else:
        expected = torch.nn.MSELoss(size_average, reduce, "sum").reduction
        assert MSELoss(size_average, reduce, "sum").reduction == expected


def test_losses_look_like_torchs():
    assert repr(L1Loss(reduction="sum")) == "L1Loss()"
