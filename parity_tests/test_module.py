"""Modules, parameters and containers: what a PyTorch user reaches for."""

import copy

import numpy as np
import pytest
import torch

import scratch
from scratch import Linear, Module, ModuleDict, ModuleList, Parameter, Residual, Sequential


class Tied(Module):
    """y = x Wᵀ W: one weight, used once as it is and once transposed."""

    def __init__(self):
        self.first = Linear(3, 4, bias=False, dtype="float64", rng=0)

    def forward(self, x):
        h, first_backward = scratch.functional.linear(x, self.first.weight)
        y, second_backward = scratch.functional.linear(h, self.first.weight.T)
        return y, lambda dy: first_backward(second_backward(dy))


def test_gradients_of_a_weight_and_its_transpose_add_up():
    net, x = Tied(), np.random.default_rng(0).normal(size=(5, 3))
    y, backward = net(x)
    dy = np.random.default_rng(1).normal(size=y.shape)
    dx = backward(dy)
    w = torch.tensor(net.first.weight.data, requires_grad=True)
    tx = torch.tensor(x, requires_grad=True)
    ty = tx @ w.T @ w
    ty.backward(torch.tensor(dy))
    np.testing.assert_allclose(y, ty.detach().numpy(), atol=1e-12)
    np.testing.assert_allclose(dx, tx.grad.numpy(), atol=1e-12)
    np.testing.assert_allclose(net.first.weight.grad, w.grad.numpy(), atol=1e-12)
    assert [name for name, _ in net.named_parameters()] == ["first.weight"]


def test_the_same_layer_twice_in_a_sequential_stays_twice_and_its_gradients_add_up():
    layer = Linear(3, 3, dtype="float64", rng=0)
    net, x = Sequential(layer, layer), np.ones((2, 3))
    twin_layer = torch.nn.Linear(3, 3).double()
    twin = torch.nn.Sequential(twin_layer, twin_layer)
    twin.load_state_dict({k: torch.tensor(v) for k, v in net.state_dict().items()})
    dy = np.random.default_rng(1).normal(size=(2, 3))
    y, backward = net(x)
    backward(dy)
    twin(torch.tensor(x)).backward(torch.tensor(dy))
    assert len(net) == 2
    assert list(net.state_dict()) == list(twin.state_dict())
    assert len(list(net.parameters())) == len(list(twin.parameters())) == 2
    np.testing.assert_allclose(layer.weight.grad, twin_layer.weight.grad.numpy(), atol=1e-12)


def test_views_read_and_feed_their_base():
    p = Parameter(np.arange(6.0).reshape(2, 3))
    row = p[1]
    assert row.data.tolist() == [3.0, 4.0, 5.0]
    row.add_grad(np.ones(3))
    p.T.add_grad(np.ones((3, 2)))
    p.reshape(3, 2)[0].add_grad(np.array([10.0, 20.0]))
    assert p.grad.tolist() == [[11.0, 21.0, 1.0], [2.0, 2.0, 2.0]]
    assert p.T.T.grad.tolist() == p.grad.tolist()
    assert Parameter(np.zeros((2, 3, 4, 5))).transpose(2, 3).shape == (2, 3, 5, 4)
    with pytest.raises(ValueError, match=r"Parameter: this indexing or reshaping of a parameter \(2, 3\) copies"):
        p[[0, 0]]
    with pytest.raises(ValueError, match="copies"):
        p.T.reshape(6)


def test_a_parameter_is_floating_point():
    with pytest.raises(TypeError, match="Parameter: data must be a floating-point array, but is int64"):
        Parameter(np.arange(3))
    with pytest.raises(TypeError, match="but is list"):
        Parameter([1.0])


def nested():
    return Sequential(
        {"a": Linear(2, 3), "blocks": ModuleList([Linear(3, 3), Linear(3, 3, bias=False)]), "b": Linear(3, 1)}
    )


def nested_twin():
    blocks = torch.nn.ModuleList([torch.nn.Linear(3, 3), torch.nn.Linear(3, 3, bias=False)])
    parts = {"a": torch.nn.Linear(2, 3), "blocks": blocks, "b": torch.nn.Linear(3, 1)}
    twin = torch.nn.Sequential()
    for name, part in parts.items():
        twin.add_module(name, part)
    return twin


def test_names_of_everything_inside_are_torchs():
    net, twin = nested(), nested_twin()
    for walk in ("named_parameters", "named_buffers", "named_modules", "named_children"):
        assert [n for n, _ in getattr(net, walk)()] == [n for n, _ in getattr(twin, walk)()], walk
    assert list(net.state_dict()) == list(twin.state_dict())
    assert repr(net) == repr(twin)
    assert net.get_submodule("blocks.1") is net[1][1]
    assert net.get_parameter("blocks.1.weight") is net[1][1].weight
    for bad in ("blocks.7", "c"):
        with pytest.raises(AttributeError, match="no submodule"):
            net.get_submodule(bad)


def test_load_state_dict_lists_all_problems_and_changes_nothing():
    net = nested()
    state = net.state_dict()
    wrong = {k: v + 1 for k, v in state.items()}
    del wrong["a.weight"]
    wrong["b.bias"] = np.zeros(7)
    wrong["surplus"] = np.zeros(1)
    with pytest.raises(ValueError) as found:
        net.load_state_dict(wrong)
    message = str(found.value)
    assert "missing: a.weight" in message
    assert "unexpected: surplus" in message
    assert "b.bias has shape (7,), the module's (1,)" in message
    for key, value in net.state_dict().items():
        np.testing.assert_array_equal(value, state[key])
    with pytest.raises(ValueError, match="b.bias has shape"):  # a wrong shape is an error even if not strict
        net.load_state_dict(wrong, strict=False)
    del wrong["b.bias"]
    keys = net.load_state_dict(wrong, strict=False)
    assert keys.missing_keys == ["a.weight", "b.bias"]
    assert keys.unexpected_keys == ["surplus"]
    with pytest.raises(TypeError, match="must be an array of numbers"):
        net.load_state_dict(state | {"a.weight": np.array(["x"])})


def test_a_state_dict_is_a_snapshot():
    net = Linear(2, 2)
    state = net.state_dict()
    scratch.init.zeros_(net.weight)
    assert np.any(state["weight"])
    net.load_state_dict(state)
    state["weight"][:] = 7
    assert not np.any(net.weight.data == 7)


def test_loading_keeps_the_arrays_that_views_and_optimizers_know():
    net = Linear(2, 2)
    data, view = net.weight.data, net.weight.T
    net.load_state_dict({"weight": np.eye(2) * 3, "bias": np.zeros(2)})
    assert net.weight.data is data
    assert view.data.tolist() == [[3.0, 0.0], [0.0, 3.0]]
    assert net.weight.dtype == np.float32


def test_dtype_modes_freezing_and_zero_grad():
    net = nested()
    assert {p.dtype for p in net.double().parameters()} == {np.dtype("float64")}
    assert {p.dtype for p in net.to("float32").parameters()} == {np.dtype("float32")}
    assert {p.dtype for p in net.to(torch.float64).parameters()} == {np.dtype("float64")}
    with pytest.raises(TypeError, match="dtype must be a floating-point dtype"):
        net.to("int64")
    assert not any(m.training for m in net.eval().modules())
    assert all(m.training for m in net.train().modules())
    with pytest.raises(ValueError, match="train: mode must be a bool"):
        net.train("yes")
    net.requires_grad_(False)
    assert not any(p.requires_grad for p in net.parameters())
    layer = Linear(2, 2)
    layer(np.ones((1, 2), np.float32))[1](np.ones((1, 2), np.float32))
    layer.zero_grad(set_to_none=False)
    assert layer.weight.grad.tolist() == [[0.0, 0.0], [0.0, 0.0]]
    layer.zero_grad()
    assert layer.weight.grad is None


def test_apply_visits_children_first():
    seen = []
    nested().apply(lambda m: seen.append(type(m).__name__))
    assert seen == ["Linear", "Linear", "Linear", "ModuleList", "Linear", "Sequential"]


def test_a_parameter_cannot_be_overwritten_by_an_array_by_mistake():
    layer = Linear(2, 2)
    with pytest.raises(
        TypeError, match=r"Linear.weight is a Parameter and cannot become a ndarray; assign to weight.data"
    ):
        layer.weight = np.zeros((2, 2))
    layer.weight = Parameter(np.zeros((2, 2), np.float32))
    layer.bias = None
    assert [n for n, _ in layer.named_parameters()] == ["weight"]


def test_buffers_are_state_but_not_learned():
    class Counter(Module):
        def __init__(self):
            self.register_buffer("count", np.zeros(1))
            self.register_buffer("cache", np.zeros(2), persistent=False)
            self.register_buffer("nothing", None)

    module = Counter()
    assert list(module.state_dict()) == ["count"]
    assert [n for n, _ in module.named_buffers()] == ["count", "cache"]
    assert list(module.parameters()) == []
    module.load_state_dict({"count": np.ones(1)})
    assert module.count.tolist() == [1.0]
    assert module.get_buffer("count") is module.count
    assert Counter._buffer_names == ()  # names belong to the instance


def test_sequential_is_a_list_of_modules():
    a, b, c = Linear(2, 3), Linear(3, 4), Linear(4, 5)
    net = Sequential(a, b)
    assert net.append(c) is net
    assert list(net) == [a, b, c]
    assert net[-1] is c
    tail = net[1:]
    assert list(tail) == [b, c]
    assert list(tail.state_dict()) == ["1.weight", "1.bias", "2.weight", "2.bias"]  # a slice keeps its names
    assert net.pop(1) is b
    assert [*net] == [a, c]
    net.insert(1, b)
    net[2] = c
    del net[0]
    assert [*net] == [b, c]
    assert list(net.state_dict())[0] == "0.weight"
    assert len(net + Sequential(a)) == 3
    assert b in net
    assert a not in net
    named = Sequential({"conv": a, "out": b})
    assert named.conv is a
    assert named["out"] is b
    with pytest.raises(TypeError, match="Sequential: expects modules, but got a function"):
        Sequential(lambda x: x)


def test_module_dict_and_list():
    d = ModuleDict({"a": Linear(1, 1)})
    d["b"] = Linear(1, 2)
    assert list(d) == ["a", "b"]
    assert list(d.state_dict()) == ["a.weight", "a.bias", "b.weight", "b.bias"]
    d.pop("a")
    assert "a" not in d
    assert len(d) == 1
    with pytest.raises(ValueError, match="'keys' is the name of a method"):
        d["keys"] = Linear(1, 1)
    items = ModuleList([Linear(1, 1)])
    items += [Linear(1, 2)]
    assert len(items) == 2
    assert isinstance(items[:1], ModuleList)


def test_residual_adds_the_gradient_of_both_ways():
    net = Residual(Linear(2, 2, dtype="float64"))
    net.module.load_state_dict({"weight": np.array([[1.0, 2.0], [3.0, 4.0]]), "bias": np.zeros(2)})
    y, backward = net(np.array([[1.0, 1.0]]))
    assert y.tolist() == [[4.0, 8.0]]  # x + Wx = [1 + 3, 1 + 7]
    assert backward(np.array([[1.0, 10.0]])).tolist() == [[32.0, 52.0]]  # dy + dy W = [1 + 31, 10 + 42]
    with pytest.raises(ValueError, match="Residual: the module must keep the shape"):
        Residual(Linear(2, 3))(np.ones((1, 2), np.float32))


def test_the_sweep_stops_at_the_first_layer_that_learns():
    class Spy(Module):
        def forward(self, x):
            return x * 1, scratch.functional.linear(x, np.eye(2))[1]  # an op without Parameters

    frozen = Linear(2, 2, dtype="float64").requires_grad_(False)
    net = Sequential(Spy(), frozen, Linear(2, 1, dtype="float64"))
    y, backward = net(np.ones((3, 2)))
    assert scratch.pull(backward, np.ones((3, 1)), input_grad=False) is None
    assert net[2].weight.grad is not None
    assert frozen.weight.grad is None


def test_release_lets_go_of_everything_and_a_second_call_says_so():
    net = Sequential(Linear(2, 2), Sequential(Linear(2, 2)), Residual(Linear(2, 2)))
    y, backward = net(np.ones((3, 2), np.float32))
    inner = list(backward.backwards)
    backward(y, release=True)
    with pytest.raises(RuntimeError, match="released"):
        backward(y)
    for b in inner:
        with pytest.raises(RuntimeError, match="released"):
            b(y)


def test_a_deep_copy_is_independent():
    net = nested()
    other = copy.deepcopy(net)
    scratch.init.zeros_(other.a.weight)
    assert np.any(net.a.weight.data)


def test_initialisation_is_distributed_as_torchs():
    ours, theirs = Linear(64, 500, rng=0), torch.nn.Linear(64, 500)
    for name in ("weight", "bias"):
        a, b = ours.get_parameter(name).data, theirs.get_parameter(name).detach().numpy()
        assert a.dtype == b.dtype
        assert np.abs(a).max() <= 1 / 8  # 1 / sqrt(64)
        assert abs(a.std() - b.std()) < 0.006
        assert abs(a.mean()) < 0.01


def test_manual_seed_and_rng_repeat_the_same_numbers():
    scratch.manual_seed(3)
    a = Linear(3, 3).weight.data
    scratch.manual_seed(3)
    np.testing.assert_array_equal(a, Linear(3, 3).weight.data)
    np.testing.assert_array_equal(Linear(3, 3, rng=5).weight.data, Linear(3, 3, rng=5).weight.data)
    with pytest.raises(TypeError, match="rng must be a numpy.random.Generator, a seed or None"):
        Linear(3, 3, rng="seed")
    with pytest.raises(ValueError, match="device must be None or 'cpu'"):
        Linear(3, 3, device="cuda")
