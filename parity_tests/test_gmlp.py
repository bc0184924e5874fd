"""gMLP: the gate by hand, how it starts, and what comes out."""

import numpy as np

import scratch
from scratch.models import SpatialGatingUnit, gMLP

SMALL = {"len_sen": 3, "dim": 4, "d_ff": 5, "num_layers": 2}


def test_the_gate_by_hand():
    # two tokens, D = 2: u = [[1, 2], [3, 4]], v = [[0, 2], [5, 1]]; layer norm makes [-1, 1] and [1, -1] of v's rows.
    # W = [[1, 2], [0, 3]], b = [1, 10]: the gates are 1 + [-1, 1] + 2 [1, -1] = [2, 0] and 10 + 3 [1, -1] = [13, 7],
    # so y = [[2, 0], [39, 28]]. Of two values layer norm passes no gradient back: dv = 0, du = dy · gate.
    unit = SpatialGatingUnit(2, 2).double()
    unit.ln.eps = 0.0
    unit.proj.weight.data[...] = np.array([[1.0, 2.0], [0.0, 3.0]])[..., None]
    unit.proj.bias.data[...] = 1.0, 10.0
    y, backward = unit(np.array([[[1.0, 2.0, 0.0, 2.0], [3.0, 4.0, 5.0, 1.0]]]))
    np.testing.assert_allclose(y, [[[2, 0], [39, 28]]], atol=1e-14)
    dx = backward(np.array([[[1.0, 10.0], [2.0, 1.0]]]))
    np.testing.assert_allclose(dx, [[[2, 0, 0, 0], [26, 7, 0, 0]]], atol=1e-13)
    # bias t is added to all D gates of token t: dbias = Σ dy · u = [1 + 20, 6 + 4]
    np.testing.assert_allclose(unit.proj.bias.grad, [21, 10])


def test_at_first_every_token_stays_by_itself():
    unit = SpatialGatingUnit(4, 6, rng=0).double()
    assert 0 < np.abs(unit.proj.weight.data).max() <= 1e-3 / 6
    np.testing.assert_array_equal(unit.proj.bias.data, np.ones(6))
    x = np.random.default_rng(0).normal(size=(2, 6, 8))
    y, _ = unit(x)
    np.testing.assert_allclose(y, x[..., :4], rtol=0.01)


def test_a_token_reaches_the_others_only_through_the_gate():
    rng = np.random.default_rng(1)
    model = gMLP(**SMALL, rng=0).double()
    x = rng.normal(size=(1, 3, 4))
    dy = np.zeros((1, 3, 4))
    dy[0, 0] = rng.normal(size=4)
    assert model(x)[1](dy)[0, 1:].any()
    for block in model.gmlp:
        block.module["sgu"].proj.weight.data[...] = 0
    assert not model(x)[1](dy)[0, 1:].any()


def test_without_tokens_it_can_be_made_and_gives_vectors():
    y, _ = gMLP(**SMALL)(np.zeros((2, 3, 4), np.float32))
    assert y.shape == (2, 3, 4)


def test_logits_come_out_and_every_parameter_learns():
    rng = np.random.default_rng(2)
    model = gMLP(num_tokens=7, **SMALL, rng=0).double()
    logits, backward = model(rng.integers(0, 7, size=(2, 3)))
    assert logits.shape == (2, 3, 7)
    assert not np.allclose(logits.sum(axis=-1), 1)  # a softmax is the loss's
    _, loss_backward = scratch.functional.cross_entropy(logits.reshape(6, 7), rng.integers(0, 7, size=6))
    assert backward(loss_backward().reshape(logits.shape)) is None
    silent = [
        name for name, parameter in model.named_parameters() if parameter.grad is None or not parameter.grad.any()
    ]
    assert not silent
