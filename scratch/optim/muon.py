"""Muon: momentum whose matrix is made orthogonal."""

from __future__ import annotations

import math

import numpy as np

from scratch.optim.optimizer import Optimizer


class Muon(Optimizer):
    """Momentum orthogonalised by Newton-Schulz, for each weight matrix p (A, B) with gradient g:

        b = momentum * b + (1 - momentum) * g
        u = orthogonalised momentum * b + (1 - momentum) * g             (without nesterov: of b)
        p = p * (1 - lr * weight_decay) - lr * ratio * u

    ratio is sqrt(max(1, A / B)) for adjust_lr_fn None or "original", 0.2 sqrt(max(A, B)) for "match_rms_adamw". For
    the matrices of hidden layers; biases, embeddings and the last layer belong to another optimizer.

    torch orthogonalises in bfloat16; here it is done in the parameter's dtype, so the steps are closer to the formula
    and differ from torch's by bfloat16's rounding.

    Source: Jordan and others, "Muon: An optimizer for hidden layers in neural networks", 2024; adjustments: Liu and
    others, "Muon is Scalable for LLM Training", 2025.
    """

    accepts = {}

    def __init__(
        self,
        params,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ):
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": tuple(ns_coefficients),
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)

    def check(self, group):
        for holds, message in (
            (group["lr"] >= 0, f"Learning rate should be >= 0 but is: {group['lr']}"),
            (group["momentum"] >= 0, f"momentum should be >= 0 but is: {group['momentum']}"),
            (group["weight_decay"] >= 0, f"weight decay should be >= 0 but is: {group['weight_decay']}"),
            (len(group["ns_coefficients"]) == 3, f"ns_coefficients must be 3 numbers: {group['ns_coefficients']}"),
            (group["ns_steps"] < 100, f"ns_steps must be less than 100 but is: {group['ns_steps']}"),
        ):
            if not holds:
                raise ValueError(f"Muon: {message}")
        if group["adjust_lr_fn"] not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Muon: Adjust learning rate function {group['adjust_lr_fn']} is not supported")
        for p in group["params"]:
            if p.ndim != 2:
                raise ValueError(f"Muon: only supports 2D parameters, but one has the shape {p.shape}")

    def new_state(self, p, group):
        return {"momentum_buffer": np.zeros_like(p)}

    def update(self, p, g, state, group):
        lr, momentum, b = group["lr"], group["momentum"], state["momentum_buffer"]
        b *= momentum
        b += (1 - momentum) * g
        u = (1 - momentum) * g + momentum * b if group["nesterov"] else b
        u = orthogonalized(u, group["ns_coefficients"], group["ns_steps"], group["eps"])
        rows, columns = p.shape
        if group["adjust_lr_fn"] == "match_rms_adamw":
            ratio = 0.2 * math.sqrt(max(rows, columns))
        else:
            ratio = math.sqrt(max(1, rows / columns))
        p *= 1 - lr * group["weight_decay"]
        p -= lr * ratio * u


def orthogonalized(x, coefficients=(3.4445, -4.775, 2.0315), steps: int = 5, eps: float = 1e-7):
    """Nearly U Vᵀ for x = U S Vᵀ: all singular values come close to 1 under s -> a s + b s³ + c s⁵, again and again."""
    a, b, c = coefficients
    tall = x.shape[0] > x.shape[1]
    y = x.T if tall else x  # y yᵀ is the small one
    y = y / max(float(np.sqrt((y * y).sum())), eps)
    for _ in range(steps):
        square = y @ y.T
        y = a * y + (b * square + c * square @ square) @ y
    return y.T if tall else y
