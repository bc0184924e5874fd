"""Learning rates for each weight from the squares of its gradients: Adagrad, RMSprop, Adadelta."""

from __future__ import annotations

import numpy as np

from scratch.optim.optimizer import Optimizer, elementwise, require


class Adagrad(Optimizer):
    """Adaptive gradients, in step t for each parameter p with gradient g:

        g = g + weight_decay * p
        s = s + g²                                 from initial_accumulator_value on
        p = p - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)

    Source: Duchi, Hazan, Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization", 2011.
    """

    accepts = {"foreach": None, "differentiable": False, "fused": None}

    def __init__(
        self,
        params,
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
        **accepted,
    ):
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "maximize": maximize,
        }
        super().__init__(params, defaults, accepted)

    def check(self, group):
        super().check(group)
        require(self, group["eps"] >= 0, "epsilon value", group["eps"])
        for option in ("lr_decay", "initial_accumulator_value"):
            require(self, group[option] >= 0, f"{option} value", group[option])

    def new_state(self, p, group):
        return {"step": 0.0, "sum": np.full_like(p, group["initial_accumulator_value"])}

    def update(self, p, g, state, group):
        state["step"] += 1
        eps, weight_decay = group["eps"], group["weight_decay"]
        rate = group["lr"] / (1 + (state["step"] - 1) * group["lr_decay"])

        def formula(p, g, s):
            if weight_decay != 0:
                g = g + weight_decay * p
            s += g * g
            p -= rate * g / (np.sqrt(s) + eps)

        elementwise(formula, p, g, state["sum"])


class RMSprop(Optimizer):
    """Gradients divided by the root of their mean square, for each parameter p with gradient g:

        g = g + weight_decay * p
        v = alpha * v + (1 - alpha) * g²
        a = alpha * a + (1 - alpha) * g,  v̂ = v - a²        (centered; else v̂ = v)
        b = momentum * b + g / (sqrt(v̂) + eps)
        p = p - lr * b

    Source: Hinton, lecture 6e of "Neural Networks for Machine Learning", 2012; centered: Graves, "Generating Sequences
    With Recurrent Neural Networks", 2013.
    """

    accepts = {"foreach": None, "capturable": False, "differentiable": False}

    def __init__(
        self,
        params,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        *,
        maximize: bool = False,
        **accepted,
    ):
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults, accepted)

    def check(self, group):
        super().check(group)
        require(self, group["eps"] >= 0, "epsilon value", group["eps"])
        require(self, group["momentum"] >= 0, "momentum value", group["momentum"])
        require(self, group["alpha"] >= 0, "alpha value", group["alpha"])

    def new_state(self, p, group):
        state = {"step": 0.0, "square_avg": np.zeros_like(p)}
        if group["momentum"] > 0:
            state["momentum_buffer"] = np.zeros_like(p)
        if group["centered"]:
            state["grad_avg"] = np.zeros_like(p)
        return state

    def update(self, p, g, state, group):
        state["step"] += 1
        lr, alpha, eps, weight_decay = group["lr"], group["alpha"], group["eps"], group["weight_decay"]
        momentum, centered = group["momentum"], group["centered"]

        def formula(p, g, v, *others):
            others = list(others)
            if weight_decay != 0:
                g = g + weight_decay * p
            v *= alpha
            v += (1 - alpha) * g * g
            if centered:
                a = others.pop()
                a *= alpha
                a += (1 - alpha) * g
                v = v - a * a
            step = g / (np.sqrt(v) + eps)
            if momentum > 0:
                b = others.pop()
                b *= momentum
                b += step
                step = b
            p -= lr * step

        others = [state[key] for key in ("momentum_buffer", "grad_avg") if key in state]
        elementwise(formula, p, g, state["square_avg"], *others)


class Adadelta(Optimizer):
    """Steps in the units of the weights, for each parameter p with gradient g:

        g = g + weight_decay * p
        v = rho * v + (1 - rho) * g²
        Δ = sqrt(u + eps) / sqrt(v + eps) * g
        u = rho * u + (1 - rho) * Δ²
        p = p - lr * Δ

    Source: Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012.
    """

    accepts = {"foreach": None, "capturable": False, "differentiable": False}

    def __init__(
        self,
        params,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
        **accepted,
    ):
        defaults = {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, defaults, accepted)

    def check(self, group):
        super().check(group)
        require(self, group["eps"] >= 0, "epsilon value", group["eps"])
        require(self, 0 <= group["rho"] <= 1, "rho value", group["rho"])

    def new_state(self, p, group):
        return {"step": 0.0, "square_avg": np.zeros_like(p), "acc_delta": np.zeros_like(p)}

    def update(self, p, g, state, group):
        state["step"] += 1
        lr, rho, eps, weight_decay = group["lr"], group["rho"], group["eps"], group["weight_decay"]

        def formula(p, g, v, u):
            if weight_decay != 0:
                g = g + weight_decay * p
            v *= rho
            v += (1 - rho) * g * g
            delta = np.sqrt(u + eps) / np.sqrt(v + eps) * g
            u *= rho
            u += (1 - rho) * delta * delta
            p -= lr * delta

        elementwise(formula, p, g, state["square_avg"], state["acc_delta"])
