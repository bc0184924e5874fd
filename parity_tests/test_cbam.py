"""CBAM: numbers worked out by hand, equal maxima, and that one network sees both summaries."""

import numpy as np

from scratch.models import CBAMBlock, ChannelAttention, SpatialAttention
from scratch.models.cbam import max_and_mean


def test_channel_weights_come_from_maximum_and_mean_through_one_network():
    # one channel with maximum 3 and mean 1; se multiplies by 1 and by ln 3 / 4: ln 3 · (3 + 1) / 4 = ln 3 -> 3/4
    layer = ChannelAttention(1, 1).double()
    layer.load_state_dict({"se.0.weight": np.ones((1, 1, 1, 1)), "se.2.weight": np.full((1, 1, 1, 1), np.log(3) / 4)})
    y, backward = layer(np.array([[[[3.0, -1.0]]]]))
    np.testing.assert_allclose(y, [[[[0.75]]]])
    # sigmoid' = 3/16, times ln 3 / 4; the maximum's share goes to the 3 alone, the mean's to both halves
    slope = 3 / 16 * np.log(3) / 4
    np.testing.assert_allclose(backward(np.ones((1, 1, 1, 1))), [[[[1.5 * slope, 0.5 * slope]]]])


def test_maximum_and_mean_over_the_channels():
    x = np.array([1.0, 5.0, 3.0]).reshape(1, 3, 1, 1)
    y, backward = max_and_mean(x)
    np.testing.assert_array_equal(y.ravel(), [5, 3])
    np.testing.assert_array_equal(backward(np.array([10.0, 6.0]).reshape(1, 2, 1, 1)).ravel(), [2, 12, 2])


def test_of_equal_maxima_the_first_channel_gets_the_gradient():
    _, backward = max_and_mean(np.ones((1, 3, 1, 1)))
    np.testing.assert_array_equal(backward(np.array([1.0, 0.0]).reshape(1, 2, 1, 1)).ravel(), [1, 0, 0])


def test_weights_of_zero_everywhere_halve_twice():
    # all parameters 0: both gates are 1/2, so y = x + x / 4
    layer = CBAMBlock(2, 1, 3).double()
    layer.load_state_dict({key: np.zeros_like(value) for key, value in layer.state_dict().items()})
    x = np.random.default_rng(0).normal(size=(2, 2, 3, 3))
    np.testing.assert_allclose(layer.predict(x), 1.25 * x)


def test_the_map_may_be_smaller_than_the_kernel():
    assert SpatialAttention(7).predict(np.ones((1, 2, 3, 2), np.float32)).shape == (1, 1, 3, 2)
