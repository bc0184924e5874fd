"""Unfold and fold by numbers one can see through."""

import numpy as np

from scratch import Fold, Unfold
from scratch.functional import conv2d, fold, unfold


def test_columns_are_patches_and_rows_go_by_channel_then_kernel():
    x = np.array([[[1.0, 2.0], [3.0, 4.0]], [[10.0, 20.0], [30.0, 40.0]]])
    assert unfold(x, 2)[0].tolist() == [[1], [2], [3], [4], [10], [20], [30], [40]]
    assert unfold(x, (1, 2))[0].tolist() == [[1, 3], [2, 4], [10, 30], [20, 40]]


def test_fold_adds_up_where_patches_overlap():
    x = np.arange(1.0, 10).reshape(1, 3, 3)
    y, _ = fold(unfold(x, 2)[0], 3, 2)
    assert y.tolist() == (x * [[1, 2, 1], [2, 4, 2], [1, 2, 1]]).tolist()


def test_each_is_the_others_backward():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3, 5, 4))
    y, unfold_backward = unfold(x, 3, padding=1, stride=2)
    dy = rng.normal(size=y.shape)
    dx, fold_backward = fold(dy, (5, 4), 3, padding=1, stride=2)
    np.testing.assert_array_equal(unfold_backward(dy), dx)
    np.testing.assert_array_equal(fold_backward(x), y)


def test_a_convolution_is_a_product_with_the_columns():
    rng = np.random.default_rng(0)
    x, weight = rng.normal(size=(2, 3, 6, 6)), rng.normal(size=(4, 3, 3, 3))
    columns, _ = unfold(x, 3)
    np.testing.assert_allclose((weight.reshape(4, -1) @ columns).reshape(2, 4, 4, 4), conv2d(x, weight)[0], atol=1e-12)


def test_layers_look_as_in_torch():
    assert repr(Unfold((2, 3), dilation=2)) == "Unfold(kernel_size=(2, 3), dilation=2, padding=0, stride=1)"
    assert repr(Fold(4, (2, 1))) == "Fold(output_size=4, kernel_size=(2, 1), dilation=1, padding=0, stride=1)"
