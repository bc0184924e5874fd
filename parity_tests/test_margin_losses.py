"""Margin losses: numbers worked out by hand, kinks, targets of an unusual kind."""

import numpy as np
import pytest

from scratch.functional import (
    hinge_embedding_loss,
    margin_ranking_loss,
    multi_margin_loss,
    multilabel_margin_loss,
)


def test_hinge_embedding_loss_by_hand():
    # near: 0.25; far: 1 - 0.25, 0 beyond the margin, and slope -1 on it
    x, target = np.array([0.25, 0.25, 3.0, 1.0]), np.array([1, -1, -1, -1])
    y, backward = hinge_embedding_loss(x, target, reduction="none")
    np.testing.assert_array_equal(y, [0.25, 0.75, 0.0, 0.0])
    np.testing.assert_array_equal(backward(np.ones(4)), [1.0, -1.0, 0.0, -1.0])


def test_hinge_embedding_loss_adds_both_for_a_target_that_is_neither():
    y, _ = hinge_embedding_loss(np.array([0.25]), np.array([0]), reduction="none")
    assert y == 0.25 + 0.75


def test_margin_ranking_loss_by_hand():
    # 1 - 1 · (0 - 2) = 3; 1 - (-1) · (0 - 2) = -1 -> 0; on the kink 1 - 1 · (1 - 0) = 0 with a slope
    a, b, target = np.array([0.0, 0.0, 1.0]), np.array([2.0, 2.0, 0.0]), np.array([1.0, -1.0, 1.0])
    y, backward = margin_ranking_loss(a, b, target, margin=1, reduction="none")
    np.testing.assert_array_equal(y, [3.0, 0.0, 0.0])
    da, db, dtarget = backward(np.ones(3))
    np.testing.assert_array_equal(da, [-1.0, 0.0, -1.0])
    np.testing.assert_array_equal(db, [1.0, 0.0, 1.0])
    np.testing.assert_array_equal(dtarget, [2.0, 0.0, -1.0])


def test_multi_margin_loss_by_hand():
    # right class 1: gaps 1 - 0.5 + 0 = 0.5 and 1 - 0.5 + 1 = 1.5, the mean over 3 classes; squares with p = 2
    x, target = np.array([[0.0, 0.5, 1.0]]), np.array([1])
    y, backward = multi_margin_loss(x, target)
    np.testing.assert_allclose(y, 2 / 3)
    np.testing.assert_allclose(backward(), [[1 / 3, -2 / 3, 1 / 3]])
    y, backward = multi_margin_loss(x, target, p=2, weight=np.array([1.0, 3.0, 1.0]))
    np.testing.assert_allclose(y, 3 * (0.25 + 2.25) / 3)
    np.testing.assert_allclose(backward(), [[1.0, -4.0, 3.0]])


def test_multi_margin_loss_has_no_slope_on_its_kink():
    y, backward = multi_margin_loss(np.array([[1.0, 0.0]]), np.array([0]))
    assert y == 0
    np.testing.assert_array_equal(backward(), [[0.0, 0.0]])


@pytest.mark.parametrize("p", [1, 2])
def test_multi_margin_loss_keeps_float32(p):
    y, backward = multi_margin_loss(np.zeros((2, 3), np.float32), np.array([0, 1]), p=p)
    assert (y.dtype, backward().dtype) == (np.float32, np.float32)


def test_multilabel_margin_loss_by_hand():
    # named 3 and 0, others 1 and 2; gaps 1 - (x[l] - x[c]): of 3: 0.4, 0.6; of 0: 1.1, 1.3; together 3.4 / 4
    x, target = np.array([0.1, 0.2, 0.4, 0.8]), np.array([3, 0, -1, 1])
    y, backward = multilabel_margin_loss(x, target)
    np.testing.assert_allclose(y, 0.85)
    np.testing.assert_allclose(backward(), [-0.5, 0.5, 0.5, -0.5])


def test_multilabel_margin_loss_counts_a_label_twice_that_is_named_twice():
    y, backward = multilabel_margin_loss(np.array([0.0, 0.0]), np.array([1, 1]))
    assert y == 1.0
    np.testing.assert_array_equal(backward(), [1.0, -1.0])
