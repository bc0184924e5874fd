"""EMSA: masked keys have no influence, keys and values are used, dropout."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import strategies as st

import torch_ref.models
from parity_tests import checks
from parity_tests.pair import Case, Pair, floats
from scratch.models import EMSA, ScaledDotProductAttention

MAP = {"H": 4, "W": 6, "ratio": 2}  # 2 · 3 places are left


def random_layer(**config):
    rng = np.random.default_rng(0)
    layer = EMSA(4, 2, 3, 2, dropout=0.0, **config).double()
    for parameter in layer.parameters():
        parameter.data[...] = rng.normal(size=parameter.shape)
    return layer


def drawn(*sizes, seed=1):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(2, n, 4)) for n in sizes]


@pytest.mark.parametrize("apply_transform", [True, False])
def test_masked_keys_have_no_influence(apply_transform):
    layer = random_layer(ratio=1, apply_transform=apply_transform)
    queries, keys, values = drawn(3, 5, 5)
    mask = np.arange(5) >= 3
    y, backward = layer(queries, keys, values, attention_mask=mask)
    others = [np.where(mask[:, None], a + 100.0, a) for a in (keys, values)]
    np.testing.assert_allclose(layer.predict(queries, *others, attention_mask=mask), y, rtol=1e-12)
    _, dkeys, dvalues = backward(np.random.default_rng(2).normal(size=y.shape))
    assert not dkeys[:, 3:].any()
    assert not dvalues[:, 3:].any()
    assert dkeys[:, :3].all()


@pytest.mark.parametrize("apply_transform", [True, False])
def test_a_masked_place_of_the_smaller_map_has_no_influence(apply_transform):
    # kernel 3, stride 2, padding 1: the place (0, 0) that is left sees the places 0 and 1 of both axes
    layer = random_layer(**MAP, apply_transform=apply_transform)
    queries, keys, values = drawn(3, 24, 24)
    mask = np.arange(6) == 0
    only_there = np.arange(24) == 0  # (0, 0), which no other place sees
    others = [np.where(only_there[:, None], a + 100.0, a) for a in (keys, values)]
    y = layer.predict(queries, keys, values, attention_mask=mask)
    np.testing.assert_allclose(layer.predict(queries, *others, attention_mask=mask), y, rtol=1e-10)
    assert not np.allclose(layer.predict(queries, *others), layer.predict(queries, keys, values))


def test_weights_sum_to_one_over_the_keys_that_are_seen():
    # all values 1 and kept so by fc_v and fc_o: y is the sum of the weights, which a mask behind the softmax lowers
    layer = EMSA(1, 1, 1, 1, dropout=0.0, ratio=1).double()
    one, zero = np.ones((1, 1)), np.zeros(1)
    layer.load_state_dict({f"fc_{n}.weight": one for n in "qkvo"} | {f"fc_{n}.bias": zero for n in "qkvo"})
    queries, keys = np.array([[[0.5], [2.0]]]), np.array([[[1.0], [-1.0], [3.0]]])
    y = layer.predict(queries, keys, np.ones((1, 3, 1)), attention_mask=np.array([False, True, False]))
    np.testing.assert_allclose(y, 1.0)


def test_is_plain_attention_with_ratio_1_and_no_transform():
    layer = random_layer(ratio=1, apply_transform=False)
    plain = ScaledDotProductAttention(4, 2, 3, 2, dropout=0.0).double()
    plain.load_state_dict(layer.state_dict())
    inputs = drawn(3, 5, 5)
    weights = np.random.default_rng(3).normal(size=(2, 2, 3, 5))
    np.testing.assert_array_equal(
        layer.predict(*inputs, attention_weights=weights), plain.predict(*inputs, attention_weights=weights)
    )


def test_keys_and_values_are_used_with_a_smaller_map_too():
    layer = random_layer(**MAP)
    queries, keys, values = drawn(24, 24, 24)
    y, backward = layer(queries, keys, values)
    assert not np.allclose(y, layer.predict(queries, keys + 1, values[:, ::-1]))
    for gradient in backward(np.random.default_rng(2).normal(size=y.shape)):
        assert gradient.any()


def test_the_norm_makes_the_weights_of_a_query_sum_to_zero_which_hides_the_bias_of_the_values():
    layer = random_layer(ratio=1)
    inputs = drawn(3, 5, 5)
    y = layer.predict(*inputs)
    layer.fc_v.bias.data[...] += 10.0
    np.testing.assert_allclose(layer.predict(*inputs), y, rtol=1e-10)
    mask = np.arange(5) >= 3
    masked = layer.predict(*inputs, attention_mask=mask)
    layer.fc_v.bias.data[...] += 10.0
    assert not np.allclose(layer.predict(*inputs, attention_mask=mask), masked)


def test_a_single_head_has_no_transform():
    assert not any("transform" in key for key in EMSA(4, 2, 2, 1, **MAP).state_dict())
    assert "transform.conv.weight" in EMSA(4, 2, 2, 2, **MAP).state_dict()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("apply_transform", [True, False])
def test_the_gradient_under_dropout_is_that_of_finite_differences(seed, apply_transform):
    inputs = {"queries": floats(2, 3, 4), "keys": floats(2, 24, 4), "values": floats(2, 24, 4)}
    config = {"d_model": 4, "d_k": 2, "d_v": 3, "h": 2, "dropout": 0.4, "rng": 5, **MAP}
    case = Case(inputs, config | {"apply_transform": apply_transform}, seed=seed)
    pair = Pair("EMSA", cases=st.just(case), ours=EMSA, twin=torch_ref.models.EMSA)
    checks.matches_finite_differences(pair, replace(case, train=True))
