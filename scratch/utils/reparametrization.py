"""Weights that are computed from other Parameters: what weight and spectral normalisation share.

The module keeps its type's name, its call and its place; its class becomes one that computes the weight first. Each
forward works on a copy of the module in which the weight is an ordinary Parameter, so that nothing is shared between
two forwards, and hands what that Parameter has gathered on to the backward of the computation.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from scratch.module import Module
from scratch.op import Backward, pull
from scratch.parameter import Parameter


class Reparametrized(Module):
    """Mixed into a module's class: `rules` maps a weight's name to what computes it from the module."""

    plain: type[Module]
    rules: dict[str, Any]

    def forward(self, *inputs, **options):
        module = copy.copy(self)
        _become(module, self.plain)
        computed = []
        for name, rule in self.rules.items():
            weight, weight_backward = rule.weight(self, name)
            module.__dict__[name] = Parameter(weight)
            computed.append((module.__dict__[name], weight_backward))
        y, backward = module(*inputs, **options)
        return y, ReparametrizedBackward(backward, computed)


class ReparametrizedBackward(Backward):
    """The module's backward, then for each computed weight the backward of its computation."""

    __slots__ = ("backward", "computed")

    def __init__(self, backward, computed):
        self.backward, self.computed = backward, computed

    @property
    def learns(self):
        return any(weight_backward.learns for _, weight_backward in self.computed)

    def __call__(self, dy=None, *, input_grad: bool = True, release: bool = False):
        for weight, _ in self.computed:
            weight.grad = None
        dx = pull(self.backward, dy, input_grad=input_grad, release=release)
        for weight, weight_backward in self.computed:
            if weight.grad is not None:
                weight_backward(weight.grad, input_grad=False, release=release)
        return dx


def _become(module: Module, kind: type[Module]) -> None:
    object.__setattr__(module, "__class__", kind)  # a Module's own __setattr__ is for what it holds


def reparametrize(module: Module, name: str, rule) -> None:
    """Let `rule.weight(module, name) -> (array, backward)` compute the weight `name` from now on."""
    kind = type(module)
    if not isinstance(module, Reparametrized):
        kind = type(kind.__name__, (Reparametrized, kind), {"plain": kind, "rules": {}, "__module__": kind.__module__})
    rules = {**kind.rules, name: rule}
    now = property(lambda self: self.rules[name].weight(self, name, look=True)[0], doc="the computed weight, an array")
    # each module has a class of its own: its rules are nobody else's
    _become(module, type(kind.__name__, (kind,), {"rules": rules, name: now, "__module__": kind.__module__}))


def restore(module: Module, name: str) -> None:
    """The weight is an ordinary Parameter with its present value again."""
    value = getattr(module, name)
    rules = {key: rule for key, rule in module.rules.items() if key != name}
    _become(module, module.plain)
    for key, rule in rules.items():
        reparametrize(module, key, rule)
    setattr(module, name, Parameter(value))


def find(module: Module, name: str, kind: type, what: str):
    """The rule of that kind for that weight."""
    rule = module.rules.get(name) if isinstance(module, Reparametrized) else None
    if not isinstance(rule, kind):
        raise ValueError(f"{what} of '{name}' not found in {module}")
    return rule


def taken_out(module: Module, name: str, what: Callable) -> Parameter:
    """The Parameter `name`, removed from the module so that another can take its place."""
    if isinstance(module, Reparametrized) and name in module.rules:
        raise RuntimeError(f"{what}: the weight {name!r} is computed already")
    weight = vars(module).get(name)
    if not isinstance(weight, Parameter):
        raise ValueError(f"{what}: {type(module).__name__} has no parameter {name!r}")
    del module.__dict__[name]
    return weight
