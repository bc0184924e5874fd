"""Power-average pooling: hand-worked numbers and conventions."""

import numpy as np
import torch

import scratch
from scratch import functional as F


def test_two_norm_of_a_window_by_hand():
    # sqrt(9 + 16) = 5, slopes 3/5 and 4/5
    y, backward = F.lp_pool1d(np.array([[3.0, -4.0]]), 2, 2)
    assert y.tolist() == [[5]]
    np.testing.assert_allclose(backward(np.array([[10.0]])), [[6, -8]])


def test_one_norm_is_the_sum():
    y, backward = F.lp_pool1d(np.array([[3.0, 4.0]]), 1, 2)
    assert y.tolist() == [[7]]
    assert backward(np.array([[2.0]])).tolist() == [[2, 2]]


def test_the_derivative_at_a_sum_of_zero_is_zero():
    for p, x in ((2, [[0.0, 0.0]]), (1, [[1.0, -1.0]])):
        assert F.lp_pool1d(np.array(x), p, 2)[1](np.ones((1, 1))).tolist() == [[0, 0]]


def test_an_odd_root_of_a_negative_sum_is_nan():
    assert np.isnan(F.lp_pool1d(np.array([[-1.0, -1.0]]), 3, 2)[0]).all()


def test_reprs_are_torchs():
    assert repr(scratch.LPPool2d(2, 3, stride=2)) == repr(torch.nn.LPPool2d(2, 3, stride=2))
