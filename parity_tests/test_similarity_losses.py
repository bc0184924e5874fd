"""Losses of embeddings: numbers worked out by hand, swapped and tied triplets, distances of one's own."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from scratch import PairwiseDistance, TripletMarginWithDistanceLoss
from scratch.functional import (
    cosine_embedding_loss,
    cosine_similarity,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)


def test_cosine_embedding_loss_by_hand():
    # cos of (3, 4) and (2, 0) is 0.6: 1 - 0.6 if together, 0.6 - 0.5 if apart, 0 for a target that is neither
    a, b = np.array([[3.0, 4.0]] * 3), np.array([[2.0, 0.0]] * 3)
    y, backward = cosine_embedding_loss(a, b, np.array([1, -1, 0]), margin=0.5, reduction="none")
    np.testing.assert_allclose(y, [0.4, 0.1, 0.0])
    da, db, _ = backward(np.ones(3))
    slope = np.array([0.128, -0.096])
    np.testing.assert_allclose(da, [-slope, slope, 0 * slope])
    np.testing.assert_allclose(db, [[0.0, -0.4], [0.0, 0.4], [0.0, 0.0]], atol=1e-12)


def test_at_the_margin_cosine_embedding_loss_has_the_slope_of_the_rising_side():
    y, backward = cosine_embedding_loss(np.array([1.0, 0.0]), np.array([0.0, 1.0]), np.array(-1))
    assert y == 0
    np.testing.assert_allclose(backward()[0], [0.0, 1.0])


def test_triplet_margin_loss_by_hand():
    # distances 1 and 1.5: 1 + 1 - 1.5
    anchor, positive, negative = np.array([0.0, 0.0]), np.array([0.0, 1.0]), np.array([1.5, 0.0])
    y, backward = triplet_margin_loss(anchor, positive, negative, eps=0.0)
    assert y == 0.5
    danchor, dpositive, dnegative = backward()
    np.testing.assert_array_equal(danchor, [1.0, -1.0])
    np.testing.assert_array_equal(dpositive, [0.0, 1.0])
    np.testing.assert_array_equal(dnegative, [-1.0, 0.0])


def test_swapping_takes_the_negatives_distance_from_the_positive_where_it_is_nearer():
    # from the anchor 3, from the positive 2: 2 + 1 - 2
    arrays = np.array([0.0]), np.array([1.0]), np.array([3.0])
    y, backward = triplet_margin_loss(*arrays, margin=2.0, eps=0.0, swap=True)
    assert y == 1.0
    np.testing.assert_array_equal(np.concatenate(backward()), [-1.0, 2.0, -1.0])


def test_tied_negatives_share_the_gradient_as_in_torch():
    arrays = np.array([[1.0, 0.0]]), np.array([[-1.0, 0.0]]), np.array([[0.0, 1.0]])
    y, backward = triplet_margin_loss(*arrays, eps=0.0, swap=True)
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    F.triplet_margin_loss(*tensors, eps=0.0, swap=True).backward()
    for gradient, tensor in zip(backward(), tensors):
        np.testing.assert_allclose(gradient, tensor.grad.numpy())


@pytest.mark.parametrize("swap", [False, True])
def test_any_op_or_module_of_two_arrays_is_a_distance_function(swap):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(4, 3)) for _ in range(3)]
    choices = (
        (PairwiseDistance(p=1.0), torch.nn.PairwiseDistance(p=1.0)),
        (lambda a, b: cosine_similarity(a, b, dim=-1), lambda a, b: F.cosine_similarity(a, b, dim=-1)),
    )
    for ours, theirs in choices:
        y, backward = TripletMarginWithDistanceLoss(distance_function=ours, swap=swap)(*arrays)
        tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
        expected = F.triplet_margin_with_distance_loss(*tensors, distance_function=theirs, swap=swap)
        expected.backward()
        np.testing.assert_allclose(y, expected.item())
        for gradient, tensor in zip(backward(), tensors):
            np.testing.assert_allclose(gradient, tensor.grad.numpy(), atol=1e-15)


def test_a_triplet_loss_takes_an_upstream_gradient():
    anchor, positive, negative = np.array([[0.0]]), np.array([[1.0]]), np.array([[1.5]])
    _, backward = triplet_margin_with_distance_loss(anchor, positive, negative, reduction="none")
    np.testing.assert_allclose(backward(np.array([3.0]))[2], [[-3.0]])
