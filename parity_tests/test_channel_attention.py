"""Channel attention: numbers worked out by hand, and what has to learn."""

import numpy as np
import pytest

from scratch.models import ECAAttention, SEAttention, SKAttention


def loaded(layer, **state):
    layer.double().load_state_dict({key.replace("__", "."): np.array(value, float) for key, value in state.items()})
    return layer


def test_se_weights_every_channel_by_what_the_means_say():
    # means (1, 2), hidden relu(1 · 1 - 1 · 2) = 0 or relu(-1 + 2) = 1; sigmoid(ln 3 · 1) = 3/4, sigmoid(0) = 1/2
    x = np.array([[[[0.0, 2.0]], [[2.0, 2.0]]]])
    layer = SEAttention(2, reduction=2)
    loaded(layer, fc__0__weight=[[-1, 1]], fc__2__weight=[[np.log(3)], [0]])
    np.testing.assert_allclose(layer.predict(x), [[[[0, 1.5]], [[1, 1]]]])
    loaded(layer, fc__0__weight=[[1, -1]], fc__2__weight=[[np.log(3)], [0]])
    np.testing.assert_allclose(layer.predict(x), [[[[0, 1]], [[1, 1]]]])  # the hidden unit is off: all 1/2


def test_eca_lets_a_channel_listen_to_its_neighbours():
    # means (0, 1, 0), kernel (ln 3, 0, -ln 3): before the sigmoid (-ln 3, 0, ln 3), so the gates are 1/4, 1/2, 3/4
    x = np.array([0.0, 1.0, 0.0]).reshape(1, 3, 1, 1) + np.array([-4.0, 4.0])
    layer = loaded(ECAAttention(3), conv__weight=[[[np.log(3), 0, -np.log(3)]]], conv__bias=[0])
    np.testing.assert_allclose(layer.predict(x)[0, :, 0], [[-1, 1], [-1.5, 2.5], [-3, 3]])


def test_sk_chooses_between_the_kernels():
    # two kernels of size 1 in evaluation, running mean 0 and variance 1 (eps aside): f = x and 2 x, for x = 1.
    # The scores are ln 3 and 0, so y = 3/4 · 1 + 1/4 · 2 = 5/4.
    layer = SKAttention(1, kernels=[1, 1], reduction=1, L=1).double().eval()
    state = layer.state_dict()
    state |= {"convs.0.conv.weight": np.ones((1, 1, 1, 1)), "convs.1.conv.weight": np.full((1, 1, 1, 1), 2.0)}
    state |= {key: np.zeros_like(state[key]) for key in state if key.endswith("bias")}
    state |= {"fcs.0.weight": np.zeros((1, 1)), "fcs.1.weight": np.zeros((1, 1)), "fcs.0.bias": np.array([np.log(3)])}
    layer.load_state_dict(state)
    np.testing.assert_allclose(layer.predict(np.ones((1, 1, 1, 1))), 1.25, rtol=1e-4)


@pytest.mark.parametrize("layer", [SEAttention(8, 2, rng=0), ECAAttention(rng=0), SKAttention(8, [1, 3], rng=0)])
def test_every_parameter_gets_a_gradient(layer):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 8, 4, 4)).astype(np.float32)
    y, backward = layer(x)
    assert backward(rng.normal(size=y.shape).astype(np.float32)).shape == x.shape
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name


def test_eca_has_four_parameters_for_any_number_of_channels():
    layer = ECAAttention()
    assert sum(p.size for p in layer.parameters()) == 4
    for channels in (1, 7, 512):
        assert layer.predict(np.ones((1, channels, 2, 2), np.float32)).shape == (1, channels, 2, 2)
