"""Reshaping: what a reshape promises beyond its numbers."""

import numpy as np
import torch

import scratch
from scratch import functional as F


def test_flatten_keeps_row_major_order():
    y, backward = F.flatten(np.array([[[1.0, 2], [3, 4]]]), start_dim=1)
    assert y.tolist() == [[1, 2, 3, 4]]
    assert backward(np.array([[5.0, 6, 7, 8]])).tolist() == [[[5, 6], [7, 8]]]


def test_flatten_makes_a_row_of_a_scalar():
    y, backward = F.flatten(np.array(3.0))
    assert y.shape == (1,)
    assert backward(np.array([2.0])).shape == ()


def test_unflatten_undoes_flatten():
    x = np.arange(24.0).reshape(2, 3, 4)
    y, _ = scratch.Unflatten(1, (3, -1)).forward(scratch.Flatten().predict(x))
    assert np.array_equal(y, x)


def test_identity_takes_any_arguments_and_returns_a_copy():
    x = np.ones(3)
    y, backward = scratch.Identity(54, unused=True)(x)
    y[0] = 7
    assert x[0] == 1
    assert backward(np.arange(3.0)).tolist() == [0, 1, 2]


def test_reprs_are_torchs():
    assert repr(scratch.Flatten(1, 2)) == repr(torch.nn.Flatten(1, 2))
    assert repr(scratch.Unflatten(1, (2, 3))) == repr(torch.nn.Unflatten(1, (2, 3)))
    assert repr(scratch.Identity()) == repr(torch.nn.Identity())
