"""The Transformer: how the parts are joined, and what randomness the pairs cannot compare."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import scratch
from parity_tests import checks
from parity_tests.pair import Case, Pair, floats

SMALL = {"d_model": 4, "nhead": 2, "dim_feedforward": 3}


def silent(layer):
    """All weights zero: every block gives 0, so that only residual connections and norms are left."""
    for name, parameter in layer.named_parameters():
        if "norm" not in name:
            parameter.data[...] = 0
    return layer.double()


def test_with_silent_blocks_a_layer_is_its_norms_or_nothing():
    x = np.array([[1.0, 3.0, 1.0, 3.0]])
    dy = np.array([[1.0, 2.0, 3.0, 4.0]])
    y, backward = silent(scratch.TransformerEncoderLayer(**SMALL, norm_first=True))(x)
    np.testing.assert_array_equal(y, x)  # the residual path passes both ways
    np.testing.assert_array_equal(backward(dy), dy)
    y, _ = silent(scratch.TransformerEncoderLayer(**SMALL))(x)
    np.testing.assert_allclose(y, [[-1, 1, -1, 1]], rtol=1e-4)  # mean 2, deviation 1


def test_the_memory_of_all_decoder_layers_gets_the_sum_of_their_gradients():
    rng = np.random.default_rng(0)
    tgt, memory = rng.normal(size=(3, 2, 4)), rng.normal(size=(5, 2, 4))
    layer = scratch.TransformerDecoderLayer(**SMALL, dropout=0.0, rng=0).double()
    y, both = scratch.TransformerDecoder(layer, 2)(tgt, memory)
    h, first = layer(tgt, memory)
    again, second = layer(h, memory)
    np.testing.assert_array_equal(y, again)
    dy = rng.normal(size=y.shape)
    dh, dmemory_second = second(dy)
    dtgt, dmemory_first = first(dh)
    for got, want in zip(both(dy), (dtgt, dmemory_first + dmemory_second)):
        np.testing.assert_allclose(got, want, atol=1e-14)


def test_a_causal_target_does_not_see_what_comes_later():
    rng = np.random.default_rng(0)
    model = scratch.Transformer(**SMALL, num_encoder_layers=1, num_decoder_layers=1, dropout=0.0, rng=0).double()
    src, tgt = rng.normal(size=(3, 2, 4)), rng.normal(size=(5, 2, 4))
    mask = model.generate_square_subsequent_mask(5, dtype="float64")
    y, backward = model(src, tgt, tgt_mask=mask)
    changed = tgt.copy()
    changed[3:] += 1
    np.testing.assert_array_equal(model(src, changed, tgt_mask=mask)[0][:3], y[:3])
    dy = np.zeros_like(y)
    dy[2] = 1 + rng.random(dy[2].shape)
    _, dtgt = backward(dy)
    assert dtgt[:3].all(axis=-1).any()
    assert not dtgt[3:].any()


def test_subsequent_mask_is_torchs():
    ours = scratch.Transformer.generate_square_subsequent_mask(4)
    np.testing.assert_array_equal(ours, torch.nn.Transformer.generate_square_subsequent_mask(4).numpy())
    assert ours.dtype == np.float32


def test_the_layers_of_a_stack_start_equal_and_learn_apart():
    layer = scratch.TransformerEncoderLayer(**SMALL, rng=0)
    first, second = scratch.TransformerEncoder(layer, 2).layers
    np.testing.assert_array_equal(first.linear1.weight.data, second.linear1.weight.data)
    assert not np.shares_memory(first.linear1.weight.data, second.linear1.weight.data)
    assert first.activation is layer.activation


def test_the_layers_of_a_stack_draw_different_dropout_masks():
    x = np.ones((50, 1, 4))
    stack = scratch.TransformerEncoder(scratch.TransformerEncoderLayer(**SMALL, dropout=0.5, rng=0), 2).double()
    first, second = (layer.dropout1(x)[0] for layer in stack.layers)
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("activation", [torch.nn.SiLU(), "silu of scratch"])
def test_the_activation_may_be_a_function_or_a_module(activation):
    ours = scratch.functional.silu if isinstance(activation, str) else scratch.SiLU()
    twin = torch.nn.TransformerEncoderLayer(**SMALL, dropout=0.0, activation=torch.nn.functional.silu).double()
    layer = scratch.TransformerEncoderLayer(**SMALL, dropout=0.0, activation=ours).double()
    layer.load_state_dict(twin.state_dict())
    x, dy = np.random.default_rng(0).normal(size=(2, 3, 2, 4))
    t = torch.tensor(x, requires_grad=True)
    want = twin(t)
    want.backward(torch.tensor(dy))
    y, backward = layer(x)
    np.testing.assert_allclose(y, want.detach().numpy(), atol=1e-12)
    np.testing.assert_allclose(backward(dy), t.grad.numpy(), atol=1e-12)


@settings(max_examples=5)
@given(seed=st.integers(0, 999), norm_first=st.booleans())
def test_the_gradient_under_dropout_is_that_of_finite_differences(seed, norm_first):
    inputs = {"tgt": floats(3, 2, 4), "memory": floats(2, 2, 4)}
    config = SMALL | {"dropout": 0.3, "norm_first": norm_first, "rng": 5}
    name = "TransformerDecoderLayer"
    case = Case(inputs, config, seed=seed)
    pair = Pair(name, cases=st.just(case), ours=getattr(scratch, name), twin=getattr(torch.nn, name))
    checks.matches_finite_differences(pair, replace(case, train=True))


def test_torch_and_scratch_exchange_a_whole_transformer():
    config = SMALL | {"num_encoder_layers": 2, "num_decoder_layers": 2}
    theirs, ours = torch.nn.Transformer(**config), scratch.Transformer(**config)
    ours.load_state_dict(theirs.state_dict())
    theirs.load_state_dict({k: torch.tensor(v) for k, v in ours.state_dict().items()})
    src, tgt = np.random.default_rng(0).normal(size=(2, 3, 2, 4)).astype("f4")
    y = ours.eval().predict(src, tgt)
    np.testing.assert_allclose(y, theirs.eval()(torch.tensor(src), torch.tensor(tgt)).detach().numpy(), atol=1e-5)


def test_a_released_backward_gives_the_same_gradients_once():
    layer = scratch.Transformer(8, 2, 1, 1, 16, 0.0, rng=0)
    src, tgt = np.random.default_rng(0).normal(size=(2, 3, 2, 8)).astype(np.float32)
    y, backward = layer(src, tgt)
    want = backward(np.ones_like(y))
    got = scratch.pull(backward, np.ones_like(y), release=True)
    for a, b in zip(got, want):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(RuntimeError, match="released"):
        backward(np.ones_like(y))
