"""Adam and AdamW."""

from __future__ import annotations

import math

import numpy as np

from scratch.optim.optimizer import Optimizer, elementwise, require


def check_betas(optimizer, betas) -> None:
    for i, beta in enumerate(betas):
        require(optimizer, 0 <= beta < 1, f"beta parameter at index {i}", beta)


class Adam(Optimizer):
    """Adaptive moments, in step t for each parameter p with gradient g:

        g = g + weight_decay * p
        m = beta1 * m + (1 - beta1) * g                   mean of the gradients
        v = beta2 * v + (1 - beta2) * g²                  mean of their squares
        p = p - lr * m̂ / (sqrt(v̂) + eps)                  m̂ = m / (1 - beta1ᵗ),  v̂ = v / (1 - beta2ᵗ)

    m and v start at zero; the divisions by 1 - betaᵗ undo that bias. With `amsgrad`, v̂ is made from the largest v so
    far. With `decoupled_weight_decay` (AdamW) p shrinks by the factor 1 - lr * weight_decay instead, and the moments
    know nothing of it. With `maximize` the sign of g is turned. `foreach`, `fused` and `capturable` are accepted and
    change nothing.

    Sources: Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015; Reddi, Kale, Kumar, "On the Convergence
    of Adam and Beyond", 2018 (amsgrad); Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019 (AdamW).
    """

    def __init__(
        self,
        params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
        **accepted,
    ):
        defaults = {
            "lr": lr,
            "betas": tuple(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults, accepted)

    def check(self, group):
        super().check(group)
        require(self, group["eps"] >= 0, "epsilon value", group["eps"])
        check_betas(self, group["betas"])

    def new_state(self, p, group):
        state = {"step": 0.0, "exp_avg": np.zeros_like(p), "exp_avg_sq": np.zeros_like(p)}
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = np.zeros_like(p)
        return state

    def update(self, p, g, state, group):
        state["step"] += 1
        t, lr, eps, weight_decay = state["step"], group["lr"], group["eps"], group["weight_decay"]
        beta1, beta2 = group["betas"]
        decoupled = group["decoupled_weight_decay"]
        # lr * m̂ / (sqrt(v̂) + eps) with both corrections, numbers, taken out of the arrays
        correction = math.sqrt(1 - beta2**t)
        rate, small = lr / (1 - beta1**t) * correction, eps * correction

        def formula(p, g, m, v, *largest):
            if weight_decay != 0:
                if decoupled:
                    p *= 1 - lr * weight_decay
                else:
                    g = g + weight_decay * p
            m *= beta1
            m += (1 - beta1) * g
            v *= beta2
            v += (1 - beta2) * g * g
            for largest_v in largest:  # amsgrad
                v = np.maximum(largest_v, v, out=largest_v)
            p -= rate * m / (np.sqrt(v) + small)

        moments = [state[key] for key in ("exp_avg", "exp_avg_sq")]
        elementwise(formula, p, g, *moments, *([state["max_exp_avg_sq"]] if group["amsgrad"] else []))


class AdamW(Adam):
    """Adam with decoupled weight decay: p shrinks by 1 - lr * weight_decay, and the moments know nothing of it.

    Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019.
    """

    def __init__(
        self,
        params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        **accepted,
    ):
        options = {"maximize": maximize, "decoupled_weight_decay": True, **accepted}
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, **options)

    def load_state_dict(self, state_dict):
        super().load_state_dict(state_dict)
        for group in self.param_groups:  # older files do not have it
            group["decoupled_weight_decay"] = True
