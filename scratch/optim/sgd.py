"""SGD: stochastic gradient descent, with momentum."""

from __future__ import annotations

import numpy as np

from scratch.optim.optimizer import Optimizer, elementwise, require


class SGD(Optimizer):
    """Stochastic gradient descent, for each parameter p with gradient g:

        g = g + weight_decay * p
        b = momentum * b + (1 - dampening) * g        (the first time b = g)
        p = p - lr * b                                (nesterov: p - lr * (g + momentum * b))

    With `maximize` the sign of g is turned. `foreach` and `fused` are accepted and change nothing.

    Source: Sutskever, Martens, Dahl, Hinton, "On the importance of initialization and momentum in deep learning",
    2013, in torch's form, where lr multiplies the whole velocity.
    """

    accepts = {"foreach": None, "differentiable": False, "fused": None}

    def __init__(
        self,
        params,
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        **accepted,
    ):
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        super().__init__(params, defaults, accepted)

    def check(self, group):
        super().check(group)
        require(self, group["momentum"] >= 0, "momentum value", group["momentum"])
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ValueError("SGD: Nesterov momentum requires a momentum and zero dampening")

    def update(self, p, g, state, group):
        lr, momentum, weight_decay = group["lr"], group["momentum"], group["weight_decay"]
        nesterov = group["nesterov"]
        first = momentum != 0 and state.get("momentum_buffer") is None
        if first:
            state["momentum_buffer"] = np.zeros_like(p)
        kept, new = (0, 1) if first else (momentum, 1 - group["dampening"])

        def with_momentum(p, g, b):
            if weight_decay != 0:
                g = g + weight_decay * p
            b *= kept
            b += g if new == 1 else new * g
            p -= lr * (g + momentum * b) if nesterov else lr * b

        def plain(p, g):
            if weight_decay != 0:
                g = g + weight_decay * p
            p -= lr * g

        if momentum != 0:
            elementwise(with_momentum, p, g, state["momentum_buffer"])
        else:
            elementwise(plain, p, g)
