"""BAM: the size stays whatever the dilation, and numbers worked out by hand."""

import numpy as np
import pytest

import parity_tests.pairs  # noqa: F401  (fills the registry)
from parity_tests import checks
from parity_tests.pair import REGISTRY, Case, floats
from scratch.models import BAMBlock, ChannelGate, SpatialGate


@pytest.mark.parametrize("dia_val", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(7, 7), (5, 8), (2, 3)])
def test_padding_equals_dilation_so_the_size_stays(dia_val, size):
    x = np.random.default_rng(0).normal(size=(2, 8, *size)).astype(np.float32)
    layer = BAMBlock(8, 2, dia_val, rng=0)
    y, backward = layer(x)
    assert y.shape == x.shape
    assert backward(y).shape == x.shape
    assert layer.sa.predict(x).shape == (2, 1, *size)


def test_a_dilated_filter_reaches_dia_val_places_far():
    # 1x1 convolution that keeps the one channel, one 3x3 convolution that copies its left column's middle tap
    layer = SpatialGate(1, 1, num_layers=1, dia_val=2).double().eval()
    state = {k: np.zeros_like(v) if "bias" in k else np.ones_like(v) for k, v in layer.state_dict().items()}
    state |= {k: np.zeros_like(v) for k, v in state.items() if k.endswith("running_mean")}
    state["sa.conv_0.weight"] = np.zeros((1, 1, 3, 3))
    state["sa.conv_0.weight"][0, 0, 1, 0] = 1
    layer.load_state_dict(state)
    x = np.array([[[[1.0, 2.0, 3.0, 4.0]]]])
    np.testing.assert_allclose(layer.predict(x), [[[[0, 0, 1, 2]]]], rtol=1e-4)  # shifted by 2, zeros came in


def test_without_any_weight_the_gate_is_a_half():
    layer = BAMBlock(4, 2).double().eval()
    layer.load_state_dict({key: np.zeros_like(value) for key, value in layer.state_dict().items()})
    x = np.random.default_rng(0).normal(size=(2, 4, 3, 3))
    y, backward = layer(x)
    np.testing.assert_allclose(y, 1.5 * x)
    np.testing.assert_allclose(backward(x), 1.5 * x)


def test_every_parameter_gets_a_gradient():
    rng = np.random.default_rng(0)
    layer = BAMBlock(8, 2, rng=0).double()
    x = rng.normal(size=(4, 8, 5, 5))
    y, backward = layer(x)
    backward(rng.normal(size=y.shape))
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name


@pytest.mark.parametrize("train", [True, False])
def test_matches_finite_differences(train):
    case = Case({"x": floats(6, 4, 4, 3)}, {"channel": 4, "reduction": 2}, train=train, seed=3)
    checks.matches_finite_differences(REGISTRY["BAMBlock"], case)


def test_the_channel_gate_says_one_number_for_each_channel():
    # no hidden layer: last_fc of the means (1, 3)
    layer = ChannelGate(2, 1, num_layers=0).double()
    layer.load_state_dict({"ca.last_fc.weight": np.array([[1.0, 1.0], [1.0, -1.0]]), "ca.last_fc.bias": np.zeros(2)})
    x = np.array([[[[0.0, 2.0]], [[3.0, 3.0]]]])
    np.testing.assert_array_equal(layer.predict(x), [[[[4.0]], [[-2.0]]]])
