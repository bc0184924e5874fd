"""Containers: chains, lists, dictionaries of modules, and the residual connection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Self

from scratch.module import Module
from scratch.op import Backward, learns, pull


def _check_module(container: str, module) -> Module:
    if not isinstance(module, Module):
        raise TypeError(f"{container}: expects modules, but got a {type(module).__name__}")
    return module


class ModuleList(Module):
    """A list of modules whose parameters are found; it has no forward of its own."""

    def __init__(self, modules: Iterable[Module] = ()):
        self.extend(modules)

    @property
    def _items(self) -> list[Module]:
        return [m for m in vars(self).values() if isinstance(m, Module)]

    @property
    def _names(self) -> list[str]:
        return [name for name, m in vars(self).items() if isinstance(m, Module)]

    def _renumber(self, items: Iterable[Module]) -> None:
        items = [_check_module(type(self).__name__, m) for m in items]
        for name in self._names:
            del self.__dict__[name]
        for i, module in enumerate(items):
            self.__dict__[str(i)] = module

    def __len__(self):
        return len(self._items)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._items)

    def __contains__(self, module):
        return any(m is module for m in self._items)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return type(self)(self._items[index])
        return self._items[index]

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._names[index], _check_module(type(self).__name__, module))

    def __delitem__(self, index) -> None:
        items = self._items
        del items[index]
        self._renumber(items)

    def __add__(self, other: Iterable[Module]) -> Self:
        return type(self)([*self, *other])

    def __iadd__(self, other: Iterable[Module]) -> Self:
        return self.extend(other)

    def append(self, module: Module) -> Self:
        return self.extend([module])

    def extend(self, modules: Iterable[Module]) -> Self:
        modules = [_check_module(type(self).__name__, m) for m in modules]
        for i, module in enumerate(modules, start=len(self)):
            self.__dict__[str(i)] = module
        return self

    def insert(self, index: int, module: Module) -> None:
        items = self._items
        items.insert(index, module)
        self._renumber(items)

    def pop(self, index: int = -1) -> Module:
        module = self._items[index]
        del self[index]
        return module


class Sequential(ModuleList):
    """Modules one after the other: y = f_n(... f_2(f_1(x))).

    The backward is the chain rule: the gradients flow through the children's backwards in reverse order. The same
    module given twice stays twice and its gradients add up. `Sequential(conv, relu)`, `Sequential({"conv": conv})` for
    named children, index, slice, `append`, `extend`, `insert`, `pop`, `+`.

    Source: torch.nn.Sequential, whose list methods and state_dict keys it has.
    """

    def __init__(self, *modules: Module | Mapping[str, Module]):
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            for name, module in modules[0].items():
                self.add_module(name, module)
        else:
            self.extend(modules)

    def forward(self, x):
        return chain(x, *self)

    def predict(self, x):
        for module in self:
            x = module.predict(x)
        return x

    def __getitem__(self, index):
        if isinstance(index, slice):
            return Sequential(dict(list(zip(self._names, self._items))[index]))
        if isinstance(index, str):
            return self.get_submodule(index)
        return self._items[index]

    def __add__(self, other: Iterable[Module]) -> Sequential:
        return Sequential(*self, *other)


def chain(x, *steps: Callable):
    """(y, backward) of steps applied one after the other, each a module or a function in the protocol `y, backward`."""
    backwards = []
    for step in steps:
        x, backward = step(x)
        backwards.append(backward)
    return x, ChainBackward(backwards)


class ChainBackward(Backward):
    """The chain rule over a list of backwards.

    Without `input_grad` the sweep ends at the first layer that learns. With `release` each child's memory is let go as
    soon as the sweep has passed it.
    """

    __slots__ = ("backwards",)

    def __init__(self, backwards):
        self.backwards = backwards

    @property
    def learns(self):
        return any(learns(b) for b in self.backwards)

    def __call__(self, dy=None, *, input_grad: bool = True, release: bool = False):
        if self.backwards is None:
            raise RuntimeError("chain: this backward was released after its first call; run the forward again")
        backwards = self.backwards
        last = 0 if input_grad else next((i for i, b in enumerate(backwards) if learns(b)), len(backwards))
        if release:
            self.backwards = None
        for i in reversed(range(last, len(backwards))):
            dy = pull(backwards[i], dy, input_grad=input_grad or i > last, release=release)
            if release:
                backwards[i] = None
        return dy if input_grad else None


class ComposedBackward(Backward):
    """The backward of a module that calls others in its own way, written as a function `gradients(dy, pull)`.

    The function calls `pull(backward, d)` where it would call `backward(d)`: with `release` each of them then lets go
    of its memory, and the function, with all that it remembers, is forgotten.
    """

    __slots__ = ("function",)
    learns = True

    def __init__(self, function: Callable):
        self.function = function

    def __call__(self, dy=None, *, input_grad: bool = True, release: bool = False):
        if self.function is None:
            raise RuntimeError("this backward was released after its first call; run the forward again")
        function = self.function
        if release:
            self.function = None
        gradients = function(dy, partial(pull, release=release))
        return gradients if input_grad else None


class ModuleDict(Module):
    """A dictionary of modules whose parameters are found; it has no forward of its own."""

    def __init__(self, modules: Mapping[str, Module] | None = None):
        self.update(modules or {})

    @property
    def _items(self) -> dict[str, Module]:
        return {name: m for name, m in vars(self).items() if isinstance(m, Module)}

    def __len__(self):
        return len(self._items)

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __contains__(self, key):
        return key in self._items

    def __getitem__(self, key: str) -> Module:
        return self._items[key]

    def __setitem__(self, key: str, module: Module) -> None:
        if hasattr(type(self), key):
            raise ValueError(f"ModuleDict: {key!r} is the name of a method; choose another key")
        self.add_module(key, _check_module("ModuleDict", module))

    def __delitem__(self, key: str) -> None:
        self._items[key]
        del self.__dict__[key]

    def keys(self):
        return self._items.keys()

    def values(self):
        return self._items.values()

    def items(self):
        return self._items.items()

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        for key, module in dict(modules).items():
            self[key] = module

    def pop(self, key: str) -> Module:
        module = self[key]
        del self[key]
        return module

    def clear(self) -> None:
        for key in list(self):
            del self[key]


class Residual(Module):
    """y = x + module(x), so dx = dy + module's own dx.

    Source: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", 2015. torch has no class for it.
    """

    def __init__(self, module: Module):
        self.module = _check_module("Residual", module)

    def forward(self, x):
        h, module_backward = self.module(x)
        if h.shape != x.shape:
            raise ValueError(f"Residual: the module must keep the shape, but made {h.shape} of {x.shape}")
        return x + h, ResidualBackward(module_backward)


class ResidualBackward(Backward):
    """dy reaches x along both ways: dx = dy + (dy through the module)."""

    __slots__ = ("module_backward",)

    def __init__(self, module_backward):
        self.module_backward = module_backward

    @property
    def learns(self):
        return learns(self.module_backward)

    def __call__(self, dy=None, *, input_grad: bool = True, release: bool = False):
        if self.module_backward is None:
            raise RuntimeError("Residual: this backward was released after its first call; run the forward again")
        dx = pull(self.module_backward, dy, input_grad=input_grad, release=release)
        if release:
            self.module_backward = None
        return dy + dx if input_grad else None
