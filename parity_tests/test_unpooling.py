"""Max unpooling: hand-worked numbers, and that it undoes max pooling."""

import numpy as np
import pytest
import torch

import scratch
from scratch import functional as F


def test_unpooling_puts_each_maximum_back():
    x = np.array([[[1.0, 5, 2, 4], [3, 0, 6, 1]]])
    (y, indices), _ = F.max_pool2d(x, 2, return_indices=True)
    assert y.tolist() == [[[5, 6]]]
    back, backward = F.max_unpool2d(y, indices, 2)
    assert back.tolist() == [[[0, 5, 0, 0], [0, 0, 6, 0]]]
    assert backward(np.arange(8.0).reshape(1, 2, 4)).tolist() == [[[1, 6]]]


def test_output_size_brings_back_what_the_pooling_left_over():
    (y, indices), _ = F.max_pool1d(np.array([[1.0, 2, 3, 4, 9]]), 2, return_indices=True)
    unpool = scratch.MaxUnpool1d(2)
    assert unpool.predict(y, indices).tolist() == [[0, 2, 0, 4]]
    assert unpool.predict(y, indices, output_size=(1, 1, 5)).tolist() == [[0, 2, 0, 4, 0]]
    with pytest.raises(ValueError, match=r"output_size must be less than stride \(2,\) from \(4,\), but is \(6,\)"):
        unpool.predict(y, indices, output_size=(6,))


def test_of_two_values_for_one_place_the_later_stays_and_both_get_its_gradient():
    y, backward = F.max_unpool1d(np.array([[1.0, 2.0]]), np.array([[3, 3]]), 2)
    assert y.tolist() == [[0, 0, 0, 2]]
    assert backward(np.array([[0.0, 0, 0, 7]])).tolist() == [[7, 7]]


def test_reprs_are_torchs():
    assert repr(scratch.MaxUnpool2d(3, stride=2, padding=1)) == repr(torch.nn.MaxUnpool2d(3, stride=2, padding=1))
