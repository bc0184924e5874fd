"""L-BFGS: Newton's method with curvature learned from the last steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from scratch.dtypes import as_array
from scratch.optim.optimizer import Optimizer


class LBFGS(Optimizer):
    """Limited-memory BFGS: `optimizer.step(closure)`, where closure computes loss and gradients anew and returns it.

    Each of up to max_iter iterations goes t along the direction d = -H g, where H approximates the inverse Hessian by
    the last `history_size` pairs of steps s and changes y of the gradient (the two-loop recursion). t is lr, or is
    found by a line search with line_search_fn="strong_wolfe". It ends when the largest gradient is at most
    tolerance_grad, the step or the change of the loss at most tolerance_change, or after max_eval evaluations
    (default 5/4 max_iter). One parameter group only.

    Source: Nocedal and Wright, "Numerical Optimization", 2006, algorithms 7.4, 7.5, 3.5, 3.6.
    """

    accepts = {}

    def __init__(
        self,
        params,
        lr: float = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ):
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)

    def add_param_group(self, param_group):
        if self.param_groups:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        super().add_param_group(param_group)

    def check(self, group):
        super().check(group)
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise ValueError(f"LBFGS: line_search_fn must be None or 'strong_wolfe', not {group['line_search_fn']!r}")

    def _evaluate(self, closure) -> tuple[float, np.ndarray]:
        """(loss, all gradients as one vector)"""
        loss = float(closure())
        parameters = self.param_groups[0]["params"]
        self._with_gradients()  # checks their shapes
        return loss, np.concatenate(
            [(np.zeros_like(p.data) if p.grad is None else p.grad).reshape(-1) for p in parameters]
        )

    def _go(self, t: float, d) -> None:
        """All parameters t along d."""
        place = 0
        for p in self.param_groups[0]["params"]:
            p.data[...] += t * d[place : place + p.size].reshape(p.shape)
            p.changed()
            place += p.size

    def _try(self, closure, t: float, d) -> tuple[float, np.ndarray]:
        """Loss and gradient t along d, the parameters put back."""
        parameters = self.param_groups[0]["params"]
        before = [p.data.copy() for p in parameters]
        try:
            self._go(t, d)
            return self._evaluate(closure)
        finally:
            for p, data in zip(parameters, before):
                p.data[...] = data
                p.changed()

    def step(self, closure: Callable | None = None):
        """Up to max_iter iterations; returns the loss that closure gave first."""
        if closure is None:
            raise TypeError("LBFGS.step: needs a closure that computes the gradients and returns the loss")
        self.stepped = True
        group = self.param_groups[0]
        lr, max_iter, max_eval = group["lr"], group["max_iter"], group["max_eval"]
        flat_enough, small_change = group["tolerance_grad"], group["tolerance_change"]
        state = self.state[group["params"][0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first_loss, g = self._evaluate(closure)
        loss, evaluations, iteration = first_loss, 1, 0
        while iteration < max_iter and abs(g).max() > flat_enough:
            iteration += 1
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                d = -g
                t = min(1.0, 1.0 / float(abs(g).sum())) * lr
                state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
            else:
                _remember(state, g - state["prev_flat_grad"], state["t"] * state["d"], group["history_size"])
                d = _direction(g, state)
                t = lr
            state.update(d=d, t=t, prev_flat_grad=g, prev_loss=loss)
            slope = float(g @ d)
            if slope > -small_change:
                break
            new = 0
            if group["line_search_fn"] is not None:
                found, new = strong_wolfe(
                    lambda t, d=d: self._try(closure, t, d), t, d, loss, g, slope, max_ls=max_eval - evaluations
                )
                t, loss, g = found.t, found.f, found.g
                state["t"] = t
                self._go(t, d)
            else:
                self._go(t, d)
                if iteration != max_iter:  # else nobody would look at it
                    loss, g = self._evaluate(closure)
                    new = 1
            evaluations += new
            if evaluations >= max_eval or abs(t * d).max() <= small_change:
                break
            if abs(loss - state["prev_loss"]) < small_change:
                break
        state["func_evals"] += evaluations
        return first_loss

    def _loaded(self, saved, parameter, group, where):
        state = {key: _numbers_and_vectors(value, parameter.dtype) for key, value in saved.items() if key != "al"}
        size = sum(p.size for p in group["params"])
        vectors = [state.get("d"), state.get("prev_flat_grad"), *state.get("old_dirs", []), *state.get("old_stps", [])]
        if any(v is not None and v.shape != (size,) for v in vectors):
            raise ValueError(f"LBFGS.load_state_dict: {where} must hold vectors of {size} numbers")
        return state


def _numbers_and_vectors(value, dtype) -> Any:
    if isinstance(value, list):
        return [_numbers_and_vectors(v, dtype) for v in value]
    if value is None or isinstance(value, (int, float)):
        return value
    array = as_array(value, "state")
    return array.item() if array.ndim == 0 else np.array(array, dtype)


def _remember(state, y, s, history_size) -> None:
    """One more pair (y, s), if the curvature along s is positive; the oldest is forgotten."""
    curvature = float(y @ s)
    if curvature <= 1e-10:
        return
    for name, new in (("old_dirs", y), ("old_stps", s), ("ro", 1 / curvature)):
        state[name].append(new)
        if len(state[name]) > history_size:
            state[name].pop(0)
    state["H_diag"] = curvature / float(y @ y)


def _direction(g, state):
    """-H g by the two-loop recursion."""
    pairs = list(zip(state["old_dirs"], state["old_stps"], state["ro"]))
    q = -g
    weights = []
    for y, s, rho in reversed(pairs):
        weights.append(float(s @ q) * rho)
        q -= weights[-1] * y
    r = state["H_diag"] * q
    for (y, s, rho), weight in zip(pairs, reversed(weights)):
        r += (weight - float(y @ r) * rho) * s
    return r


# ---------------------------------------------------------------------- line search


class Point(NamedTuple):
    """A place on the line: how far, the loss, the gradient, and the slope of the loss along the line."""

    t: float
    f: float
    g: np.ndarray
    slope: float


def cubic_minimum(a: Point, b: Point, bounds: tuple[float, float] | None = None) -> float:
    """Where the cubic with the values and slopes of a and b has its minimum; the middle of the bounds if nowhere."""
    low, high = bounds or (min(a.t, b.t), max(a.t, b.t))
    if a.t == b.t:
        return a.t
    if a.t > b.t:
        a, b = b, a
    d1 = a.slope + b.slope - 3 * (a.f - b.f) / (a.t - b.t)
    square = d1 * d1 - a.slope * b.slope
    if not square >= 0:
        return (low + high) / 2
    d2 = math.sqrt(square)
    bottom = b.slope - a.slope + 2 * d2
    if bottom == 0:
        return (low + high) / 2
    return min(max(b.t - (b.t - a.t) * ((b.slope + d2 - d1) / bottom), low), high)


def strong_wolfe(evaluate, t, d, f, g, slope, c1=1e-4, c2=0.9, tolerance_change=1e-9, max_ls=25) -> tuple[Point, int]:
    """A point with f(t) <= f(0) + c1 t f'(0) and |f'(t)| <= c2 |f'(0)|, and how often evaluate was called.

    `evaluate(t)` gives loss and gradient t along d. Nocedal and Wright's algorithms 3.5, which walks until an interval
    must hold such a point, and 3.6, which narrows it.
    """

    def at(t) -> Point:
        loss, gradient = evaluate(t)
        return Point(t, loss, gradient, float(gradient @ d))

    def too_high(point):
        return point.f > start.f + c1 * point.t * start.slope

    def flat(point):
        return abs(point.slope) <= -c2 * start.slope

    start = Point(0.0, f, g, slope)
    before, point = start, at(t)
    calls, rounds = 1, 0
    while rounds < max_ls:
        if too_high(point) or (rounds > 1 and point.f >= before.f):
            break
        if flat(point):
            return point, calls
        if point.slope >= 0:
            break
        t = cubic_minimum(before, point, (point.t + 0.01 * (point.t - before.t), point.t * 10))
        before, point = point, at(t)
        calls, rounds = calls + 1, rounds + 1
    ends = [before, point] if rounds < max_ls else [start, point]

    low, high = (0, 1) if ends[0].f <= ends[1].f else (1, 0)
    reach = float(abs(d).max())
    stalled = False
    while rounds < max_ls and abs(ends[1].t - ends[0].t) * reach >= tolerance_change:
        t = cubic_minimum(*ends)
        left, right = sorted((ends[0].t, ends[1].t))
        margin = 0.1 * (right - left)
        close = min(right - t, t - left) < margin
        if close and (stalled or t >= right or t <= left):
            t = right - margin if abs(t - right) < abs(t - left) else left + margin
            close = False
        stalled = close
        point = at(t)
        calls, rounds = calls + 1, rounds + 1
        if too_high(point) or point.f >= ends[low].f:
            ends[high] = point
            low, high = (0, 1) if ends[0].f <= ends[1].f else (1, 0)
            continue
        if flat(point):
            return point, calls
        if point.slope * (ends[high].t - ends[low].t) >= 0:
            ends[high] = ends[low]
        ends[low] = point
    return ends[low], calls
