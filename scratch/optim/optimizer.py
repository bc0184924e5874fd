"""Optimizer: parameter groups, state and the loop over parameters that all optimizers share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from typing import Any

import numpy as np

from scratch.dtypes import as_array
from scratch.kernels.blocks import SMALL, blockwise
from scratch.parameter import Parameter, ParameterView

PIECE = 65536  # items of a small parameter that are updated at a time: their temporaries stay small, too


class Optimizer:
    """Base of all optimizers, with torch.optim's groups, keys and state_dict.

    Parameters
    ----------
    params : Parameters, (name, Parameter) pairs, or dicts `{"params": [...], "lr": ...}`, one per group, with the
        options that differ from the defaults.
    defaults : option -> value for groups that do not state it.
    accepted : options of torch's that change nothing here (`foreach`, `fused`, `capturable`), as they were given;
        `differentiable=True` is refused.

    A subclass defines `new_state(p, group)`, what it remembers of a parameter, and `update(p, g, state, group)`, one
    step of the parameter's array p along its gradient g, in place.

    Differences from torch: the same parameter twice in one group is an error (torch warns that it will be one), and
    numbers in the state (`step`) are Python's.
    """

    accepts: Mapping[str, Any] = {"foreach": None, "capturable": False, "differentiable": False, "fused": None}

    def __init__(self, params: Iterable, defaults: dict[str, Any], accepted: Mapping[str, Any] | None = None):
        name = type(self).__name__
        if isinstance(params, Parameter):
            raise TypeError(f"{name}: params must be an iterable of Parameters or dicts; put it into a list: [weight]")
        for option, value in (accepted or {}).items():
            if option not in self.accepts:
                raise TypeError(f"{name}: unexpected argument {option!r}")
            if option == "differentiable" and value:
                raise ValueError(f"{name}: differentiable=True is not supported: a step has no backward")
        self.defaults = {**defaults, **self.accepts, **(accepted or {})}
        self.state: dict[Parameter, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        self.stepped = False  # learning-rate schedulers look at it
        groups = list(params)
        if not groups:
            raise ValueError(f"{name}: optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """One more group: `{"params": ...}` and the options that differ from the defaults."""
        name = type(self).__name__
        if not isinstance(param_group, dict):
            raise TypeError(f"{name}: a parameter group must be a dict, but is a {type(param_group).__name__}")
        params = param_group["params"]
        if isinstance(params, set):
            raise TypeError(f"{name}: a set has no fixed order; give the parameters as a list")
        group = {**self.defaults, **param_group}
        entries = [params] if isinstance(params, Parameter) else list(params)
        pairs = [entry for entry in entries if isinstance(entry, tuple)]
        if pairs and len(pairs) < len(entries):
            raise ValueError(f"{name}: either all parameters of a group come with a name, or none")
        if pairs:
            group["param_names"] = [key for key, _ in pairs]
        group["params"] = [entry[1] for entry in pairs] if pairs else entries
        if any(("param_names" in group) != ("param_names" in other) for other in self.param_groups):
            raise ValueError(f"{name}: either all groups have parameter names, or none")
        taken = {id(p) for other in self.param_groups for p in other["params"]}
        for parameter in group["params"]:
            if not isinstance(parameter, Parameter):
                raise TypeError(f"{name}: can only optimize Parameters, but got a {type(parameter).__name__}")
            if isinstance(parameter, ParameterView):
                raise ValueError(f"{name}: can't optimize a view of a Parameter; optimize the Parameter itself")
            if id(parameter) in taken:
                raise ValueError(
                    f"{name}: a parameter {parameter.shape} appears twice, in one parameter group or in two; "
                    "module.parameters() lists a tied one once"
                )
            taken.add(id(parameter))
        self.check(group)
        self.param_groups.append(group)

    def check(self, group: dict[str, Any]) -> None:
        """Raise ValueError for options that make no sense."""
        require(self, group["lr"] >= 0, "learning rate", group["lr"])
        require(self, group.get("weight_decay", 0) >= 0, "weight_decay value", group.get("weight_decay"))

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients (`None`), or fill those that are there with zeros."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if set_to_none:
                    parameter.grad = None
                elif parameter.grad is not None:
                    parameter.grad = np.zeros_like(parameter.grad)

    def step(self, closure: Callable[[], Any] | None = None):
        """Update every parameter that has a gradient.

        `closure`, if given, is called first; it computes the gradients anew and returns the loss, which is returned.
        """
        loss = None if closure is None else closure()
        self.stepped = True
        for parameter, group in self._with_gradients():
            state = self.state[parameter]
            if not state:
                state.update(self.new_state(parameter.data, group))
            gradient = -parameter.grad if group.get("maximize") else parameter.grad
            self.update(parameter.data, gradient, state, group)
            parameter.changed()
        return loss

    def _with_gradients(self) -> list[tuple[Parameter, dict]]:
        found = [(p, group) for group in self.param_groups for p in group["params"] if p.grad is not None]
        for parameter, _ in found:
            if parameter.grad.shape != parameter.shape:
                raise ValueError(
                    f"{type(self).__name__}: a gradient has shape {parameter.grad.shape}, its parameter "
                    f"{parameter.shape}"
                )
        return found

    def new_state(self, p, group) -> dict[str, Any]:
        return {}

    def update(self, p, g, state, group) -> None:
        raise NotImplementedError(f"{type(self).__name__} must define update(p, g, state, group)")

    # ------------------------------------------------------------------ state

    def state_dict(self) -> dict[str, Any]:
        """`{"state": {index: {name: array or number}}, "param_groups": [{..., "params": [index, ...]}]}`, copies.

        Parameters are numbered in the order of the groups, as torch's.
        """
        index = {p: i for i, p in enumerate(p for group in self.param_groups for p in group["params"])}
        groups = [
            {
                **deepcopy({k: v for k, v in group.items() if k != "params"}),
                "params": [index[p] for p in group["params"]],
            }
            for group in self.param_groups
        ]
        return {"state": {index[p]: deepcopy(s) for p, s in self.state.items() if s}, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a state_dict of this optimizer or of torch's, arrays or tensors, in each parameter's dtype.

        Raises ValueError when the groups, or the shapes of what is remembered, do not fit; nothing is changed then.
        """
        name = type(self).__name__
        saved = list(state_dict["param_groups"])
        sizes = [len(group["params"]) for group in self.param_groups]
        saved_sizes = [len(group["params"]) for group in saved]
        if sizes != saved_sizes:
            raise ValueError(
                f"{name}.load_state_dict: the optimizer's parameter groups have {sizes} parameters, "
                f"those of the state_dict {saved_sizes}"
            )
        groups, state = [], {}
        for group, other in zip(self.param_groups, saved):
            kept = {key: group[key] for key in (*self.defaults, "param_names") if key in group}
            loaded = deepcopy({key: value for key, value in other.items() if key != "params"})
            for key, value in loaded.items():  # a file may know lists only
                if isinstance(value, list) and isinstance(kept.get(key), tuple):
                    loaded[key] = tuple(value)
            groups.append({**kept, **loaded, "params": group["params"]})
            for i, parameter in zip(other["params"], group["params"]):
                if i in state_dict["state"]:
                    state[parameter] = self._loaded(state_dict["state"][i], parameter, groups[-1], f"state[{i}]")
        self.param_groups = groups
        self.state = defaultdict(dict, state)

    def _loaded(self, saved, parameter, group, where) -> dict[str, Any]:
        """One parameter's state, converted and held against what this optimizer would make itself."""
        name = f"{type(self).__name__}.load_state_dict: {where}"
        state = {key: _converted(value, parameter.dtype, f"{name}[{key!r}]") for key, value in saved.items()}
        own = self.new_state(parameter.data, group)
        missing = [key for key in own if key not in state]
        if missing and saved:
            raise ValueError(f"{name} lacks {', '.join(missing)}")
        for key, value in state.items():
            like = own.get(key, parameter.data)
            if isinstance(value, np.ndarray) and value.shape != np.shape(like):
                raise ValueError(f"{name}[{key!r}] has shape {value.shape}, but must have {np.shape(like)}")
            if isinstance(like, float):
                state[key] = float(value)
        return state

    def __repr__(self):
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join(lines) + "\n)"


def require(optimizer, holds: bool, what: str, value) -> None:
    """A ValueError in torch's words unless it holds."""
    if not holds:
        raise ValueError(f"{type(optimizer).__name__}: Invalid {what}: {value}")


def _converted(value, dtype, name):
    """A copy; tensors become arrays of the parameter's dtype, numbers stay."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return np.array(as_array(value, name), dtype)


def elementwise(formula: Callable, *arrays) -> None:
    """`formula(*arrays)`, which works in place and item by item, on large arrays in cache-sized pieces and threads.

    A formula of many passes over memory becomes one of one pass: each piece, with its temporaries, stays in the cache.
    """
    first = arrays[0]
    if type(first) is np.ndarray and first.size > PIECE and all(a.flags.c_contiguous for a in arrays):
        blockwise(formula, *arrays, block=PIECE if first.size < SMALL else 0)
    else:
        formula(*arrays)
