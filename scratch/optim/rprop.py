"""Rprop: only the signs of the gradients count."""

from __future__ import annotations

import numpy as np

from scratch.optim.optimizer import Optimizer, elementwise, require


class Rprop(Optimizer):
    """Resilient backpropagation, for each weight p with gradient g and step size s, which starts at lr:

        s = s * etas[1] if g has the sign it had before, s * etas[0] if it has changed; within step_sizes
        g = 0 if the sign has changed
        p = p - s * sign(g)

    For gradients of the whole data set, not of mini-batches.

    Source: Riedmiller and Braun, "A Direct Adaptive Method for Faster Backpropagation Learning: The RPROP Algorithm",
    1993.
    """

    accepts = {"foreach": None, "capturable": False, "differentiable": False}

    def __init__(
        self,
        params,
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        maximize: bool = False,
        **accepted,
    ):
        defaults = {"lr": lr, "etas": tuple(etas), "step_sizes": tuple(step_sizes), "maximize": maximize}
        super().__init__(params, defaults, accepted)

    def check(self, group):
        super().check(group)
        low, high = group["etas"]
        require(self, 0 < low < 1 < high, "eta values", f"{low}, {high}")

    def new_state(self, p, group):
        return {"step": 0.0, "prev": np.zeros_like(p), "step_size": np.full_like(p, group["lr"])}

    def update(self, p, g, state, group):
        state["step"] += 1
        (shrink, grow), (smallest, largest) = group["etas"], group["step_sizes"]

        def formula(p, g, before, size):
            agreement = np.sign(g * before)
            size *= np.where(agreement > 0, grow, np.where(agreement < 0, shrink, 1.0))
            np.clip(size, smallest, largest, out=size)
            before[...] = np.where(agreement < 0, 0, g)
            p -= np.sign(before) * size

        elementwise(formula, p, g, state["prev"], state["step_size"])
