"""ASGD: the average of the weights on the way."""

from __future__ import annotations

import numpy as np

from scratch.optim.optimizer import Optimizer, elementwise


class ASGD(Optimizer):
    """Averaged stochastic gradient descent, in step t for each parameter p with gradient g:

        g = g + weight_decay * p
        p = p * (1 - lambd * η) - η * g             η = lr / (1 + lambd * lr * t)^alpha, lr in the first step
        a = a + μ * (p - a)                         μ = 1 / max(1, t - t0): a = p until t0, then their average

    The average a is `optimizer.state[parameter]["ax"]`.

    Source: Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992.
    """

    accepts = {"foreach": None, "differentiable": False, "capturable": False}

    def __init__(
        self,
        params,
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
        **accepted,
    ):
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults, accepted)

    def new_state(self, p, group):
        return {"step": 0.0, "eta": float(group["lr"]), "mu": 1.0, "ax": np.zeros_like(p)}

    def update(self, p, g, state, group):
        state["step"] += 1
        t, lr, lambd, weight_decay = state["step"], group["lr"], group["lambd"], group["weight_decay"]
        eta, mu = state["eta"], state["mu"]

        def formula(p, g, a):
            if weight_decay != 0:
                g = g + weight_decay * p
            p *= 1 - lambd * eta
            p -= eta * g
            a[...] = p if mu == 1 else a + mu * (p - a)

        elementwise(formula, p, g, state["ax"])
        state["eta"] = lr / (1 + lambd * lr * t) ** group["alpha"]
        state["mu"] = 1 / max(1, t - group["t0"])
