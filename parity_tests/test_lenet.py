"""LeNet: the two forms people mean by the name."""

import numpy as np

import scratch
from benchmarks.nets import lenet
from scratch.models import LeNet, small_lenet


def count(net):
    return sum(p.size for p in net.parameters())


def test_the_classic_form_has_61706_parameters():
    # 6·25 + 6, 16·6·25 + 16, 400·120 + 120, 120·84 + 84, 84·10 + 10
    assert count(LeNet()) == 156 + 2416 + 48120 + 10164 + 850 == 61706
    assert count(LeNet(padding=0, image_size=32)) == 61706  # the paper's images


def test_the_small_form_is_the_demos_network():
    ours, demo = small_lenet(rng=0), lenet(scratch)
    assert count(ours) == count(demo) == 32998
    for mine, theirs in zip(ours.parameters(), demo.parameters()):
        theirs.data[...] = mine.data
    x = np.random.default_rng(0).normal(size=(2, 1, 28, 28)).astype(np.float32)
    np.testing.assert_array_equal(ours.predict(x), demo.predict(x))


def test_the_last_layer_makes_scores_not_probabilities():
    # cross_entropy contains the softmax; a network that ends with one applies it twice
    y = LeNet(rng=0).predict(np.random.default_rng(0).normal(size=(4, 1, 28, 28)).astype(np.float32))
    assert (y < 0).any()


def test_options_are_passed_on_to_the_small_form():
    net = small_lenet(num_classes=3, in_channels=3, image_size=32, rng=0)
    assert net.predict(np.zeros((2, 3, 32, 32), np.float32)).shape == (2, 3)
