"""VGG: training with batch norm, and which convolutions the forms have."""

import numpy as np
import pytest

from scratch.convolution import Conv2d
from scratch.models import VGG, vgg11


def test_in_training_a_bias_before_batch_norm_has_no_effect():
    net = VGG(((1, 4),), num_classes=2, batch_norm=True, dropout=0.0, small_images=True, hidden=3, rng=0).double()
    x = np.random.default_rng(0).normal(size=(4, 3, 6, 6))
    y, backward = net(x)
    backward(np.random.default_rng(1).normal(size=y.shape))
    bias, weight = net.features[0].bias, net.features[0].weight
    assert abs(bias.grad).max() < 1e-12 < abs(weight.grad).max()


@pytest.mark.parametrize("size", [28, 32])
def test_five_poolings_fit_into_small_images(size):
    net = vgg11(num_classes=10, in_channels=1, small_images=True, rng=0).eval()
    assert sum(isinstance(m, Conv2d) for m in net.features) == 8
    assert net.predict(np.zeros((1, 1, size, size), np.float32)).shape == (1, 10)


def test_dropout_drops_in_training_only():
    net = VGG(((1, 4),), num_classes=2, small_images=True, hidden=32, rng=0)
    x = np.random.default_rng(0).normal(size=(4, 3, 6, 6)).astype(np.float32)
    assert (net.predict(x) != net.predict(x)).any()
    net.eval()
    np.testing.assert_array_equal(net.predict(x), net.predict(x))
