"""Adafactor: Adam's second moment from its row and column means alone."""

from __future__ import annotations

import numpy as np

from scratch.optim.optimizer import Optimizer


class Adafactor(Optimizer):
    """Adaptive steps with little memory, in step t for each parameter p (..., R, C) with gradient g:

        β = 1 - t^beta2_decay
        r = β * r + (1 - β) * mean of g² over each row (..., R, 1),  c: over each column (..., 1, C)
        v = r c / mean(r)                           one-dimensional p: v = β * v + (1 - β) * g²
        u = g / sqrt(v),  no larger than d in the root of its mean square
        p = p * (1 - lr * weight_decay) - max(eps[1], rms(p)) * min(lr, 1 / sqrt(t)) * u

    eps[0] keeps the denominators from zero; None means the dtype's machine epsilon. `foreach` is accepted and changes
    nothing.

    Source: Shazeer and Stern, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost", 2018, in torch's form.
    """

    accepts = {"foreach": None}

    def __init__(
        self,
        params,
        lr: float = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        **accepted,
    ):
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": tuple(eps),
            "d": d,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults, accepted)

    def check(self, group):
        eps1, eps2 = group["eps"]
        for holds, rule, value in (
            (group["lr"] >= 0, "Learning rate should be >= 0", group["lr"]),
            (group["beta2_decay"] <= 0, "beta2_decay should be <= 0", group["beta2_decay"]),
            (eps1 is None or eps1 >= 0, "epsilon1 should be >= 0", eps1),
            (eps2 >= 0, "epsilon2 should be >= 0", eps2),
            (group["d"] >= 1, "Clipping threshold d should be >= 1", group["d"]),
            (group["weight_decay"] >= 0, "weight_decay should be >= 0", group["weight_decay"]),
        ):
            if not holds:
                raise ValueError(f"Adafactor: {rule} but is: {value}")

    def new_state(self, p, group):
        if p.ndim < 2:
            return {"step": 0.0, "variance": np.zeros_like(p)}
        rows, columns = (*p.shape[:-1], 1), (*p.shape[:-2], 1, p.shape[-1])
        return {"step": 0.0, "row_var": np.zeros_like(p, shape=rows), "col_var": np.zeros_like(p, shape=columns)}

    def update(self, p, g, state, group):
        state["step"] += 1
        t, lr = state["step"], group["lr"]
        eps1, eps2 = group["eps"]
        if eps1 is None:
            eps1 = float(np.finfo(p.dtype).eps)
        new = t ** group["beta2_decay"]  # 1 - β
        size = max(eps2, _rms(p)) * min(lr, 1 / t**0.5)
        p *= 1 - lr * group["weight_decay"]
        squares = g * g
        if p.ndim < 2:
            v = _moved(state["variance"], squares, new)
        else:
            r = _moved(state["row_var"], squares.mean(axis=-1, keepdims=True), new)  # (..., R, 1)
            c = _moved(state["col_var"], squares.mean(axis=-2, keepdims=True), new)  # (..., 1, C)
            v = r * c / np.maximum(r.mean(axis=-2, keepdims=True), eps1)  # (..., R, C)
        u = g / np.sqrt(np.maximum(v, eps1 * eps1))
        p -= size / max(1.0, _rms(u) / group["d"]) * u


def _rms(x) -> float:
    """The root of the mean square, whose sum is taken in float64."""
    return float(np.sqrt((x * x).sum(dtype=np.float64) / x.size))


def _moved(average, value, new):
    """average, moved in place to (1 - new) * average + new * value."""
    average *= 1 - new
    average += new * value
    return average
