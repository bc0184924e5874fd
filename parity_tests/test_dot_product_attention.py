"""Attention with weighted and masked scores: numbers by hand, masks, dropout."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import scratch.models
import torch_ref.models
from parity_tests import checks
from parity_tests.pair import Case, Pair, floats
from scratch.models import ScaledDotProductAttention, SimplifiedScaledDotProductAttention

NAMES = ["ScaledDotProductAttention", "SimplifiedScaledDotProductAttention"]
CONFIG = {
    "ScaledDotProductAttention": {"d_model": 4, "d_k": 2, "d_v": 3, "h": 2},
    "SimplifiedScaledDotProductAttention": {"d_model": 4, "h": 2},
}


def identity_attention():
    """One head on two features, whose output projection changes nothing."""
    layer = SimplifiedScaledDotProductAttention(2, 1, dropout=0.0).double()
    layer.load_state_dict({"fc_o.weight": np.eye(2), "fc_o.bias": np.zeros(2)})
    return layer


def test_weights_are_the_softmax_of_scores_times_attention_weights():
    # one query (sqrt(2), 0) and the keys (ln 3, 0), (0, 5): scores q kᵀ / sqrt(2) = (ln 3, 0), weights (3/4, 1/4).
    # The values are the unit vectors, so y = (3/4, 1/4). Scores times 2: (ln 9, 0) -> (9/10, 1/10).
    queries = np.array([[[np.sqrt(2), 0.0]]])
    keys, values = np.array([[[np.log(3), 0.0], [0.0, 5.0]]]), np.eye(2)[None]
    layer = identity_attention()
    np.testing.assert_allclose(layer.predict(queries, keys, values), [[[0.75, 0.25]]])
    doubled = layer.predict(queries, keys, values, attention_weights=np.full((1, 1, 1, 2), 2.0))
    np.testing.assert_allclose(doubled, [[[0.9, 0.1]]])


@pytest.mark.parametrize("name", NAMES)
def test_masked_keys_have_no_influence(name):
    rng = np.random.default_rng(0)
    layer = getattr(scratch.models, name)(**CONFIG[name], dropout=0.0).double()
    for parameter in layer.parameters():
        parameter.data[...] = rng.normal(size=parameter.shape)
    queries, keys, values = (rng.normal(size=(2, n, 4)) for n in (3, 5, 5))
    mask = np.arange(5) >= 3  # the last two keys
    y, backward = layer(queries, keys, values, attention_mask=mask)
    np.testing.assert_allclose(y, layer.predict(queries, keys[:, :3], values[:, :3]), rtol=1e-12)
    _, dkeys, dvalues = backward(rng.normal(size=y.shape))
    assert not dkeys[:, 3:].any()
    assert not dvalues[:, 3:].any()
    assert dkeys[:, :3].all()


def test_the_mask_wins_over_attention_weights_of_zero():
    # -inf · 0 would be nan: the scores are weighted first, masked then
    layer = identity_attention()
    x = np.ones((1, 2, 2))
    weights, mask = np.zeros((2, 2)), np.array([[False, True], [False, False]])
    np.testing.assert_allclose(layer.predict(x, x, x, mask, weights), x)


def test_a_query_that_may_look_at_nothing_gets_the_bias_and_passes_no_gradient_on():
    layer = identity_attention()
    layer.fc_o.bias.data[...] = 7.0
    x = np.random.default_rng(0).normal(size=(1, 2, 2))
    y, backward = layer(x, x, x, attention_mask=np.array([[True, True], [False, False]]))
    np.testing.assert_array_equal(y[0, 0], [7.0, 7.0])
    dqueries, _, _ = backward(np.ones_like(y))
    np.testing.assert_array_equal(dqueries[0, 0], 0.0)
    assert dqueries[0, 1].any()


def test_equals_torchs_multi_head_attention_with_the_same_projections():
    E, h = 6, 3
    layer = ScaledDotProductAttention(E, E // h, E // h, h, dropout=0.0, rng=0).double()
    rng = np.random.default_rng(1)
    for parameter in layer.parameters():
        parameter.data[...] = rng.normal(size=parameter.shape)
    twin = torch.nn.MultiheadAttention(E, h, batch_first=True).double()
    state = layer.state_dict()
    stacked = {
        f"in_proj_{kind}": np.concatenate([state[f"fc_{name}.{kind}"] for name in "qkv"]) for kind in ("weight", "bias")
    }
    stacked |= {f"out_proj.{kind}": state[f"fc_o.{kind}"] for kind in ("weight", "bias")}
    twin.load_state_dict({key: torch.tensor(value) for key, value in stacked.items()})
    queries, keys, values = (rng.normal(size=(2, n, E)) for n in (3, 4, 4))
    expected, _ = twin(*map(torch.tensor, (queries, keys, values)))
    np.testing.assert_allclose(layer.predict(queries, keys, values), expected.detach().numpy(), rtol=1e-10)


def test_the_softmax_is_blind_to_the_bias_of_the_keys():
    # the same vector added to every key adds the same number to all scores of a query
    layer = ScaledDotProductAttention(4, 2, 3, 2, dropout=0.0, rng=0).double()
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    y, backward = layer(x, x, x)
    backward(np.random.default_rng(1).normal(size=y.shape))
    np.testing.assert_allclose(layer.fc_k.bias.grad, 0.0, atol=1e-18)
    layer.fc_k.bias.data[...] = 5.0
    np.testing.assert_allclose(layer.predict(x, x, x), y, rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_starts_small_with_zero_biases(name):
    layer = getattr(scratch.models, name)(**CONFIG[name] | {"d_model": 64}, rng=0)
    for key, value in layer.state_dict().items():
        if key.endswith("bias"):
            assert not value.any()
        else:
            assert 0.0008 < value.std() < 0.0012


@pytest.mark.parametrize("name", NAMES)
def test_dropout_drops_weights_in_training_only(name):
    x = np.random.default_rng(0).normal(size=(1, 4, 4))

    def run(seed, train):
        layer = getattr(scratch.models, name)(**CONFIG[name], dropout=0.5, rng=seed).double().train(train)
        layer.load_state_dict(getattr(scratch.models, name)(**CONFIG[name], rng=0).state_dict())
        return layer.predict(x, x, x)

    np.testing.assert_array_equal(run(1, True), run(1, True))
    assert not np.array_equal(run(1, True), run(2, True))
    np.testing.assert_array_equal(run(1, False), run(2, False))


@pytest.mark.parametrize("name", NAMES)
@given(seed=st.integers(0, 999))
def test_the_gradient_under_dropout_is_that_of_finite_differences(name, seed):
    inputs = {n: floats(2, 3, 4) for n in ("queries", "keys", "values")}
    case = Case(inputs, CONFIG[name] | {"dropout": 0.4, "rng": 5}, seed=seed)
    pair = Pair(name, cases=st.just(case), ours=getattr(scratch.models, name), twin=getattr(torch_ref.models, name))
    checks.matches_finite_differences(pair, replace(case, train=True))
