"""ResNet: what a residual block adds, where its stride is, and how it starts."""

import numpy as np
import pytest

from scratch.models import BasicBlock, Bottleneck, ResNet, resnet18


def silent(block):
    """Convolutions of zeros: only the shortcut is left."""
    for conv in (m for m in block.children() if hasattr(m, "kernel_size")):
        conv.weight.data[...] = 0
    return block.double()


@pytest.mark.parametrize("block", [BasicBlock(2, 2), Bottleneck(8, 2)])
def test_with_a_silent_body_the_block_is_the_relu_of_its_input(block):
    x = np.random.default_rng(0).normal(size=(2, 8 if isinstance(block, Bottleneck) else 2, 3, 3))
    dy = np.random.default_rng(1).normal(size=x.shape)
    y, backward = silent(block)(x)
    np.testing.assert_array_equal(y, np.maximum(x, 0))
    np.testing.assert_array_equal(backward(dy), np.where(x > 0, dy, 0))


def test_both_ways_of_a_block_add_their_gradients():
    # eval with mean 0 and variance 1 - eps: the norms do nothing. One channel, 1 pixel: conv1 = 2, conv2 = 3 at the
    # centre. y = relu(3 relu(2 x) + x): 7 x for x > 0, slope 6 + 1; relu(x) for x < 0, slope 0.
    block = BasicBlock(1, 1).double().eval()
    for norm in (block.bn1, block.bn2):
        norm.running_var[...] = 1 - norm.eps
    for conv, value in ((block.conv1, 2.0), (block.conv2, 3.0)):
        conv.weight.data[...] = 0
        conv.weight.data[0, 0, 1, 1] = value
    y, backward = block(np.array([[[[1.5]]], [[[-1.5]]]]))
    np.testing.assert_allclose(y.ravel(), [10.5, 0], rtol=1e-12)
    np.testing.assert_allclose(backward(np.array([[[[1.0]]], [[[1.0]]]])).ravel(), [7, 0], rtol=1e-12)


def test_a_bottlenecks_stride_is_in_its_3x3_convolution():
    block = Bottleneck(4, 2, stride=2)
    assert (block.conv1.stride, block.conv2.stride, block.conv3.stride) == ((1, 1), (2, 2), (1, 1))
    assert block.downsample[0].stride == (2, 2)


@pytest.mark.parametrize("block", ["basic", "bottleneck"])
def test_zero_init_residual_starts_each_block_as_its_shortcut(block):
    net = ResNet(block, (1, 2), num_classes=2, width=2, small_images=True, zero_init_residual=True, rng=0)
    last = net.layer2[1]
    x = np.random.default_rng(0).normal(size=(4, 4 * last.expansion, 3, 3)).astype(np.float32)
    np.testing.assert_array_equal(last.predict(x), np.maximum(x, 0))


def test_convolutions_start_from_kaiming_normal_by_fan_out():
    net = resnet18(num_classes=10, rng=0)
    weight = net.layer1[0].conv1.weight.data  # fan_out = 64 · 9
    assert abs(weight.std() / np.sqrt(2 / 576) - 1) < 0.02
    assert (net.bn1.weight.data == 1).all()


def test_small_images_keep_their_size_until_the_second_stage():
    net = resnet18(num_classes=10, in_channels=1, small_images=True, rng=0).eval()
    x = np.zeros((1, 1, 28, 28), np.float32)
    assert net.conv1.predict(x).shape == (1, 64, 28, 28)
    assert net.predict(x).shape == (1, 10)
