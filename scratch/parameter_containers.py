"""Lists and dictionaries of Parameters that a Module's parameters() and state_dict() find."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Self

from scratch.module import Module
from scratch.parameter import Parameter


def _as_parameter(container: str, value) -> Parameter:
    """A Parameter as it is; a floating-point array becomes one."""
    if isinstance(value, Parameter):
        return value
    if not hasattr(value, "__array_function__"):
        raise TypeError(f"{container}: expects Parameters or arrays, but got a {type(value).__name__}")
    return Parameter(value)


class _ParameterContainer(Module):
    def forward(self, *inputs, **options):
        raise RuntimeError(f"{type(self).__name__} should not be called.")

    def __repr__(self):
        lines = [
            f"  ({name}): Parameter containing: [{p.dtype} of size {'x'.join(map(str, p.shape))}]"
            for name, p in self._own_parameters()
        ]
        return "\n".join([f"{type(self).__name__}(", *lines, ")"]) if lines else f"{type(self).__name__}()"


class ParameterList(_ParameterContainer):
    """A list of Parameters; arrays given to it become Parameters. Their names are "0", "1", ..."""

    def __init__(self, values: Iterable | None = None):
        self.extend(values or ())

    @property
    def _items(self) -> list[Parameter]:
        return [p for p in vars(self).values() if isinstance(p, Parameter)]

    def __len__(self):
        return len(self._items)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self._items)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return type(self)(self._items[index])
        return self._items[index]

    def __setitem__(self, index: int, value) -> None:
        if not -len(self) <= index < len(self):
            raise IndexError(f"ParameterList: index {index} is out of range for {len(self)} parameters")
        setattr(self, str(index % len(self)), _as_parameter("ParameterList", value))

    def append(self, value) -> Self:
        return self.extend([value])

    def extend(self, values: Iterable) -> Self:
        if hasattr(values, "__array_function__") or isinstance(values, Parameter):
            raise TypeError(f"ParameterList: extend expects several parameters, but got a {type(values).__name__}")
        for i, value in enumerate([_as_parameter("ParameterList", v) for v in values], start=len(self)):
            self.__dict__[str(i)] = value
        return self

    def __iadd__(self, values: Iterable) -> Self:
        return self.extend(values)


class ParameterDict(_ParameterContainer):
    """A dictionary of Parameters; arrays given to it become Parameters."""

    def __init__(self, parameters: Mapping | Iterable[tuple] | None = None):
        self.update(parameters or {})

    @property
    def _items(self) -> dict[str, Parameter]:
        return {name: p for name, p in vars(self).items() if isinstance(p, Parameter)}

    def __len__(self):
        return len(self._items)

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __contains__(self, key):
        return key in self._items

    def __getitem__(self, key: str) -> Parameter:
        return self._items[key]

    def __setitem__(self, key: str, value) -> None:
        if not isinstance(key, str):
            raise TypeError(f"ParameterDict: a key must be a string, but is {key!r}")
        if hasattr(type(self), key):
            raise ValueError(f"ParameterDict: {key!r} is the name of a method; choose another key")
        setattr(self, key, _as_parameter("ParameterDict", value))

    def __delitem__(self, key: str) -> None:
        self._items[key]
        del self.__dict__[key]

    def keys(self):
        return self._items.keys()

    def values(self):
        return self._items.values()

    def items(self):
        return self._items.items()

    def get(self, key: str, default=None):
        return self._items.get(key, default)

    def setdefault(self, key: str, default) -> Parameter:
        if key not in self:
            self[key] = default
        return self[key]

    def update(self, parameters: Mapping | Iterable[tuple]) -> None:
        for key, value in dict(parameters).items():
            self[key] = value

    def pop(self, key: str) -> Parameter:
        parameter = self[key]
        del self[key]
        return parameter

    def popitem(self) -> tuple[str, Parameter]:
        if not self:
            raise KeyError("ParameterDict: is empty")
        key = list(self)[-1]
        return key, self.pop(key)

    def clear(self) -> None:
        for key in list(self):
            del self[key]

    def copy(self) -> ParameterDict:
        """Another dictionary of the same Parameters."""
        return ParameterDict(self._items)

    def __or__(self, other: Mapping) -> ParameterDict:
        return ParameterDict({**self._items, **other})

    def __ior__(self, other: Mapping) -> Self:
        self.update(other)
        return self
