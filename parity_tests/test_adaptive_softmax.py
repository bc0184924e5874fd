"""Adaptive softmax: numbers worked out by hand, and log_prob and predict against torch's."""

import numpy as np
import torch
from numpy.testing import assert_allclose, assert_array_equal

import scratch


def both(**options):
    """The same layer in scratch and in torch, in float64."""
    options = {"in_features": 8, "n_classes": 10, "cutoffs": [3, 6], "div_value": 2.0} | options
    ours = scratch.AdaptiveLogSoftmaxWithLoss(**options).double()
    twin = torch.nn.AdaptiveLogSoftmaxWithLoss(**options).double()
    ours.load_state_dict(twin.state_dict())
    return ours, twin


def test_with_all_weights_zero_the_two_choices_are_uniform():
    # head: 3 frequent classes and 2 clusters, 1/5 each; clusters of 3 and 4 classes
    layer, _ = both()
    for p in layer.parameters():
        p.data[...] = 0
    (output, loss), _ = layer(np.ones((3, 8)), np.array([0, 3, 9]))
    assert_allclose(output, np.log([1 / 5, 1 / 15, 1 / 20]))
    assert_allclose(loss, np.log(5 * 15 * 20) / 3)


def test_log_prob_and_its_gradients_equal_torchs():
    layer, twin = both(head_bias=True)
    x, dy = np.random.default_rng(0).normal(size=(5, 8)), np.random.default_rng(1).normal(size=(5, 10))
    y, backward = layer.log_prob(x)
    dx = backward(dy)
    t = torch.tensor(x, requires_grad=True)
    want = twin.log_prob(t)
    want.backward(torch.tensor(dy))
    assert_allclose(np.exp(y).sum(axis=1), 1.0)
    assert_allclose(y, want.detach().numpy(), rtol=1e-10)
    assert_allclose(dx, t.grad.numpy(), rtol=1e-10, atol=1e-12)
    for ours, theirs in zip(layer.parameters(), twin.parameters()):
        assert_allclose(ours.grad, theirs.grad.numpy(), rtol=1e-10, atol=1e-12)


def test_the_output_is_the_entry_of_log_prob_at_the_target():
    layer, _ = both()
    x, target = np.random.default_rng(0).normal(size=(40, 8)), np.random.default_rng(1).integers(10, size=40)
    (output, loss), _ = layer(x, target)
    assert_allclose(output, layer.log_prob(x)[0][np.arange(40), target])
    assert_allclose(loss, -output.mean())


def test_predict_gives_the_most_probable_class_as_torch_does():
    layer, twin = both()
    x = np.random.default_rng(0).normal(size=(200, 8)) * 5
    predicted = layer.predict(x)
    assert_array_equal(predicted, twin.predict(torch.tensor(x)).numpy())
    assert len(set(predicted)) > 3


def test_the_backward_takes_either_gradient_alone():
    layer, _ = both()
    x, target = np.random.default_rng(0).normal(size=(4, 8)), np.array([0, 4, 7, 9])
    _, backward = layer(x, target)
    assert_allclose(backward((None, 1.0)), backward((np.full(4, -1 / 4), None)))


def test_a_cluster_nobody_asks_for_gets_no_gradient():
    layer, _ = both()
    _, backward = layer(np.ones((2, 8)), np.array([0, 4]))
    backward((None, 1.0))
    assert layer.tail[0][0].weight.grad is not None
    assert layer.tail[1][0].weight.grad is None
