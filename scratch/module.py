"""Module: parameters, buffers and child modules under torch.nn's names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Self

import numpy as np

from scratch.dtypes import as_array, as_dtype
from scratch.parameter import Parameter, ParameterView


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict(strict=False)` did not find or did not know."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Module:
    """Base of all layers: `y, backward = module(x)`, then `dx = backward(dy)`.

    A subclass sets Parameters, buffers (`register_buffer`) and other Modules as attributes and defines
    `forward(self, *inputs) -> (y, backward)`. The backward adds the gradients of the parameters into their `.grad` and
    returns those of the inputs.

    Everything lives in plain attributes: a Parameter, a Module or a registered buffer is found again by its name.
    """

    training: bool = True
    _buffer_names: tuple[str, ...] = ()
    _transient: tuple[str, ...] = ()  # buffers that state_dict leaves out

    def forward(self, *inputs, **options) -> tuple[Any, Callable]:
        raise NotImplementedError(f"{type(self).__name__} must define forward(self, *inputs) -> (y, backward)")

    def __call__(self, *inputs, **options) -> tuple[Any, Callable]:
        return self.forward(*inputs, **options)

    def predict(self, *inputs, **options):
        """The output alone; what the backward would need is freed. Train or eval mode stays as it is."""
        return self(*inputs, **options)[0]

    # ------------------------------------------------------------------ attributes

    def __setattr__(self, name, value):
        old = self.__dict__.get(name)
        if isinstance(old, (Parameter, Module)) and value is not None:
            kind = Parameter if isinstance(old, Parameter) else Module
            if not isinstance(value, kind):
                raise TypeError(
                    f"{type(self).__name__}.{name} is a {kind.__name__} and cannot become a {type(value).__name__}"
                    + (f"; assign to {name}.data to change its values" if kind is Parameter else "")
                )
        self.__dict__[name] = value

    def register_buffer(self, name: str, array, persistent: bool = True) -> None:
        """Name an array (or None) that belongs to the module's state but is not learned."""
        self._buffer_names = (*(n for n in self._buffer_names if n != name), name)
        self._transient = (*(n for n in self._transient if n != name), *(() if persistent else (name,)))
        self.__dict__[name] = array

    def register_parameter(self, name: str, parameter: Parameter | None) -> None:
        """The same as setting the attribute; None keeps the name for a parameter that is left out."""
        if parameter is not None and not isinstance(parameter, Parameter):
            raise TypeError(f"register_parameter: {name} must be a Parameter or None, not {type(parameter).__name__}")
        setattr(self, name, parameter)

    def add_module(self, name: str, module: Module | None) -> None:
        """The same as setting the attribute, for names that are no identifiers (`"0"`)."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"add_module: {name} must be a Module or None, not {type(module).__name__}")
        setattr(self, name, module)

    register_module = add_module

    # ------------------------------------------------------------------ what is inside

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """(name, module) of the direct children, each module once."""
        seen = set()
        for name, value in vars(self).items():
            if isinstance(value, Module) and id(value) not in seen:
                seen.add(id(value))
                yield name, value

    def children(self) -> Iterator[Module]:
        for _, module in self.named_children():
            yield module

    def named_modules(self, memo=None, prefix: str = "", remove_duplicate: bool = True) -> Iterator[tuple[str, Module]]:
        """(dotted name, module) of this module and all below it; a shared one once unless told otherwise."""
        memo = set() if memo is None else memo
        if remove_duplicate and id(self) in memo:
            return
        memo.add(id(self))
        yield prefix, self
        for name, child in vars(self).items():
            if isinstance(child, Module):
                below = f"{prefix}.{name}" if prefix else name
                yield from child.named_modules(memo, below, remove_duplicate)

    def modules(self) -> Iterator[Module]:
        for _, module in self.named_modules():
            yield module

    def _named(self, own: Callable, prefix, recurse, remove_duplicate):
        owners = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        seen = set()
        for path, module in owners:
            for name, value in own(module):
                if not (remove_duplicate and id(value) in seen):
                    seen.add(id(value))
                    yield (f"{path}.{name}" if path else name), value

    def _own_parameters(self):
        for name, value in vars(self).items():
            if isinstance(value, Parameter) and not isinstance(value, ParameterView):
                yield name, value

    def _own_buffers(self):
        for name in self._buffer_names:
            if getattr(self, name) is not None:
                yield name, getattr(self, name)

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """(dotted name, Parameter); a tied one once; views of a Parameter belong to their base and are not listed."""
        yield from self._named(Module._own_parameters, prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, np.ndarray]]:
        yield from self._named(Module._own_buffers, prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[np.ndarray]:
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def get_submodule(self, target: str) -> Module:
        """The module of a dotted name; `""` is this one."""
        module = self
        for name in target.split(".") if target else ():
            child = vars(module).get(name)
            if not isinstance(child, Module):
                raise AttributeError(f"{type(module).__name__} has no submodule {name!r} (looking for {target!r})")
            module = child
        return module

    def get_parameter(self, target: str) -> Parameter:
        """The Parameter of a dotted name."""
        path, _, name = target.rpartition(".")
        value = vars(self.get_submodule(path)).get(name)
        if not isinstance(value, Parameter):
            raise AttributeError(f"{type(self).__name__} has no parameter {target!r}")
        return value

    def get_buffer(self, target: str) -> np.ndarray:
        """The buffer of a dotted name."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if name not in module._buffer_names:
            raise AttributeError(f"{type(self).__name__} has no buffer {target!r}")
        return getattr(module, name)

    # ------------------------------------------------------------------ modes

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call fn on every module, children first."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def train(self, mode: bool = True) -> Self:
        """Training mode: dropout drops, batch norm takes the batch's statistics."""
        if not isinstance(mode, (bool, np.bool_)):
            raise ValueError(f"train: mode must be a bool, but is {mode!r}")
        self.training = bool(mode)
        for child in self.children():
            child.train(mode)
        return self

    def eval(self) -> Self:
        """Evaluation mode: `train(False)`."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Freeze (False) or unfreeze all parameters."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients (`None`, as torch's default), or fill those that are there with zeros."""
        for parameter in self.parameters():
            if set_to_none:
                parameter.grad = None
            elif parameter.grad is not None:
                parameter.grad = np.zeros_like(parameter.grad)

    def to(self, dtype) -> Self:
        """Convert floating-point parameters, their gradients and buffers; `"cpu"` changes nothing."""
        if str(dtype) == "cpu":
            return self
        dtype = as_dtype(dtype)
        for parameter in self.parameters():
            parameter.data = parameter.data.astype(dtype)
            if parameter.grad is not None:
                parameter.grad = parameter.grad.astype(dtype)
            parameter.changed()
        for module in self.modules():
            for name, buffer in module._own_buffers():
                if buffer.dtype.kind == "f":
                    module.__dict__[name] = buffer.astype(dtype)
        return self

    def float(self) -> Self:
        return self.to(np.float32)

    def double(self) -> Self:
        return self.to(np.float64)

    # ------------------------------------------------------------------ state

    def _state(self, prefix=""):
        """(dotted name, owner, name, Parameter or buffer) of everything state_dict holds, in torch's order."""
        for name, parameter in self._own_parameters():
            yield f"{prefix}{name}", self, name, parameter
        for name, buffer in self._own_buffers():
            if name not in self._transient:
                yield f"{prefix}{name}", self, name, buffer
        for name, child in vars(self).items():
            if isinstance(child, Module):
                yield from child._state(f"{prefix}{name}.")

    def state_dict(self, prefix: str = "") -> dict[str, np.ndarray]:
        """Copies of all parameters and persistent buffers under torch's keys.

        torch's are live; these stay as they are while training goes on.
        """
        return {
            key: np.array(value.data if isinstance(value, Parameter) else value)
            for key, _, _, value in self._state(prefix)
        }

    def load_state_dict(self, state_dict, strict: bool = True) -> IncompatibleKeys:
        """Copy values into the parameters and buffers: NumPy arrays or torch tensors, keyed as torch's.

        Raises
        ------
        ValueError : listing missing and unexpected keys (unless `strict=False`) and wrong shapes. TypeError : a value
            is no array of numbers. Nothing is changed then.
        """
        own = {key: (owner, name, value) for key, owner, name, value in self._state()}
        missing = [key for key in own if key not in state_dict]
        unexpected = [key for key in state_dict if key not in own]
        arrays = {key: as_array(state_dict[key], f"state_dict[{key!r}]") for key in own if key in state_dict}
        problems = []
        if strict and missing:
            problems.append(f"missing: {', '.join(missing)}")
        if strict and unexpected:
            problems.append(f"unexpected: {', '.join(map(str, unexpected))}")
        problems += [
            f"{key} has shape {arrays[key].shape}, the module's {own[key][2].shape}"
            for key in arrays
            if arrays[key].shape != own[key][2].shape
        ]
        if problems:
            raise ValueError(f"{type(self).__name__}.load_state_dict: " + "; ".join(problems))
        for key, array in arrays.items():
            owner, name, value = own[key]
            if isinstance(value, Parameter):
                value.data[...] = array
                value.changed()
            else:
                owner.__dict__[name] = array.astype(value.dtype)
        return IncompatibleKeys(missing, unexpected)

    # ------------------------------------------------------------------ looks

    def extra_repr(self) -> str:
        """The arguments shown between the parentheses."""
        return ""

    def __repr__(self):
        children = [(n, m) for n, m in vars(self).items() if isinstance(m, Module)]
        if not children:
            return f"{type(self).__name__}({self.extra_repr()})"
        lines = [f"({name}): {module!r}".replace("\n", "\n  ") for name, module in children]
        head = [self.extra_repr()] if self.extra_repr() else []
        return f"{type(self).__name__}(\n  " + "\n  ".join(head + lines) + "\n)"
