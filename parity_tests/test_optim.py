"""Every optimizer takes torch's steps; groups, states and errors are torch's too."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import scratch
from scratch import optim
from scratch.optim.lbfgs import strong_wolfe
from scratch.optim.muon import orthogonalized
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
    "Adamax": [{}, {"lr": 0.1, "betas": (0.5, 0.8), "eps": 1e-3, "weight_decay": 0.1, "maximize": True}],
    "NAdam": [
        {},
        {"lr": 0.1, "betas": (0.5, 0.8), "eps": 1e-3, "weight_decay": 0.1, "momentum_decay": 0.1, "maximize": True},
        {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True},
    ],
    "RAdam": [
        {"lr": 0.1},
        {"lr": 0.1, "betas": (0.5, 0.8), "eps": 1e-3, "weight_decay": 0.1, "maximize": True},
        {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True},
    ],
    "RMSprop": [
        {},
        {"lr": 0.1, "alpha": 0.8, "eps": 1e-3, "weight_decay": 0.1, "momentum": 0.9},
        {"centered": True, "maximize": True},
        {"centered": True, "momentum": 0.5},
    ],
    "Rprop": [{}, {"lr": 0.1, "etas": (0.3, 2.0), "step_sizes": (0.01, 0.5), "maximize": True}],
    "Adagrad": [
        {},
        {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.5, "eps": 1e-3},
        {"maximize": True},
    ],
    "Adadelta": [{}, {"lr": 0.1, "rho": 0.5, "eps": 1e-2, "weight_decay": 0.1, "maximize": True}],
    "ASGD": [{}, {"lr": 0.1, "lambd": 0.01, "alpha": 0.5, "t0": 5, "weight_decay": 0.1, "maximize": True}],
    "Adafactor": [
        {},
        {"lr": 0.5, "beta2_decay": -0.5, "eps": (1e-4, 1e-2), "d": 2.0, "weight_decay": 0.1, "maximize": True},
    ],
    "Muon": [
        {},
        {"lr": 0.1, "weight_decay": 0.0, "momentum": 0.5, "nesterov": False, "ns_steps": 3, "eps": 0.1},
        {"lr": 0.1, "adjust_lr_fn": "match_rms_adamw", "ns_coefficients": (3.0, -4.0, 2.0)},
    ],
}
CASES = [(name, options) for name, variants in VARIANTS.items() for options in variants]
STEPS = 30


def shapes_for(name):
    return [(4, 3), (3, 4)] if name == "Muon" else [(4, 3), (5,), (), (2, 3, 2, 2)]


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
    ("Adamax", {"eps": -1.0}, "Invalid epsilon value"),
    ("Adamax", {"betas": (1.0, 0.9)}, "Invalid beta parameter at index 0"),
    ("NAdam", {"eps": -1.0}, "Invalid epsilon value"),
    ("NAdam", {"betas": (0.9, 1.5)}, "Invalid beta parameter at index 1"),
    ("NAdam", {"momentum_decay": -0.2}, "Invalid momentum_decay value"),
    ("RAdam", {"eps": -1.0}, "Invalid epsilon value"),
    ("RAdam", {"betas": (1.0, 0.9)}, "Invalid beta parameter at index 0"),
    ("RMSprop", {"eps": -1.0}, "Invalid epsilon value"),
    ("RMSprop", {"momentum": -1.0}, "Invalid momentum value"),
    ("RMSprop", {"alpha": -1.0}, "Invalid alpha value"),
    ("Rprop", {"etas": (1.0, 1.2)}, "Invalid eta values: 1.0, 1.2"),
    ("Rprop", {"lr": -1.0}, "Invalid learning rate"),
    ("Adagrad", {"lr_decay": -1.0}, "Invalid lr_decay value"),
    ("Adagrad", {"initial_accumulator_value": -1.0}, "Invalid initial_accumulator_value value"),
    ("Adagrad", {"eps": -1.0}, "Invalid epsilon value"),
    ("Adadelta", {"rho": 1.1}, "Invalid rho value"),
    ("Adadelta", {"eps": -1.1}, "Invalid epsilon value"),
    ("ASGD", {"weight_decay": -0.1}, "Invalid weight_decay value"),
    ("Adafactor", {"lr": -1.0}, "Learning rate should be >= 0"),
    ("Adafactor", {"beta2_decay": 0.1}, "beta2_decay should be <= 0"),
    ("Adafactor", {"eps": (-1.0, 1.0)}, "epsilon1 should be >= 0"),
    ("Adafactor", {"eps": (None, -1.0)}, "epsilon2 should be >= 0"),
    ("Adafactor", {"d": 0.5}, "Clipping threshold d should be >= 1"),
    ("Adafactor", {"weight_decay": -0.5}, "weight_decay should be >= 0"),
    ("Muon", {"lr": -1.0}, "Learning rate should be >= 0"),
    ("Muon", {"momentum": -1.0}, "momentum should be >= 0"),
    ("Muon", {"weight_decay": -1.0}, "weight decay should be >= 0"),
    ("Muon", {"adjust_lr_fn": "adam"}, "Adjust learning rate function adam is not supported"),
    ("Muon", {}, "only supports 2D parameters"),
    ("LBFGS", {"lr": -1.0}, "Invalid learning rate"),
]


@pytest.fixture(autouse=True)
def numbers_in_float64(monkeypatch):
    """torch keeps step counts in the default dtype, and Muon works in bfloat16: compare formulas, not rounding."""
    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def gradient_sequence(seed, dtype, steps, shapes):
    """Gradients of very different sizes; now and then one is missing, or all zero."""
    rng = np.random.default_rng(seed)
    for step in range(steps):
        yield [
            None
            if step % 7 == 3 and i == 1
            else np.asarray(rng.normal(size=shape) * 10.0 ** rng.integers(-3, 2) * (step % 11 != 5), dtype)
            for i, shape in enumerate(shapes)
        ]


def starts(seed, dtype, shapes):
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.normal(size=shape), dtype) for shape in shapes]


def run_scratch(name, options, dtype, steps=STEPS, shapes=None):
    shapes = shapes or shapes_for(name)
    params = [Parameter(a) for a in starts(0, dtype, shapes)]
    optimizer = getattr(optim, name)(params, **options)
    for gradients in gradient_sequence(1, dtype, steps, shapes):
        for p, g in zip(params, gradients):
            p.grad = g
        optimizer.step()
    return optimizer, [p.data for p in params]


def run_torch(name, options, dtype, steps=STEPS, shapes=None):
    shapes = shapes or shapes_for(name)
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
    # more than two blocks, and no multiple of one
    shapes = [(3, 100_003)] if name == "Muon" else [(300_009,), (2,)]
    _, data = run_scratch(name, options, np.float64, steps=3, shapes=shapes)
    _, tensors = run_torch(name, options, np.float64, steps=3, shapes=shapes)
    np.testing.assert_allclose(data[0], tensors[0], rtol=1e-12, atol=1e-12 * np.abs(tensors[0]).max())


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
    for gradients in gradient_sequence(2, np.float64, 5, shapes_for(name)):
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
    p = Parameter(np.ones((1, 3)))
    p.grad = np.array([[1.0, -2.0, 0.5]])
    getattr(optim, name)([p], **options).step()
    np.testing.assert_array_equal(p.grad, [[1.0, -2.0, 0.5]])


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


@pytest.mark.parametrize("rows", [3, 5])
def test_muon_makes_all_singular_values_about_one(rows):
    x = np.random.default_rng(0).normal(size=(rows, 4)) * 100
    values = np.linalg.svd(orthogonalized(x), compute_uv=False)
    assert ((values > 0.5) & (values < 1.3)).all()


def test_muon_is_near_torchs_bfloat16(monkeypatch):
    monkeypatch.undo()
    _, data = run_scratch("Muon", {}, np.float64, steps=1)
    _, tensors = run_torch("Muon", {}, np.float64, steps=1)
    for a, b in zip(data, tensors):
        np.testing.assert_allclose(a, b, atol=1e-3 * 0.05)  # lr times bfloat16's 8 bits through five products


def rosenbrock(x, y):
    """The value and the two derivatives."""
    across = y - x * x
    return (1 - x) ** 2 + 100 * across**2, -2 * (1 - x) - 400 * x * across, 200 * across


def lbfgs_runs(options, steps, interrupt=None):
    """Both sides down Rosenbrock's valley: losses, evaluations, where they end, the optimizers."""
    p, q = Parameter(np.array([-1.5])), Parameter(np.array([[2.0]]))
    ours = optim.LBFGS([p, q], **options)
    s, t = (torch.tensor(a.data.copy(), requires_grad=True) for a in (p, q))
    theirs = torch.optim.LBFGS([s, t], **options)
    losses = []

    def closure():
        loss, dx, dy = rosenbrock(p.data.item(), q.data.item())
        p.grad, q.grad = np.array([dx]), np.array([[dy]])
        return loss

    def torch_closure():
        loss, dx, dy = rosenbrock(s.item(), t.item())
        s.grad, t.grad = torch.tensor([dx]), torch.tensor([[dy]])
        return torch.tensor(loss)

    for step in range(steps):
        if step == interrupt:
            state, theirs_state = ours.state_dict(), theirs.state_dict()
            ours = optim.LBFGS([p, q])
            ours.load_state_dict(theirs_state)  # each takes over the other's
            theirs = torch.optim.LBFGS([s, t])
            theirs.load_state_dict(to_tensors(state))
        losses.append((ours.step(closure), theirs.step(torch_closure).item()))
    ends = np.array([p.data[0], q.data[0, 0]]), np.array([s.item(), t.item()])
    return np.array(losses), ends, ours, theirs


LBFGS_OPTIONS = [  # few enough steps that rounding, which the valley multiplies at every turn, stays small
    ({"lr": 0.1}, 6),
    ({"lr": 0.5, "max_iter": 3, "history_size": 2}, 15),
    ({"line_search_fn": "strong_wolfe"}, 4),
    ({"line_search_fn": "strong_wolfe", "max_iter": 4, "max_eval": 9, "history_size": 3}, 5),
    ({"line_search_fn": "strong_wolfe", "lr": 30.0, "max_iter": 2}, 10),
    ({"lr": 0.1, "tolerance_grad": 10.0}, 6),
    ({"lr": 0.1, "tolerance_change": 0.1}, 6),
]


@pytest.mark.parametrize("interrupt", [None, 3])
@pytest.mark.parametrize(("options", "steps"), LBFGS_OPTIONS)
def test_lbfgs_goes_torchs_way(options, steps, interrupt):
    losses, (ours, theirs), optimizer, twin = lbfgs_runs(options, steps, interrupt)
    np.testing.assert_allclose(losses[:, 0], losses[:, 1], rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(ours, theirs, rtol=1e-8)
    for key in ("func_evals", "n_iter"):
        assert optimizer.state_dict()["state"][0][key] == twin.state_dict()["state"][0][key]


def bumpy(t, seed):
    """A function of one number with many valleys, and its slope; down at 0."""
    a, b, c, e = np.random.default_rng(seed).uniform(0.2, 3, size=4)
    value = 0.05 * (t - 3 * a) ** 2 + b * np.cos(2 * c * t + e) - 4 * np.exp(-((t - a) ** 2) * 5)
    slope = 0.1 * (t - 3 * a) - 2 * b * c * np.sin(2 * c * t + e) + 40 * (t - a) * np.exp(-((t - a) ** 2) * 5)
    return float(value), float(slope)


def test_the_line_search_goes_torchs_way_over_bumps():
    from torch.optim.lbfgs import _strong_wolfe

    calls = set()
    for seed in range(400):
        f, slope = bumpy(0.0, seed)
        direction = -1.0 if slope > 0 else 1.0
        start = float(np.random.default_rng(seed).choice([0.05, 0.5, 1.0, 6.0]))
        limit = 3 if seed % 5 == 0 else 25

        def ours(t, direction=direction, seed=seed):
            f, slope = bumpy(t * direction, seed)
            return f, np.array([slope])

        def theirs(x, t, d, seed=seed):
            f, slope = bumpy(float(t * d), seed)
            return f, torch.tensor([slope])

        point, count = strong_wolfe(
            ours, start, np.array([direction]), f, np.array([slope]), slope * direction, max_ls=limit
        )
        d = torch.tensor([direction])
        g = torch.tensor([slope])
        want_f, want_g, want_t, want_count = _strong_wolfe(theirs, None, start, d, f, g, g.dot(d), max_ls=limit)
        assert count == want_count
        np.testing.assert_allclose(point.t, float(want_t), rtol=1e-8)
        np.testing.assert_allclose(point.f, want_f, rtol=1e-8)
        np.testing.assert_allclose(point.g, want_g.numpy(), rtol=1e-6, atol=1e-9)
        calls.add(count)
    assert max(calls) > 6  # the narrowing was at work


def test_lbfgs_with_line_search_finds_the_bottom_of_the_valley():
    _, (end, _), _, _ = lbfgs_runs({"line_search_fn": "strong_wolfe", "tolerance_change": 1e-15}, 6)
    np.testing.assert_allclose(end, [1, 1], atol=1e-6)


def test_lbfgs_refuses_groups_other_line_searches_and_a_missing_closure():
    p = Parameter(np.ones(2))
    with pytest.raises(ValueError, match="parameter groups"):
        optim.LBFGS([{"params": [p]}, {"params": [Parameter(np.ones(1))]}])
    with pytest.raises(ValueError, match="line_search_fn must be"):
        optim.LBFGS([p], line_search_fn="armijo")
    with pytest.raises(TypeError, match="needs a closure"):
        optim.LBFGS([p]).step()


def test_lbfgs_puts_the_parameters_back_when_the_closure_fails_in_a_line_search():
    p = Parameter(np.ones(2))
    calls = 0

    def closure():
        nonlocal calls
        calls += 1
        if calls == 2:
            raise RuntimeError("no data")
        p.grad = 2 * p.data
        return (p.data**2).sum()

    with pytest.raises(RuntimeError, match="no data"):
        optim.LBFGS([p], line_search_fn="strong_wolfe").step(closure)
    np.testing.assert_array_equal(p.data, 1)


def test_asgd_averages_after_t0():
    # lr 1, no decay of anything: p = -1, -2, -3, -4; the average starts at p and, from step 3 on, is one
    p = Parameter(np.zeros(1))
    optimizer = optim.ASGD([p], lr=1.0, lambd=0.0, t0=1)
    averages = []
    for _ in range(4):
        p.grad = np.ones(1)
        optimizer.step()
        averages.append(float(optimizer.state[p]["ax"][0]))
    # mu before each step: 1, 1, 1 / (2 - 1) = 1, 1 / (3 - 1)
    assert averages == [-1, -2, -3, -3.5]


def test_rprop_by_hand():
    # sizes: 0.1, same sign 0.12, other sign 0.06 and no step, then no sign to compare with: 0.06
    p = Parameter(np.zeros(1))
    optimizer = optim.Rprop([p], lr=0.1)
    seen = []
    for g in (5.0, 0.01, -3.0, -3.0):
        p.grad = np.array([g])
        optimizer.step()
        seen.append(float(p.data[0]))
    np.testing.assert_allclose(seen, [-0.1, -0.22, -0.22, -0.16])


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
    other = optim.Adam([Parameter(np.zeros(s)) for s in ((3, 4), *shapes_for("Adam")[1:])], lr=0.5)
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
