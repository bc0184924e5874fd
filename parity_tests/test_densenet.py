"""DenseNet: what a layer adds, what flows back to it, and what an error leaves behind."""

import numpy as np
import pytest

from scratch.models import DenseLayer, DenseNet


def test_a_layer_keeps_its_input_and_puts_new_channels_behind_it():
    layer = DenseLayer(3, growth_rate=2, rng=0).double()
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 4))
    y, backward = layer(x)
    assert y.shape == (2, 5, 4, 4)
    np.testing.assert_array_equal(y[:, :3], x)
    dy = np.random.default_rng(1).normal(size=y.shape)
    dy[:, 3:] = 0  # nothing wanted of the new channels: the gradient comes straight through
    np.testing.assert_array_equal(backward(dy), dy[:, :3])
    assert not any(p.grad.any() for p in layer.parameters())


def test_every_layer_of_a_block_gets_gradients_from_all_later_ones():
    # the loss looks at the last layer's new channels only
    net = DenseNet(2, (3,), 4, 2, num_classes=2, small_images=True, rng=0).double()
    block = net.features["denseblock1"]
    y, backward = block(np.random.default_rng(0).normal(size=(2, 4, 4, 4)))
    dy = np.zeros_like(y)
    dy[:, -2:] = np.random.default_rng(1).normal(size=(2, 2, 4, 4))
    backward(dy)
    assert all(p.grad.any() for p in block.parameters())


def test_dropout_drops_new_channels_only_and_in_training_only():
    layer = DenseLayer(3, growth_rate=2, dropout=1.0, rng=0)
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 4)).astype(np.float32)
    y = layer.predict(x)
    np.testing.assert_array_equal(y[:, :3], x)
    assert not y[:, 3:].any()
    assert layer.eval().predict(x)[:, 3:].any()


def test_images_too_small_leave_the_running_statistics_as_they_were():
    net = DenseNet(2, (1, 1), 3, 2, num_classes=2, rng=0)
    before = net.state_dict()
    for run in (net, net.predict):
        with pytest.raises(ValueError, match="avg_pool2d"):
            run(np.random.default_rng(0).normal(size=(2, 3, 4, 4)).astype(np.float32))
        for key, value in net.state_dict().items():
            np.testing.assert_array_equal(value, before[key])
