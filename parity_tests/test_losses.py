"""Losses between arrays of one shape: numbers worked out by hand, conventions at kinks and edges."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from scratch import BCEWithLogitsLoss, L1Loss, MSELoss
from scratch.functional import binary_cross_entropy, binary_cross_entropy_with_logits, l1_loss, mse_loss
from scratch.reduction import legacy_reduction


def test_mse_loss_by_hand():
    # errors 1 - 3 = -2 and 3 - 2 = 1: squares 4 and 1, mean 2.5; its gradient 2 · error / 2
    y, backward = mse_loss(np.array([1.0, 3.0]), np.array([3.0, 2.0]))
    dx, dtarget, _ = backward()
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


def test_binary_cross_entropy_by_hand():
    # -log 0.5 and -log(1 - 0.75) = 2 log 2: mean 1.5 log 2; dx = (x - t) / (x (1 - x)) / 2
    y, backward = binary_cross_entropy(np.array([0.5, 0.75]), np.array([1.0, 0.0]))
    dx, dtarget, _ = backward()
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


@pytest.mark.parametrize("op", [mse_loss, l1_loss])
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
    dx, dtarget, _ = backward(dy)
    np.testing.assert_allclose(dx, tensors[0].grad.numpy())
    np.testing.assert_allclose(dtarget, tensors[1].grad.numpy())


def test_gradients_have_the_dtype_of_their_argument_when_dtypes_differ():
    x, target = np.array([1.0, 3.0], np.float32), np.array([3.0, 2.0])
    for op in (mse_loss, l1_loss, binary_cross_entropy_with_logits):
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


def test_weights_of_modules_are_buffers():
    loss = BCEWithLogitsLoss(weight=np.ones(3, np.float32), pos_weight=np.ones(3, np.float32))
    assert list(loss.state_dict()) == ["weight", "pos_weight"]
    assert list(BCEWithLogitsLoss().state_dict()) == []
    assert repr(L1Loss(reduction="sum")) == "L1Loss()"
