"""Every optimizer takes torch's steps; groups, states and errors are torch's too."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import scratch
from scratch import optim
from scratch.parameter import Parameter

VARIANTS = {
    "SGD": [
        {},
        {"lr": 0.1, "momentum": 0.9},
        {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01},
        {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01, "maximize": True},
        {"lr": 0.1, "weight_decay": 0.1},
    ],
    "Adam": [
        {},
        {"lr": 0.01, "betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.1},
        {"lr": 0.01, "amsgrad": True},
        {"lr": 0.01, "amsgrad": True, "maximize": True, "weight_decay": 0.1},
        {"lr": 0.01, "betas": (0.0, 0.0)},
        {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True},
    ],
    "AdamW": [{}, {"lr": 0.01, "weight_decay": 0.5, "amsgrad": True, "maximize": True}],
}
CASES = [(name, options) for name, variants in VARIANTS.items() for options in variants]
SHAPES = [(4, 3), (5,), (), (2, 3, 2, 2)]
STEPS = 30

INVALID = [
    ("SGD", {"lr": -1}, "Invalid learning rate: -1"),
    ("SGD", {"momentum": -0.1}, "Invalid momentum value"),
    ("SGD", {"weight_decay": -0.1}, "Invalid weight_decay value"),
    ("SGD", {"nesterov": True}, "Nesterov momentum requires"),
    ("SGD", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "Nesterov momentum requires"),
    ("Adam", {"lr": -1.0}, "Invalid learning rate"),
    ("Adam", {"eps": -1.0}, "Invalid epsilon value"),
    ("Adam", {"betas": (1.0, 0.9)}, "Invalid beta parameter at index 0"),
    ("Adam", {"betas": (0.9, -0.1)}, "Invalid beta parameter at index 1"),
    ("AdamW", {"weight_decay": -0.1}, "Invalid weight_decay value"),
]


@pytest.fixture(autouse=True)
def numbers_in_float64():
    """torch keeps step counts in the default dtype; float64 compares its formula, not its rounding."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def gradient_sequence(seed, dtype, steps=STEPS, shapes=SHAPES):
    """Gradients of very different sizes; now and then one is missing, or all zero."""
    rng = np.random.default_rng(seed)
    for step in range(steps):
        yield [
            None
            if step % 7 == 3 and i == 1
            else np.asarray(rng.normal(size=shape) * 10.0 ** rng.integers(-3, 2) * (step % 11 != 5), dtype)
            for i, shape in enumerate(shapes)
        ]


def starts(seed, dtype, shapes=SHAPES):
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.normal(size=shape), dtype) for shape in shapes]


def run_scratch(name, options, dtype, steps=STEPS, shapes=SHAPES):
    params = [Parameter(a) for a in starts(0, dtype, shapes)]
    optimizer = getattr(optim, name)(params, **options)
    for gradients in gradient_sequence(1, dtype, steps, shapes):
        for p, g in zip(params, gradients):
            p.grad = g
        optimizer.step()
    return optimizer, [p.data for p in params]


def run_torch(name, options, dtype, steps=STEPS, shapes=SHAPES):
    params = [torch.tensor(a, requires_grad=True) for a in starts(0, dtype, shapes)]
    optimizer = getattr(torch.optim, name)(params, **options)
    for gradients in gradient_sequence(1, dtype, steps, shapes):
        for p, g in zip(params, gradients):
            p.grad = None if g is None else torch.tensor(g)
        optimizer.step()
    return optimizer, [p.detach().numpy() for p in params]


def to_arrays(value):
    """A torch state_dict with NumPy arrays instead of tensors, numbers where they have no axes."""
    if isinstance(value, torch.Tensor):
        return value.numpy() if value.ndim else value.item()
    if isinstance(value, dict):
        return {k: to_arrays(v) for k, v in value.items()}
    return [to_arrays(v) for v in value] if isinstance(value, list) else value


def to_tensors(value):
    if isinstance(value, np.ndarray):
        return torch.tensor(value)
    if isinstance(value, dict):
        return {k: to_tensors(v) for k, v in value.items()}
    return [to_tensors(v) for v in value] if isinstance(value, list) else value


def assert_same_state(ours, theirs):
    assert ours["param_groups"] == theirs["param_groups"]
    theirs = {i: s for i, s in to_arrays(theirs["state"]).items() if s}
    assert ours["state"].keys() == theirs.keys()
    for i, state in theirs.items():
        assert ours["state"][i].keys() == state.keys()
        for key, value in state.items():
            np.testing.assert_allclose(ours["state"][i][key], value, rtol=1e-12, atol=1e-14, err_msg=f"{i} {key}")


@pytest.mark.parametrize(("name", "options"), CASES)
def test_takes_torchs_steps_in_float64(name, options):
    ours, data = run_scratch(name, options, np.float64)
    theirs, tensors = run_torch(name, options, np.float64)
    for a, b in zip(data, tensors):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
    assert_same_state(ours.state_dict(), theirs.state_dict())


@pytest.mark.parametrize(("name", "options"), CASES)
def test_float32_is_as_accurate_as_torchs(name, options):
    _, truth = run_torch(name, options, np.float64)
    _, tensors = run_torch(name, options, np.float32)
    _, data = run_scratch(name, options, np.float32)
    # both start from the rounded parameters and gradients, so this error is common to them
    eps = np.finfo(np.float32).eps
    for a, b, t in zip(data, tensors, truth):
        assert a.dtype == np.float32
        assert np.abs(a - t).max() <= 4 * np.abs(b - t).max() + 4 * eps * np.abs(t).max()


@pytest.mark.parametrize(("name", "options"), CASES)
def test_large_arrays_take_the_same_steps_as_small_ones(name, options):
    n = 300_001  # more than two blocks, and no multiple of one
    _, data = run_scratch(name, options, np.float64, steps=3, shapes=[(n,), (2,)])
    _, tensors = run_torch(name, options, np.float64, steps=3, shapes=[(n,), (2,)])
    np.testing.assert_allclose(data[0], tensors[0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_states_travel_both_ways_and_the_run_goes_on_as_if_never_interrupted(name, options):
    ours, data = run_scratch(name, options, np.float64, steps=10)
    theirs, tensors = run_torch(name, options, np.float64, steps=10)
    fresh = [Parameter(a.copy()) for a in data]
    from_torch = getattr(optim, name)(fresh)
    from_torch.load_state_dict(theirs.state_dict())
    torch_params = [torch.tensor(a, requires_grad=True) for a in tensors]
    from_scratch = getattr(torch.optim, name)(torch_params)
    from_scratch.load_state_dict(to_tensors(ours.state_dict()))
    originals = ours.param_groups[0]["params"]
    for gradients in gradient_sequence(2, np.float64, 5):
        for a, b, c, g in zip(originals, fresh, torch_params, gradients):
            a.grad, b.grad = (None, None) if g is None else (g.copy(), g.copy())
            c.grad = None if g is None else torch.tensor(g)
        for optimizer in (ours, from_torch, from_scratch):
            optimizer.step()
    for a, b, c in zip(originals, fresh, torch_params):
        np.testing.assert_allclose(b.data, a.data, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(c.detach().numpy(), a.data, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_the_gradient_is_left_alone(name, options):
    p = Parameter(np.ones(3))
    p.grad = np.array([1.0, -2.0, 0.5])
    getattr(optim, name)([p], **options).step()
    np.testing.assert_array_equal(p.grad, [1.0, -2.0, 0.5])


@pytest.mark.parametrize("name", VARIANTS)
def test_non_contiguous_parameters_are_stepped_in_place(name):
    base = np.arange(6.0).reshape(2, 3)
    p, q = Parameter(base.T), Parameter(base.T.copy())
    for parameter in (p, q):
        parameter.grad = np.ones((3, 2))
        getattr(optim, name)([parameter]).step()
    np.testing.assert_array_equal(p.data, q.data)
    np.testing.assert_array_equal(base.T, q.data)


@pytest.mark.parametrize(("name", "options", "message"), INVALID)
def test_invalid_options_are_refused_as_torch_refuses_them(name, options, message):
    with pytest.raises(ValueError, match=message):
        getattr(torch.optim, name)([torch.zeros(1, requires_grad=True)], **options)
    with pytest.raises(ValueError, match=message):
        getattr(optim, name)([Parameter(np.zeros(1))], **options)


def test_sgd_with_momentum_by_hand():
    # p = 1, g = 2 each time, lr = 0.1, momentum 0.5:  b = 2, p = 0.8;  b = 1 + 2 = 3, p = 0.5
    p = Parameter(np.array([1.0]))
    optimizer = optim.SGD([p], lr=0.1, momentum=0.5)
    seen = []
    for _ in range(2):
        p.grad = np.array([2.0])
        optimizer.step()
        seen.append(p.data[0])
    np.testing.assert_allclose(seen, [0.8, 0.5])


def test_the_first_step_of_adam_is_lr_whatever_the_gradients_size():
    # m̂ = g and v̂ = g², so the step is lr * g / (|g| + eps)
    p = Parameter(np.zeros(3))
    p.grad = np.array([1e-3, -5.0, 1e4])
    optim.Adam([p], lr=0.1).step()
    np.testing.assert_allclose(p.data, [-0.1, 0.1, -0.1], rtol=1e-4)


def test_adamw_decays_parameters_whose_gradient_is_zero():
    p = Parameter(np.array([2.0]))
    p.grad = np.zeros(1)
    optim.AdamW([p], lr=0.1, weight_decay=0.5).step()
    np.testing.assert_allclose(p.data, [1.9])  # 2 * (1 - 0.1 * 0.5)


def test_parameters_without_gradient_are_skipped_and_keep_no_state():
    p, q = Parameter(np.ones(2)), Parameter(np.ones(2))
    q.grad = np.ones(2)
    optimizer = optim.Adam([p, q], weight_decay=0.1)
    optimizer.step()
    np.testing.assert_array_equal(p.data, 1)
    assert list(optimizer.state_dict()["state"]) == [1]
    assert (p.version, q.version) == (0, 1)


def test_a_tied_parameter_is_stepped_once():
    linear = scratch.Linear(3, 3, bias=False, dtype="float64")
    net = scratch.Sequential(linear, linear)
    optimizer = optim.SGD(net.parameters(), lr=1.0)
    before = linear.weight.data.copy()
    y, backward = net(np.ones((2, 3)))
    backward(np.ones_like(y))
    optimizer.step()
    np.testing.assert_allclose(linear.weight.data, before - linear.weight.grad)


def test_a_parameter_given_twice_and_a_view_are_refused():
    p = Parameter(np.ones((2, 2)))
    with pytest.raises(ValueError, match="appears twice"):
        optim.SGD([p, p])
    with pytest.raises(ValueError, match="appears twice"):
        optim.SGD([{"params": [p]}, {"params": p}])
    with pytest.raises(ValueError, match="view of a Parameter"):
        optim.SGD([p.T])


def test_groups_have_their_own_options():
    p, q = Parameter(np.ones(1)), Parameter(np.ones(1))
    optimizer = optim.SGD([{"params": [p]}, {"params": q, "lr": 0.5}], lr=0.1)
    p.grad, q.grad = np.ones(1), np.ones(1)
    optimizer.step()
    np.testing.assert_allclose([p.data[0], q.data[0]], [0.9, 0.5])
    r = Parameter(np.ones(1))
    optimizer.add_param_group({"params": [r], "lr": 1.0})
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.5, 1.0]
    assert [group["params"] for group in optimizer.state_dict()["param_groups"]] == [[0], [1], [2]]
    with pytest.raises(ValueError, match="Invalid learning rate"):
        optimizer.add_param_group({"params": [Parameter(np.ones(1))], "lr": -1.0})


def test_named_parameters_keep_their_names():
    net = scratch.Linear(2, 2)
    optimizer = optim.SGD(net.named_parameters())
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]
    with pytest.raises(ValueError, match="names"):
        optimizer.add_param_group({"params": [Parameter(np.ones(1))]})


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        (Parameter(np.ones(1)), TypeError, "iterable of Parameters"),
        ([], ValueError, "empty parameter list"),
        ([np.ones(1)], TypeError, "can only optimize Parameters"),
        ([{"params": {Parameter(np.ones(1))}}], TypeError, "a set has no fixed order"),
    ],
)
def test_what_is_no_list_of_parameters_is_refused(params, error, message):
    with pytest.raises(error, match=message):
        optim.SGD(params)


def test_options_of_torch_that_mean_nothing_here_are_accepted():
    p = [Parameter(np.ones(1))]
    assert optim.Adam(p, foreach=True, fused=False).param_groups[0]["foreach"] is True
    with pytest.raises(ValueError, match="differentiable"):
        optim.Adam(p, differentiable=True)
    with pytest.raises(TypeError, match="unexpected argument 'momentums'"):
        optim.SGD(p, momentums=0.9)


def test_zero_grad_forgets_or_fills_with_zeros():
    p, q = Parameter(np.ones(2)), Parameter(np.ones(2))
    optimizer = optim.SGD([p, q])
    p.grad = np.ones(2)
    optimizer.zero_grad(set_to_none=False)
    assert p.grad.tolist() == [0, 0]
    assert q.grad is None
    optimizer.zero_grad()
    assert p.grad is None


def test_step_returns_what_the_closure_returns():
    p = Parameter(np.ones(1))

    def closure():
        p.grad = np.ones(1)
        return 5.0

    assert optim.SGD([p], lr=1.0).step(closure) == 5.0
    assert p.data[0] == 0


def test_a_gradient_of_the_wrong_shape_changes_nothing():
    p, q = Parameter(np.ones(2)), Parameter(np.ones(2))
    p.grad, q.grad = np.ones(2), np.ones((1, 2))
    with pytest.raises(ValueError, match=r"gradient has shape \(1, 2\)"):
        optim.SGD([p, q]).step()
    np.testing.assert_array_equal(p.data, 1)


def test_a_state_that_does_not_fit_changes_nothing():
    optimizer, _ = run_scratch("Adam", {}, np.float64, steps=2)
    state = optimizer.state_dict()
    other = optim.Adam([Parameter(np.zeros(s)) for s in ((3, 4), *SHAPES[1:])], lr=0.5)
    for broken, message in [
        (state, r"\['exp_avg'\] has shape \(4, 3\), but must have \(3, 4\)"),
        (
            {**state, "param_groups": state["param_groups"] * 2},
            r"have \[4\] parameters, those of the state_dict \[4, 4\]",
        ),
        ({**state, "state": {1: {"step": 1.0}}}, r"state\[1\] lacks exp_avg, exp_avg_sq"),
    ]:
        with pytest.raises(ValueError, match=message):
            other.load_state_dict(broken)
        assert other.param_groups[0]["lr"] == 0.5
        assert not other.state


def test_a_state_dict_is_a_copy():
    optimizer, _ = run_scratch("Adam", {}, np.float64, steps=2)
    state = optimizer.state_dict()
    kept = state["state"][0]["exp_avg"].copy()
    for parameter in optimizer.param_groups[0]["params"]:
        parameter.grad = np.ones(parameter.shape)
    optimizer.step()
    np.testing.assert_array_equal(state["state"][0]["exp_avg"], kept)


def test_a_step_between_forward_and_backward_is_noticed():
    linear = scratch.Linear(2, 2)
    y, backward = linear(np.ones((1, 2), np.float32))
    backward(y)
    optim.SGD(linear.parameters()).step()
    with pytest.raises(RuntimeError, match="was changed"):
        backward(y)


def test_the_repr_is_torchs():
    ours = repr(optim.Adam([Parameter(np.ones(1))]))
    assert ours == repr(torch.optim.Adam([torch.ones(1, requires_grad=True)]))
