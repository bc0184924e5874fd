"""Shuffle attention: numbers worked out by hand."""

import numpy as np

from scratch.models import ShuffleAttention

SIGMOID_1 = 1 / (1 + np.exp(-1))


def test_starts_with_the_same_gate_everywhere_and_shuffles():
    x = np.arange(4.0).reshape(1, 4, 1, 1) + np.zeros((1, 4, 2, 2))
    layer = ShuffleAttention(4, G=1).double()
    # the halves (0, 1) and (2, 3) are dealt out: 0, 2, 1, 3
    np.testing.assert_allclose(layer.predict(x)[0, :, 0, 0], SIGMOID_1 * np.array([0, 2, 1, 3]))


def test_one_half_is_weighted_by_channel_the_other_by_place():
    layer = ShuffleAttention(2, G=1).double()
    log3, zero = np.full((1, 1, 1, 1), np.log(3)), np.zeros((1, 1, 1, 1))
    layer.load_state_dict(
        {
            "cweight": log3,
            "cbias": zero,
            "sweight": log3,
            "sbias": zero,
            "gn.weight": np.ones(1),
            "gn.bias": np.zeros(1),
        }
    )
    x = np.array([[[[0.0, 2.0]], [[5.0, 7.0]]]])
    # channel 0 has the mean 1: the gate is sigmoid(ln 3) = 3/4. Channel 1 becomes (-1, 1): gates 1/4 and 3/4
    np.testing.assert_allclose(layer.predict(x), [[[[0, 1.5]], [[1.25, 5.25]]]], rtol=1e-4)  # but for the norm's eps


def test_groups_share_the_parameters():
    layer = ShuffleAttention(64, G=8)
    assert sum(p.size for p in layer.parameters()) == 6 * 64 // 16
    assert list(layer.state_dict()) == ["cweight", "cbias", "sweight", "sbias", "gn.weight", "gn.bias"]


def test_every_parameter_gets_a_gradient():
    rng = np.random.default_rng(0)
    layer = ShuffleAttention(8, G=2).double()
    layer.sweight.data[...] = 1.0  # at 0, gn has no effect and no gradient yet
    y, backward = layer(rng.normal(size=(2, 8, 3, 3)))
    backward(rng.normal(size=y.shape))
    assert all(parameter.grad.all() for parameter in layer.parameters())
