"""Clipping gradients, and parameters as one vector."""

import math

import numpy as np
import pytest
import torch

import scratch
from scratch import utils
from scratch.parameter import Parameter

SHAPES = [(3, 4), (5,), (), (2, 0)]


def both_sides(seed=0, scale=1.0, dtype=np.float64, missing=True):
    rng = np.random.default_rng(seed)
    ours, theirs = [], []
    for shape in SHAPES:
        p = Parameter(np.zeros(shape, dtype))
        p.grad = np.asarray(scale * rng.normal(size=shape), dtype)
        t = torch.zeros(shape, dtype=getattr(torch, np.dtype(dtype).name), requires_grad=True)
        t.grad = torch.tensor(p.grad)
        ours.append(p)
        theirs.append(t)
    if missing:
        ours[1].grad = theirs[1].grad = None
    return ours, theirs


def assert_same_gradients(ours, theirs, rtol=1e-12):
    for p, t in zip(ours, theirs):
        if t.grad is None:
            assert p.grad is None
        else:
            np.testing.assert_allclose(p.grad, t.grad.numpy(), rtol=rtol)
            assert p.grad.dtype == p.dtype
            assert p.grad.shape == p.shape


@pytest.mark.parametrize("max_norm", [0.1, 1.0, 100.0])
@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3.5, math.inf])
def test_clipping_by_norm_is_torchs(norm_type, max_norm):
    ours, theirs = both_sides()
    total = utils.clip_grad_norm_(ours, max_norm, norm_type)
    # torch has no largest value of an empty gradient
    kept = [t for t in theirs if t.numel()]
    assert total == pytest.approx(torch.nn.utils.clip_grad_norm_(kept, max_norm, norm_type).item(), rel=1e-12)
    assert_same_gradients(ours, theirs)


@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3.0, 0.5, -1.0, -2.0, 0.0, math.inf, -math.inf])
def test_the_total_norm_is_torchs(norm_type):
    rng = np.random.default_rng(1)
    arrays = [rng.normal(size=shape) for shape in ((3, 4), (5,), (1,))]
    want = torch.nn.utils.get_total_norm([torch.tensor(a) for a in arrays], norm_type).item()
    assert utils.get_total_norm(arrays, norm_type) == pytest.approx(want, rel=1e-12)


def test_clipping_by_norm_by_hand():
    # 3, 4 -> norm 5, scaled to length 1
    p = Parameter(np.zeros(2))
    p.grad = np.array([3.0, 4.0])
    assert utils.clip_grad_norm_(p, 1.0) == 5
    np.testing.assert_allclose(p.grad, [0.6, 0.8], rtol=1e-6)


def test_large_float32_gradients_do_not_overflow_on_the_way_to_their_norm():
    p = Parameter(np.zeros(2, np.float32))
    p.grad = np.array([3e30, 4e30], np.float32)
    assert utils.clip_grad_norm_([p], 1.0) == pytest.approx(5e30, rel=1e-6)
    np.testing.assert_allclose(p.grad, [0.6, 0.8], rtol=1e-6)


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_nonfinite_norms_raise_if_asked_and_else_do_what_torch_does(bad):
    ours, theirs = both_sides(missing=False)
    ours[0].grad[0, 0] = theirs[0].grad[0, 0] = bad
    with pytest.raises(RuntimeError, match="non-finite"):
        utils.clip_grad_norm_(ours, 1.0, error_if_nonfinite=True)
    assert_same_gradients(ours, theirs)
    utils.clip_grad_norm_(ours, 1.0)
    torch.nn.utils.clip_grad_norm_(theirs, 1.0)
    assert_same_gradients(ours, theirs)


def test_clipping_by_value_is_torchs():
    ours, theirs = both_sides(scale=3.0)
    utils.clip_grad_value_(ours, 1.5)
    torch.nn.utils.clip_grad_value_(theirs, 1.5)
    assert_same_gradients(ours, theirs)


def test_no_gradients_have_norm_zero():
    assert utils.get_total_norm([]) == 0
    assert utils.clip_grad_norm_([Parameter(np.zeros(2))], 1.0) == 0


def test_a_gradient_that_was_handed_out_is_not_written_to():
    p = Parameter(np.zeros(2))
    kept = p.grad = np.array([3.0, 4.0])
    utils.clip_grad_norm_(p, 1.0)
    utils.clip_grad_value_(p, 0.1)
    np.testing.assert_array_equal(kept, [3, 4])


def test_parameters_become_one_vector_and_back():
    net = scratch.Sequential(scratch.Linear(3, 2), scratch.Linear(2, 1))
    twin = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 1))
    net.load_state_dict(twin.state_dict())
    vector = utils.parameters_to_vector(net.parameters())
    np.testing.assert_array_equal(vector, torch.nn.utils.parameters_to_vector(twin.parameters()).detach().numpy())
    utils.vector_to_parameters(2 * vector, net.parameters())
    np.testing.assert_array_equal(net[0].weight.data, 2 * twin[0].weight.detach().numpy())
    assert net[0].weight.version > 0
    vector[:] = 0
    assert net[0].weight.data.any()


def test_a_vector_of_the_wrong_length_changes_nothing():
    p, q = Parameter(np.ones(2)), Parameter(np.ones(3))
    with pytest.raises(ValueError, match=r"must have shape \(5,\), but has \(4,\)"):
        utils.vector_to_parameters(np.zeros(4), [p, q])
    with pytest.raises(TypeError, match="must be an array"):
        utils.vector_to_parameters([0.0] * 5, [p, q])
    np.testing.assert_array_equal(p.data, 1)
