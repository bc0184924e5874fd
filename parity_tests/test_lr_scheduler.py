"""Every learning-rate scheduler follows torch's curve."""

import json

import numpy as np
import pytest
import torch

from scratch import optim
from scratch.parameter import Parameter

CASES = [
    ("LambdaLR", {"lr_lambda": lambda epoch: 0.9**epoch}),
    ("LambdaLR", {"lr_lambda": [lambda epoch: 1 / (1 + epoch), lambda epoch: 2.0]}),
    ("MultiplicativeLR", {"lr_lambda": lambda epoch: 0.5 + 1 / (1 + epoch)}),
    ("StepLR", {"step_size": 3}),
    ("StepLR", {"step_size": 1, "gamma": 0.5}),
    ("MultiStepLR", {"milestones": [2, 5, 5, 11], "gamma": 0.3}),
    ("MultiStepLR", {"milestones": [0, 1]}),
    ("ConstantLR", {}),
    ("ConstantLR", {"factor": 0.7, "total_iters": 3}),
    ("LinearLR", {}),
    ("LinearLR", {"start_factor": 0.1, "end_factor": 0.9, "total_iters": 7}),
    ("LinearLR", {"start_factor": 1.0, "end_factor": 0.0}),
    ("ExponentialLR", {"gamma": 0.9}),
    ("PolynomialLR", {}),
    ("PolynomialLR", {"total_iters": 8, "power": 2.5}),
    ("CosineAnnealingLR", {"T_max": 10}),
    ("CosineAnnealingLR", {"T_max": 4, "eta_min": 0.01}),
    ("CosineAnnealingWarmRestarts", {"T_0": 3}),
    ("CosineAnnealingWarmRestarts", {"T_0": 2, "T_mult": 3, "eta_min": 0.001}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.2, "step_size_up": 4}),
    (
        "CyclicLR",
        {"base_lr": [0.01, 0.1], "max_lr": 0.2, "step_size_up": 2, "step_size_down": 5, "mode": "triangular2"},
    ),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.2, "step_size_up": 3, "mode": "exp_range", "gamma": 0.9}),
    ("CyclicLR", {"base_lr": 0.0, "max_lr": 0.2, "step_size_up": 3, "cycle_momentum": False}),
    ("CyclicLR", {"base_lr": 0.0, "max_lr": 0.2, "step_size_up": 3, "scale_fn": lambda x: 1 / x}),
    (
        "CyclicLR",
        {
            "base_lr": 0.0,
            "max_lr": 0.2,
            "step_size_up": 3,
            "scale_fn": lambda x: 0.9**x,
            "scale_mode": "iterations",
            "base_momentum": [0.5, 0.6],
            "max_momentum": 0.99,
        },
    ),
    ("OneCycleLR", {"max_lr": 0.3, "total_steps": 25}),
    ("OneCycleLR", {"max_lr": [0.3, 0.1], "epochs": 5, "steps_per_epoch": 6, "anneal_strategy": "linear"}),
    (
        "OneCycleLR",
        {
            "max_lr": 0.3,
            "total_steps": 25,
            "three_phase": True,
            "pct_start": 0.4,
            "div_factor": 5,
            "final_div_factor": 9,
        },
    ),
    ("OneCycleLR", {"max_lr": 0.3, "total_steps": 26, "cycle_momentum": False}),
    ("OneCycleLR", {"max_lr": 0.3, "total_steps": 26, "base_momentum": [0.1, 0.2], "max_momentum": 0.8}),
]
COMPOSED = {
    "warm-up, then cosine": lambda m, o: m.SequentialLR(o, [m.LinearLR(o), m.CosineAnnealingLR(o, 20)], milestones=[5]),
    "three after each other": lambda m, o: m.SequentialLR(
        o, [m.ConstantLR(o, 0.1, 3), m.ExponentialLR(o, 0.9), m.StepLR(o, 4)], milestones=[3, 10]
    ),
    "the first left out": lambda m, o: m.SequentialLR(o, [m.StepLR(o, 2), m.ExponentialLR(o, 0.9)], milestones=[0]),
    "warm restarts": lambda m, o: m.SequentialLR(
        o, [m.PolynomialLR(o, 6), m.CosineAnnealingWarmRestarts(o, 4)], milestones=[6]
    ),
    "all at once": lambda m, o: m.ChainedScheduler([m.ConstantLR(o, 0.1, 3), m.ExponentialLR(o, 0.9)], optimizer=o),
    "chained, sequential": lambda m, o: m.SequentialLR(
        o, [m.ChainedScheduler([m.LinearLR(o), m.StepLR(o, 2)]), m.ExponentialLR(o, 0.5)], milestones=[8]
    ),
}
EPOCHS = 25


def scratch_optimizer():
    groups = [{"params": [Parameter(np.zeros(1))]}, {"params": [Parameter(np.zeros(1))], "lr": 0.5}]
    return optim.SGD(groups, lr=0.1, momentum=0.9)


def torch_optimizer():
    groups = [{"params": [torch.zeros(1, requires_grad=True)]} for _ in range(2)]
    groups[1]["lr"] = 0.5
    return torch.optim.SGD(groups, lr=0.1, momentum=0.9)


def curve(optimizer, scheduler, epochs=EPOCHS):
    """Learning rates and momenta of both groups, before the first step and after each."""
    seen = [[group[key] for key in ("lr", "momentum") for group in optimizer.param_groups]]
    for _ in range(epochs):
        optimizer.step()
        scheduler.step()
        seen.append([group[key] for key in ("lr", "momentum") for group in optimizer.param_groups])
        assert scheduler.get_last_lr() == seen[-1][:2]
    return np.array(seen)


def both(name, options):
    ours, theirs = scratch_optimizer(), torch_optimizer()
    return (
        (ours, getattr(optim.lr_scheduler, name)(ours, **options)),
        (theirs, getattr(torch.optim.lr_scheduler, name)(theirs, **options)),
    )


@pytest.mark.parametrize(("name", "options"), CASES)
def test_follows_torchs_curve(name, options):
    ours, theirs = both(name, options)
    np.testing.assert_allclose(curve(*ours), curve(*theirs), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_a_saved_scheduler_goes_on_even_through_json(name, options):
    (ours, scheduler), theirs = both(name, options)
    want = curve(*theirs)[7:]
    curve(ours, scheduler, 7)
    fresh = scratch_optimizer()
    again = getattr(optim.lr_scheduler, name)(fresh, **options)
    fresh.load_state_dict(ours.state_dict())
    again.load_state_dict(json.loads(json.dumps(scheduler.state_dict())))
    np.testing.assert_allclose(curve(fresh, again, EPOCHS - 7), want, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_torchs_state_is_understood(name, options):
    (ours, scheduler), (theirs, twin) = both(name, options)
    curve(theirs, twin, 7)
    scheduler.load_state_dict(twin.state_dict())
    ours.load_state_dict(theirs.state_dict())
    np.testing.assert_allclose(curve(ours, scheduler, 9), curve(theirs, twin, 9), rtol=1e-12, atol=1e-15)


@pytest.mark.filterwarnings("ignore:The epoch parameter")
@pytest.mark.parametrize(("name", "options"), CASES)
def test_an_epoch_may_be_jumped_to(name, options):
    (ours, scheduler), (theirs, twin) = both(name, options)
    ours.step()
    theirs.step()
    for epoch in (4, 9, 2, 12):
        scheduler.step(epoch)
        twin.step(epoch)
        np.testing.assert_allclose(scheduler.get_last_lr(), twin.get_last_lr(), rtol=1e-12, atol=1e-15)


def test_warm_restarts_take_fractions_of_epochs():
    ours, theirs = both("CosineAnnealingWarmRestarts", {"T_0": 2, "T_mult": 2})
    for epoch in (0.5, 1.75, 2.25, 5.5, 7.0):
        for _, scheduler in (ours, theirs):
            scheduler.step(epoch)
        np.testing.assert_allclose(ours[1].get_last_lr(), theirs[1].get_last_lr(), rtol=1e-12)


@pytest.mark.parametrize("name", COMPOSED)
def test_composed_schedulers_follow_torchs_curve_even_when_taken_up_again(name):
    theirs = torch_optimizer()
    want = curve(theirs, COMPOSED[name](torch.optim.lr_scheduler, theirs))
    ours = scratch_optimizer()
    scheduler = COMPOSED[name](optim.lr_scheduler, ours)
    np.testing.assert_allclose(curve(ours, scheduler, 7), want[:8], rtol=1e-12, atol=1e-15)
    fresh = scratch_optimizer()
    again = COMPOSED[name](optim.lr_scheduler, fresh)
    fresh.load_state_dict(ours.state_dict())
    again.load_state_dict(json.loads(json.dumps(scheduler.state_dict())))
    np.testing.assert_allclose(curve(fresh, again, EPOCHS - 7), want[7:], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", ["CyclicLR", "OneCycleLR"])
def test_momentum_cycles_as_adams_beta1(name):
    options = {"max_lr": 0.1, **({"base_lr": 0.01, "step_size_up": 3} if name == "CyclicLR" else {"total_steps": 9})}
    ours = optim.Adam([Parameter(np.zeros(1))])
    theirs = torch.optim.Adam([torch.zeros(1, requires_grad=True)])
    scheduler = getattr(optim.lr_scheduler, name)(ours, **options)
    twin = getattr(torch.optim.lr_scheduler, name)(theirs, **options)
    for _ in range(8):
        ours.step()
        theirs.step()
        scheduler.step()
        twin.step()
        np.testing.assert_allclose(ours.param_groups[0]["betas"], theirs.param_groups[0]["betas"], rtol=1e-12)


def test_one_cycle_refuses_to_go_on_after_its_end():
    optimizer = scratch_optimizer()
    scheduler = optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=3)
    curve(optimizer, scheduler, 3)
    with pytest.raises(ValueError, match="Tried to step 4 times"):
        scheduler.step()


def test_a_composition_of_strangers_is_refused():
    m, optimizer = optim.lr_scheduler, scratch_optimizer()
    step = m.StepLR(optimizer, 2)
    for make, error, message in [
        (lambda: m.ChainedScheduler([]), ValueError, "at least one scheduler"),
        (lambda: m.SequentialLR(optimizer, [], []), ValueError, "at least one scheduler"),
        (lambda: m.ChainedScheduler([step, m.ReduceLROnPlateau(optimizer)]), ValueError, "ReduceLROnPlateau"),
        (lambda: m.ChainedScheduler([step, m.StepLR(scratch_optimizer(), 2)]), ValueError, "the same optimizer"),
        (lambda: m.ChainedScheduler([step, 3]), TypeError, "no scheduler"),
        (lambda: m.SequentialLR(optimizer, [step, step], []), ValueError, "2 schedulers and 0 milestones"),
    ]:
        with pytest.raises(error, match=message):
            make()
    one, two = m.ChainedScheduler([step]), m.ChainedScheduler([step, m.StepLR(optimizer, 3)])
    with pytest.raises(ValueError, match="has 1 schedulers, but the state_dict 2"):
        one.load_state_dict(two.state_dict())


def test_two_schedulers_may_act_on_one_optimizer():
    ours, theirs = scratch_optimizer(), torch_optimizer()
    curves = []
    for optimizer, module in ((ours, optim.lr_scheduler), (theirs, torch.optim.lr_scheduler)):
        pair = [module.ExponentialLR(optimizer, 0.9), module.CosineAnnealingLR(optimizer, 6)]
        optimizer.step()
        rates = []
        for _ in range(15):
            for scheduler in pair:
                scheduler.step()
            rates.append([group["lr"] for group in optimizer.param_groups])
        curves.append(rates)
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-12, atol=1e-15)


def test_step_lr_by_hand():
    # 0.1 for three epochs, then a tenth of it
    optimizer = scratch_optimizer()
    rates = curve(optimizer, optim.lr_scheduler.StepLR(optimizer, 3), 6)[:, 0]
    np.testing.assert_allclose(rates, [0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.001])


def test_cosine_annealing_by_hand():
    # T_max = 2: cos 0 = 1, cos(pi / 2) = 0, cos(pi) = -1, and back
    optimizer = scratch_optimizer()
    rates = curve(optimizer, optim.lr_scheduler.CosineAnnealingLR(optimizer, 2), 4)[:, 0]
    np.testing.assert_allclose(rates, [0.1, 0.05, 0, 0.05, 0.1], atol=1e-15)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"patience": 2, "factor": 0.5, "cooldown": 2},
        {"mode": "max", "patience": 1, "threshold": 0.1},
        {"mode": "max", "patience": 1, "threshold_mode": "abs", "threshold": 0.3, "min_lr": [0.05, 0.001]},
        {"patience": 0, "threshold_mode": "abs", "eps": 0.04, "min_lr": 0.02},
    ],
)
def test_reduce_on_plateau_follows_torch_through_a_noisy_run(options):
    for seed in range(5):
        ours, theirs = both("ReduceLROnPlateau", options)
        values = np.random.default_rng(seed).normal(size=60).cumsum() / 5
        if seed == 0:
            values[30:] = np.nan
        for i, value in enumerate(values):
            if i == 20:  # saved and loaded on the way
                again = scratch_optimizer()
                scheduler = optim.lr_scheduler.ReduceLROnPlateau(again)
                again.load_state_dict(ours[0].state_dict())
                scheduler.load_state_dict(json.loads(json.dumps(ours[1].state_dict())))
                ours = again, scheduler
            ours[1].step(value)
            theirs[1].step(value)
            np.testing.assert_allclose(ours[1].get_last_lr(), theirs[1].get_last_lr(), rtol=1e-12)


def test_a_scheduler_that_steps_before_the_optimizer_warns():
    optimizer = scratch_optimizer()
    scheduler = optim.lr_scheduler.StepLR(optimizer, 3)
    with pytest.warns(UserWarning, match="before optimizer.step"):
        scheduler.step()


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("LambdaLR", {"lr_lambda": [len]}, ValueError, "expected 2 values for lr_lambda"),
        ("MultiplicativeLR", {"lr_lambda": 0.5}, TypeError, "must be a function"),
        ("ConstantLR", {"factor": 1.5}, ValueError, "factor must be between 0 and 1"),
        ("LinearLR", {"start_factor": 0}, ValueError, "start_factor"),
        ("LinearLR", {"end_factor": -1}, ValueError, "end_factor"),
        ("CosineAnnealingWarmRestarts", {"T_0": 0}, ValueError, "T_0 must be a positive integer"),
        ("CosineAnnealingWarmRestarts", {"T_0": 2, "T_mult": 0}, ValueError, "T_mult"),
        ("CyclicLR", {"base_lr": 0.1, "max_lr": 1.0, "mode": "square"}, ValueError, "mode must be"),
        ("CyclicLR", {"base_lr": [0.1], "max_lr": 1.0}, ValueError, "expected 2 values for base_lr"),
        ("OneCycleLR", {"max_lr": 1.0}, ValueError, "You must define either total_steps"),
        ("OneCycleLR", {"max_lr": 1.0, "total_steps": 0}, ValueError, "positive integer total_steps"),
        ("OneCycleLR", {"max_lr": 1.0, "epochs": 2, "steps_per_epoch": -1}, ValueError, "integer steps_per_epoch"),
        ("OneCycleLR", {"max_lr": 1.0, "total_steps": 9, "pct_start": 2.0}, ValueError, "between 0 and 1 pct_start"),
        ("OneCycleLR", {"max_lr": 1.0, "total_steps": 9, "anneal_strategy": "log"}, ValueError, "anneal_strategy must"),
        ("ReduceLROnPlateau", {"factor": 1.0}, ValueError, "factor must be < 1"),
        ("ReduceLROnPlateau", {"mode": "least"}, ValueError, "mode must be"),
        ("ReduceLROnPlateau", {"threshold_mode": "relative"}, ValueError, "threshold_mode must be"),
        ("ReduceLROnPlateau", {"min_lr": [0.1]}, ValueError, "expected 2 values for min_lr"),
        ("StepLR", {"step_size": 2, "last_epoch": 4}, KeyError, "initial_lr"),
    ],
)
def test_bad_arguments_are_refused_as_torch_refuses_them(name, options, error, message):
    with pytest.raises(error):
        getattr(torch.optim.lr_scheduler, name)(torch_optimizer(), **options)
    with pytest.raises(error, match=message):
        getattr(optim.lr_scheduler, name)(scratch_optimizer(), **options)


def test_cycling_the_momentum_of_an_optimizer_without_one_is_refused():
    optimizer = optim.Adagrad([Parameter(np.zeros(1))])
    with pytest.raises(ValueError, match="must support momentum or beta1"):
        optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=3)
    optim.lr_scheduler.CyclicLR(optimizer, 0.1, 0.2, cycle_momentum=False)


def test_something_else_than_an_optimizer_is_refused():
    with pytest.raises(TypeError, match="is not an Optimizer"):
        optim.lr_scheduler.StepLR(object(), 3)
