"""Relatives of Adam: Adamax, NAdam, RAdam."""

from __future__ import annotations

import math

import numpy as np

from scratch.optim.adam import check_betas
from scratch.optim.optimizer import Optimizer, elementwise, require

ACCEPTS = {"foreach": None, "capturable": False, "differentiable": False}


class Adamax(Optimizer):
    """Adam with the maximum norm, in step t for each parameter p with gradient g:

        g = g + weight_decay * p
        m = beta1 * m + (1 - beta1) * g
        u = max(beta2 * u, |g| + eps)
        p = p - lr / (1 - beta1ᵗ) * m / u

    Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015, section 7.
    """

    accepts = ACCEPTS

    def __init__(
        self,
        params,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
        **accepted,
    ):
        defaults = {
            "lr": lr,
            "betas": tuple(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults, accepted)

    def check(self, group):
        super().check(group)
        require(self, group["eps"] >= 0, "epsilon value", group["eps"])
        check_betas(self, group["betas"])

    def new_state(self, p, group):
        return {"step": 0.0, "exp_avg": np.zeros_like(p), "exp_inf": np.zeros_like(p)}

    def update(self, p, g, state, group):
        state["step"] += 1
        (beta1, beta2), eps, weight_decay = group["betas"], group["eps"], group["weight_decay"]
        rate = group["lr"] / (1 - beta1 ** state["step"])

        def formula(p, g, m, u):
            if weight_decay != 0:
                g = g + weight_decay * p
            m *= beta1
            m += (1 - beta1) * g
            u *= beta2
            np.maximum(u, abs(g) + eps, out=u)
            p -= rate * m / u

        elementwise(formula, p, g, state["exp_avg"], state["exp_inf"])


class NAdam(Optimizer):
    """Adam with Nesterov's momentum, in step t for each parameter p with gradient g:

        g = g + weight_decay * p                  (decoupled_weight_decay: p = p * (1 - lr * weight_decay))
        μₜ = beta1 * (1 - 0.96^(t * momentum_decay) / 2)
        m = beta1 * m + (1 - beta1) * g,  v = beta2 * v + (1 - beta2) * g²
        m̂ = μₜ₊₁ * m / (1 - μ₁ ⋯ μₜ₊₁) + (1 - μₜ) * g / (1 - μ₁ ⋯ μₜ),  v̂ = v / (1 - beta2ᵗ)
        p = p - lr * m̂ / (sqrt(v̂) + eps)

    Source: Dozat, "Incorporating Nesterov Momentum into Adam", 2016.
    """

    accepts = ACCEPTS

    def __init__(
        self,
        params,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
        **accepted,
    ):
        defaults = {
            "lr": lr,
            "betas": tuple(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults, accepted)

    def check(self, group):
        super().check(group)
        require(self, group["eps"] >= 0, "epsilon value", group["eps"])
        check_betas(self, group["betas"])
        require(self, group["momentum_decay"] >= 0, "momentum_decay value", group["momentum_decay"])

    def new_state(self, p, group):
        return {"step": 0.0, "mu_product": 1.0, "exp_avg": np.zeros_like(p), "exp_avg_sq": np.zeros_like(p)}

    def update(self, p, g, state, group):
        state["step"] += 1
        t, lr, eps, weight_decay = state["step"], group["lr"], group["eps"], group["weight_decay"]
        (beta1, beta2), decoupled = group["betas"], group["decoupled_weight_decay"]
        mu, mu_next = (beta1 * (1 - 0.5 * 0.96 ** (s * group["momentum_decay"])) for s in (t, t + 1))
        state["mu_product"] *= mu
        g_rate = (1 - mu) / (1 - state["mu_product"])
        m_rate = mu_next / (1 - state["mu_product"] * mu_next)
        correction = math.sqrt(1 - beta2**t)

        def formula(p, g, m, v):
            if weight_decay != 0:
                if decoupled:
                    p *= 1 - lr * weight_decay
                else:
                    g = g + weight_decay * p
            m *= beta1
            m += (1 - beta1) * g
            v *= beta2
            v += (1 - beta2) * g * g
            p -= lr * (g_rate * g + m_rate * m) / (np.sqrt(v) / correction + eps)

        elementwise(formula, p, g, state["exp_avg"], state["exp_avg_sq"])


class RAdam(Optimizer):
    """Rectified Adam: plain momentum until the variance of 1 / sqrt(v̂) is known well enough. In step t:

        g = g + weight_decay * p                  (decoupled_weight_decay: p = p * (1 - lr * weight_decay))
        m, v, m̂, v̂ as Adam's
        ρ = ρ∞ - 2t beta2ᵗ / (1 - beta2ᵗ),  ρ∞ = 2 / (1 - beta2) - 1
        p = p - lr * m̂                            if ρ <= 5, else
        p = p - lr * m̂ / sqrt(v̂) * sqrt((ρ - 4)(ρ - 2) ρ∞ / ((ρ∞ - 4)(ρ∞ - 2) ρ))

    eps is added to sqrt(v) before the bias correction, as torch does.

    Source: Liu, Jiang, He, Chen, Liu, Gao, Han, "On the Variance of the Adaptive Learning Rate and Beyond", 2020.
    """

    accepts = ACCEPTS

    def __init__(
        self,
        params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
        **accepted,
    ):
        defaults = {
            "lr": lr,
            "betas": tuple(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults, accepted)

    def check(self, group):
        super().check(group)
        require(self, group["eps"] >= 0, "epsilon value", group["eps"])
        check_betas(self, group["betas"])

    def new_state(self, p, group):
        return {"step": 0.0, "exp_avg": np.zeros_like(p), "exp_avg_sq": np.zeros_like(p)}

    def update(self, p, g, state, group):
        state["step"] += 1
        t, lr, eps, weight_decay = state["step"], group["lr"], group["eps"], group["weight_decay"]
        (beta1, beta2), decoupled = group["betas"], group["decoupled_weight_decay"]
        correction2 = 1 - beta2**t
        rho_inf = 2 / (1 - beta2) - 1
        rho = rho_inf - 2 * t * beta2**t / correction2
        rectified = rho > 5
        rate = lr / (1 - beta1**t)
        if rectified:
            rate *= math.sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho) * correction2)

        def formula(p, g, m, v):
            if weight_decay != 0:
                if decoupled:
                    p *= 1 - lr * weight_decay
                else:
                    g = g + weight_decay * p
            m *= beta1
            m += (1 - beta1) * g
            v *= beta2
            v += (1 - beta2) * g * g
            p -= rate * m / (np.sqrt(v) + eps) if rectified else rate * m

        elementwise(formula, p, g, state["exp_avg"], state["exp_avg_sq"])
