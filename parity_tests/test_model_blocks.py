"""First blocks of one's own: weights used twice, a constant weight, a loop in a forward, Sequential by hand."""

import numpy as np
import pytest
import torch

import scratch
import torch_ref.models
from scratch import models
from scratch.models.blocks import halved_sum


def set_to(parameter, values):
    parameter.data[...] = values
    parameter.changed()


# ---------------------------------------------------------------------- the loop and the constant weight


def test_halved_sum_by_hand():
    # |x| sums to 7; 7/2 = 3.5, 7/4 = 1.75, 7/8 = 0.875 <= 1: three halvings. y = (4 - 2 + 1) / 8, dx = 2 / 8
    y, backward = halved_sum(np.array([[4.0, -2.0], [1.0, 0.0]]))
    assert y == 0.375
    assert backward.saved.halvings == 3
    np.testing.assert_array_equal(backward(2.0), np.full((2, 2), 0.25))


def test_a_sum_of_exactly_one_is_not_halved():
    y, backward = halved_sum(np.array([0.5, -0.5]))
    assert (y, backward.saved.halvings) == (0.0, 0)
    y, backward = halved_sum(np.array([0.5, -0.5 - 2**-52]))
    assert backward.saved.halvings == 1


def test_halving_an_infinity_would_never_end_and_a_nan_ends_at_once():
    with pytest.raises(ValueError, match=r"halved_sum: x must be finite, but x \(2,\) holds an infinity"):
        halved_sum(np.array([1.0, np.inf]))
    y, backward = halved_sum(np.array([1e9, np.nan]))
    assert np.isnan(y)
    np.testing.assert_array_equal(backward(), [1.0, 1.0])


def test_fixed_hidden_mlp_by_hand():
    # one feature: h = 2x + 1 = 3, a = relu(3 * 0.5 + 1) = 2.5, h2 = 2 * 2.5 + 1 = 6, halved 3 times: y = 0.75
    # back, from dh2 = 1/8: dweight = 1/8 * 2.5, da = 2/8, dh = 0.5 * 2/8 = 1/8, dweight += 1/8 * 1, dx = 2/8
    net = models.FixedHiddenMLP(1)
    set_to(net.linear.weight, 2.0)
    set_to(net.linear.bias, 1.0)
    net.rand_weight[...] = 0.5
    y, backward = net(np.ones((1, 1), np.float32))
    assert y == 0.75
    assert backward() == 0.25
    assert net.linear.weight.grad == (2.5 + 1) / 8
    assert net.linear.bias.grad == 2 / 8


def test_the_constant_weight_is_saved_but_never_learned():
    net = models.FixedHiddenMLP(4, rng=0)
    assert [name for name, _ in net.named_parameters()] == ["linear.weight", "linear.bias"]
    assert list(net.state_dict()) == ["rand_weight", "linear.weight", "linear.bias"]
    other = models.FixedHiddenMLP(4, rng=1)
    other.load_state_dict(net.state_dict())
    x = np.random.default_rng(2).normal(size=(3, 4)).astype(np.float32)
    assert net.predict(x) == other.predict(x)


def test_an_optimizer_leaves_the_constant_weight_alone():
    net = models.Chimera(rng=0)
    before = net.state_dict()
    optimizer = scratch.optim.SGD(net.parameters(), lr=0.1)
    _, backward = net(np.random.default_rng(1).normal(size=(2, 20)).astype(np.float32))
    backward()
    optimizer.step()
    after = net.state_dict()
    same = [key for key in before if np.array_equal(before[key], after[key])]
    assert same == ["2.rand_weight"]


# ---------------------------------------------------------------------- one weight, two uses


def test_linear_net_by_hand():
    # W = (1 2), x = (3, 1): h = 5, y = (5, 10); dy = (1, -1): dh = 1 - 2 = -1
    # dW = dh x + h dy = (-3, -1) + (5, -5) = (2, -6), dx = dh W = (-1, -2)
    net = models.LinearNet(2, 1).double()
    set_to(net.weight, [[1.0, 2.0]])
    y, backward = net(np.array([[3.0, 1.0]]))
    np.testing.assert_array_equal(y, [[5.0, 10.0]])
    np.testing.assert_array_equal(backward(np.array([[1.0, -1.0]])), [[-1.0, -2.0]])
    np.testing.assert_array_equal(net.weight.grad, [[2.0, -6.0]])


def test_conv_net_by_hand():
    # K = (1 2) on the row (3 1), then K transposed, a column, on two such rows:
    # rows (3 1), (0 2): h = (5, 4), y = 5 * 1 + 4 * 2 = 13. dy = 1: dh = (1, 2)
    # dK from the column: (5, 4); from the row: 1 * (3 1) + 2 * (0 2) = (3, 5): together (8, 9)
    net = models.ConvNet(1, (1, 2)).double()
    set_to(net.weight, [[[[1.0, 2.0]]]])
    y, backward = net(np.array([[[[3.0, 1.0], [0.0, 2.0]]]]))
    assert y == 13
    dx = backward(np.ones((1, 1, 1, 1)))
    np.testing.assert_array_equal(net.weight.grad, [[[[8.0, 9.0]]]])
    np.testing.assert_array_equal(dx, [[[[1.0, 2.0], [2.0, 4.0]]]])


@pytest.mark.parametrize("net", [models.LinearNet(3, 2), models.ConvNet(2)])
def test_a_weight_and_its_transpose_are_one_parameter(net):
    assert [name for name, _ in net.named_parameters()] == ["weight"]
    assert list(net.state_dict()) == ["weight"]


def test_a_tied_layer_is_listed_once_as_parameter_and_twice_in_the_state():
    net, twin = models.TiedMLP(), torch_ref.models.TiedMLP()
    names = ["0.weight", "0.bias", "2.weight", "2.bias", "6.weight", "6.bias"]
    assert [name for name, _ in net.named_parameters()] == names == [name for name, _ in twin.named_parameters()]
    assert list(net.state_dict()) == list(twin.state_dict())
    assert "4.weight" in net.state_dict()
    assert net[2] is net[4]


def test_tied_layers_gradients_add_up_to_those_of_two_layers_apart():
    tied = models.TiedMLP(rng=0).double()
    apart = models.TiedMLP(rng=0).double()
    apart[4] = scratch.Linear(8, 8).double()
    apart.load_state_dict(tied.state_dict())
    rng = np.random.default_rng(1)
    x, dy = rng.normal(size=(5, 4)), rng.normal(size=(5, 1))
    for net in (tied, apart):
        _, backward = net(x)
        backward(dy)
    np.testing.assert_allclose(tied[2].weight.grad, apart[2].weight.grad + apart[4].weight.grad, rtol=1e-12)


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_the_optimizer_steps_a_tied_weight_once(name):
    net, twin = models.TiedMLP(rng=0).double(), torch_ref.models.TiedMLP().double()
    twin.load_state_dict({k: torch.tensor(v) for k, v in net.state_dict().items()})
    ours = getattr(scratch.optim, name)(net.parameters(), lr=0.1)
    theirs = getattr(torch.optim, name)(twin.parameters(), lr=0.1)
    x = np.random.default_rng(1).normal(size=(5, 4))
    for _ in range(3):
        ours.zero_grad()
        y, backward = net(x)
        backward(2 * y)
        ours.step()
        theirs.zero_grad()
        twin(torch.tensor(x)).square().sum().backward()
        theirs.step()
    for key, value in twin.state_dict().items():
        np.testing.assert_allclose(net.state_dict()[key], value.numpy(), rtol=1e-9, atol=1e-12)
    assert net[2] is net[4]


# ---------------------------------------------------------------------- Sequential by hand


def layers(nn):
    shared = nn.Linear(3, 3)
    return [nn.Linear(2, 3), nn.Tanh(), shared, nn.Tanh(), shared]


def test_my_sequential_is_sequential_and_its_twin_with_a_layer_given_twice():
    net, twin = models.MySequential(*layers(scratch)).double(), torch_ref.models.MySequential(*layers(torch_ref))
    twin.double().load_state_dict({k: torch.tensor(v) for k, v in net.state_dict().items()})
    assert list(net.state_dict()) == list(twin.state_dict())
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(4, 2)), rng.normal(size=(4, 3))

    y, backward = net(x)
    dx = backward(dy)
    mine = [p.grad for p in net.parameters()]
    leaf = torch.tensor(x, requires_grad=True)
    theirs = twin(leaf)
    theirs.backward(torch.tensor(dy))
    np.testing.assert_allclose(y, theirs.detach(), rtol=1e-12)
    np.testing.assert_allclose(dx, leaf.grad, rtol=1e-10)
    for gradient, p in zip(mine, twin.parameters(), strict=True):
        np.testing.assert_allclose(gradient, p.grad, rtol=1e-10)

    net.zero_grad()
    y, backward = scratch.Sequential(*net)(x)
    np.testing.assert_array_equal(backward(dy), dx)
    for gradient, p in zip(mine, net.parameters(), strict=True):
        np.testing.assert_array_equal(gradient, p.grad)


def test_my_sequential_of_nothing_changes_nothing():
    x = np.ones(3)
    y, backward = models.MySequential()(x)
    assert y is x
    assert backward(x) is x
