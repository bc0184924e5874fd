"""Bilinear, by hand."""

import numpy as np

import scratch
from scratch.functional import bilinear


def test_every_product_of_features_has_its_weight():
    input1, input2 = np.array([[1.0, 2.0]]), np.array([[3.0, 5.0]])
    weight = np.array([[[1.0, 10.0], [100.0, 1000.0]]])
    y, backward = bilinear(input1, input2, weight, np.array([0.5]))
    # 1·3·1 + 1·5·10 + 2·3·100 + 2·5·1000 + 0.5
    np.testing.assert_array_equal(y, [[10653.5]])
    dinput1, dinput2, dweight, dbias = backward(np.array([[2.0]]))
    np.testing.assert_array_equal(dinput1, [[2 * (3 + 50), 2 * (300 + 5000)]])
    np.testing.assert_array_equal(dinput2, [[2 * (1 + 200), 2 * (10 + 2000)]])
    np.testing.assert_array_equal(dweight, [[[6, 10], [12, 20]]])
    np.testing.assert_array_equal(dbias, [2])


def test_starts_within_the_root_of_the_first_inputs_features():
    layer = scratch.Bilinear(16, 50, 40, rng=0)
    assert 0.24 < np.abs(layer.weight.data).max() <= 0.25
    assert np.abs(layer.bias.data).max() <= 0.25
