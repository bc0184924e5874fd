"""Schedulers that go up and down: CyclicLR and OneCycleLR. Both can move the momentum the other way."""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import deepcopy

from scratch.optim.lr_scheduler.base import LRScheduler, _optimizer, per_group
from scratch.optim.optimizer import Optimizer


def _momentum_key(scheduler, optimizer: Optimizer) -> bool:
    """Whether the optimizer's momentum is its beta1; an error if it has neither."""
    if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
        raise ValueError(
            f"{type(scheduler).__name__}: optimizer must support momentum or beta1 with `cycle_momentum` option enabled"
        )
    return "betas" in optimizer.defaults


def _set_momentum(group, momentum: float, use_beta1: bool) -> None:
    if use_beta1:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum


def _start_momenta(scheduler, optimizer, base_momentum, max_momentum, last_epoch) -> None:
    """Every group starts at its largest momentum."""
    scheduler.use_beta1 = _momentum_key(scheduler, optimizer)
    lows = per_group("base_momentum", optimizer, base_momentum)
    highs = per_group("max_momentum", optimizer, max_momentum)
    if last_epoch == -1:
        for group, low, high in zip(optimizer.param_groups, lows, highs):
            _set_momentum(group, high, scheduler.use_beta1)
            group["base_momentum"], group["max_momentum"] = low, high


class CyclicLR(LRScheduler):
    """lr goes from base_lr to max_lr in step_size_up steps and back in step_size_down, again and again.

    mode : "triangular"; "triangular2" halves the height with every cycle; "exp_range" multiplies it by gamma^step.
    scale_fn, scale_mode : a function of the cycle's number ("cycle") or of the step ("iterations") that gives the
        height instead. cycle_momentum : move the momentum from max_momentum to base_momentum and back meanwhile.

    Step it after every mini-batch. Source: Smith, "Cyclical Learning Rates for Training Neural Networks", 2017.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.8,
        max_momentum: float | list[float] = 0.9,
        last_epoch: int = -1,
    ):
        self.optimizer = _optimizer(self, optimizer)
        base_lrs = per_group("base_lr", optimizer, base_lr)
        self.max_lrs = per_group("max_lr", optimizer, max_lr)
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError(f"CyclicLR: mode must be 'triangular', 'triangular2' or 'exp_range', but is {mode!r}")
        if cycle_momentum:
            self.base_momentums = per_group("base_momentum", optimizer, base_momentum)
            self.max_momentums = per_group("max_momentum", optimizer, max_momentum)
            _start_momenta(self, optimizer, base_momentum, max_momentum, last_epoch)
        if last_epoch == -1:
            for group, lr in zip(optimizer.param_groups, base_lrs):
                group["lr"] = lr
        up, down = float(step_size_up), float(step_size_up if step_size_down is None else step_size_down)
        self.total_size, self.step_ratio = up + down, up / (up + down)
        self.mode, self.gamma, self._scale_fn_custom, self.cycle_momentum = mode, gamma, scale_fn, cycle_momentum
        if scale_fn is None:
            scale_mode = "iterations" if mode == "exp_range" else "cycle"
        self.scale_mode = scale_mode
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """The height of the cycle."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        return {"triangular": 1.0, "triangular2": 0.5 ** (x - 1), "exp_range": self.gamma**x}[self.mode]

    def get_lr(self):
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1 + self.last_epoch / self.total_size - cycle  # the part of this cycle that is over
        rise = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        height = rise * self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            for group, low, high in zip(self.optimizer.param_groups, self.base_momentums, self.max_momentums):
                _set_momentum(group, high - (high - low) * height, self.use_beta1)
        return [low + (high - low) * height for low, high in zip(self.base_lrs, self.max_lrs)]

    def state_dict(self):
        """A function cannot be saved; of a callable object its attributes are."""
        function = self._scale_fn_custom
        kept = {key: value for key, value in vars(self).items() if key not in ("optimizer", "_scale_fn_custom")}
        return deepcopy({**kept, "_scale_fn_custom": getattr(function, "__dict__", None) or None})

    def load_state_dict(self, state_dict):
        super().load_state_dict({key: value for key, value in state_dict.items() if key != "_scale_fn_custom"})
        if state_dict.get("_scale_fn_custom"):
            vars(self._scale_fn_custom).update(deepcopy(state_dict["_scale_fn_custom"]))


class OneCycleLR(LRScheduler):
    """One cycle over the whole training: up from max_lr / div_factor to max_lr, then down to almost nothing.

    total_steps : the number of steps, or epochs * steps_per_epoch. pct_start : the part spent going up.
    anneal_strategy : "cos" or "linear". final_div_factor : the end is at max_lr / div_factor / final_div_factor.
    three_phase : come down to the start in as many steps as it went up, and only then to the end.
    cycle_momentum : move the momentum from max_momentum to base_momentum and back meanwhile.

    Step it after every mini-batch. Source: Smith and Topin, "Super-Convergence: Very Fast Training of Neural Networks
    Using Large Learning Rates", 2018.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ):
        self.optimizer = _optimizer(self, optimizer)
        if total_steps is None and (epochs is None or steps_per_epoch is None):
            raise ValueError("OneCycleLR: You must define either total_steps OR (epochs AND steps_per_epoch)")
        numbers = {"epochs": epochs, "steps_per_epoch": steps_per_epoch}
        for name, number in numbers.items() if total_steps is None else [("total_steps", total_steps)]:
            if not isinstance(number, int) or number <= 0:
                raise ValueError(f"OneCycleLR: Expected positive integer {name}, but got {number}")
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise ValueError(f"OneCycleLR: Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"OneCycleLR: anneal_strategy must be 'cos' or 'linear', but is {anneal_strategy!r}")
        max_lrs = per_group("max_lr", optimizer, max_lr)
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            _start_momenta(self, optimizer, base_momentum, max_momentum, last_epoch)
        self.total_steps = epochs * steps_per_epoch if total_steps is None else total_steps
        self._anneal_func_type = anneal_strategy
        up, end = pct_start * self.total_steps - 1, self.total_steps - 1
        if three_phase:
            phases = [(up, "initial_lr", "max_lr"), (2 * up, "max_lr", "initial_lr"), (end, "initial_lr", "min_lr")]
        else:
            phases = [(up, "initial_lr", "max_lr"), (end, "max_lr", "min_lr")]
        momenta = [("max_momentum", "base_momentum"), ("base_momentum", "max_momentum"), ("max_momentum",) * 2]
        self._schedule_phases = [
            {"end_step": end_step, "start_lr": a, "end_lr": b, "start_momentum": c, "end_momentum": d}
            for (end_step, a, b), (c, d) in zip(phases, momenta)
        ]
        if last_epoch == -1:
            for group, lr in zip(optimizer.param_groups, max_lrs):
                group["initial_lr"], group["max_lr"] = lr / div_factor, lr
                group["min_lr"] = group["initial_lr"] / final_div_factor
        super().__init__(optimizer, last_epoch)

    def _between(self, start: float, end: float, part: float) -> float:
        if self._anneal_func_type == "cos":
            return end + (start - end) / 2 * (math.cos(math.pi * part) + 1)
        return (end - start) * part + start

    def get_lr(self):
        step = self.last_epoch
        if step > self.total_steps:
            raise ValueError(f"OneCycleLR: Tried to step {step} times. The total number of steps is {self.total_steps}")
        start = 0.0
        for phase in self._schedule_phases:
            if step <= phase["end_step"] or phase is self._schedule_phases[-1]:
                break
            start = phase["end_step"]
        part = (step - start) / (phase["end_step"] - start)
        groups = self.optimizer.param_groups
        if self.cycle_momentum:
            for group in groups:
                momentum = self._between(group[phase["start_momentum"]], group[phase["end_momentum"]], part)
                _set_momentum(group, momentum, self.use_beta1)
        return [self._between(group[phase["start_lr"]], group[phase["end_lr"]], part) for group in groups]
