"""Dual attention: its arguments arrive, and numbers worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import strategies as st

import scratch.models
import torch_ref.models
from parity_tests import checks
from parity_tests.pair import Case, Pair, floats
from scratch.models import ChannelAttentionModule, DAModule, PositionAttentionModule


def test_every_argument_reaches_both_modules():
    layer = DAModule(d_model=6, kernel_size=5, H=4, W=3, rng=0)
    for half in (layer.position_attention_module, layer.channel_attention_module):
        assert half.cnn.weight.shape == (6, 6, 5, 5)
    assert layer.position_attention_module.pa.fc_q.weight.shape == (6, 6)
    assert layer.channel_attention_module.pa.fc_o.weight.shape == (12, 12)
    x = np.random.default_rng(0).normal(size=(2, 6, 4, 3)).astype(np.float32)
    assert layer.predict(x).shape == x.shape


def loaded(layer, **state):
    """Everything 0, the convolution and fc_o identities, but for what is given."""
    values = {key: np.zeros_like(value) for key, value in layer.double().state_dict().items()}
    values["cnn.weight"] = np.eye(len(values["cnn.bias"]))[:, :, None, None]
    values["pa.fc_o.weight"] = np.eye(len(values["pa.fc_o.bias"]))
    layer.load_state_dict(values | {f"pa.{key}.weight": np.array(value, float) for key, value in state.items()})
    return layer


def test_every_place_looks_at_every_place():
    # queries and keys 0: all scores are equal, and every place gets the mean of the values 2 x
    layer = loaded(PositionAttentionModule(1, 1, dropout=0.0), fc_v=[[2]])
    np.testing.assert_allclose(layer.predict(np.array([[[[1.0, 2.0], [3.0, 6.0]]]])), np.full((1, 1, 2, 2), 6.0))
    # queries x, keys x, on the places (0, ln 3) the scores of the second are (0, ln² 3); the first sees both alike
    layer = loaded(PositionAttentionModule(1, 1, dropout=0.0), fc_q=[[1]], fc_k=[[1]], fc_v=[[1]])
    share = 1 / (1 + np.exp(-(np.log(3) ** 2)))
    y = layer.predict(np.array([[[[0.0, np.log(3)]]]]))
    np.testing.assert_allclose(y, [[[[np.log(3) / 2, share * np.log(3)]]]])


def test_every_channel_looks_at_every_channel():
    # channels (0, 0) and (a, 0) with a² / sqrt(2) = ln 3: the second weights itself 3/4, the first both alike
    a = np.sqrt(np.sqrt(2) * np.log(3))
    layer = loaded(ChannelAttentionModule(2, 1, H=1, W=2, dropout=0.0))
    y = layer.predict(np.array([[[[0.0, 0.0]], [[a, 0.0]]]]))
    np.testing.assert_allclose(y, [[[[a / 2, 0]], [[0.75 * a, 0]]]])


def test_position_attention_takes_maps_of_any_size():
    layer = PositionAttentionModule(3, H=7, W=7, rng=0)
    assert layer.predict(np.ones((1, 3, 4, 5), np.float32)).shape == (1, 3, 4, 5)


@pytest.mark.parametrize("name", ["PositionAttentionModule", "ChannelAttentionModule", "DAModule"])
@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_under_dropout_is_that_of_finite_differences(name, seed):
    case = Case({"x": floats(2, 3, 2, 3)}, {"d_model": 3, "H": 2, "W": 3, "dropout": 0.4, "rng": 5}, seed=seed)
    pair = Pair(name, cases=st.just(case), ours=getattr(scratch.models, name), twin=getattr(torch_ref.models, name))
    checks.matches_finite_differences(pair, replace(case, train=True))
