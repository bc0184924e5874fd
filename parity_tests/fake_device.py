"""A stand-in for a GPU array that refuses what CuPy refuses, so that CI finds host-only code without a GPU.

It holds a NumPy array and passes NumPy's functions on to it. Refused: implicit conversion to NumPy, mixing with host
arrays, and the NumPy functions that CuPy does not have.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

MISSING = {"block", "insert", "einsum_path", "unstack", "multi_dot", "matrix_norm", "vector_norm", "ascontiguousarray"}
MISSING_UFUNCS = {"vecdot", "matvec", "vecmat"}
LIKE_MISSING = {"full", "ones", "eye"}


class Device(NDArrayOperatorsMixin):
    """An array that lives on a pretended device."""

    __slots__ = ("_array",)

    def __init__(self, array: np.ndarray):
        self._array = array

    def __array__(self, *args, **kwargs):
        raise TypeError("Implicit conversion to a NumPy array is not allowed")

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if ufunc.__name__ in MISSING_UFUNCS or type(ufunc).__module__ != "numpy" or _from_scipy(ufunc):
            return NotImplemented
        if method == "at" and inputs[0]._array.dtype not in (np.float32, np.float64, np.int32, np.int64):
            raise TypeError(f"ufunc.at is not there for {inputs[0]._array.dtype}")
        result = getattr(ufunc, method)(*map(_inside, inputs), **_inside(kwargs))
        out = kwargs.get("out")
        return out[0] if out else _outside(result)

    def __array_function__(self, function, types, args, kwargs):
        if function.__name__ in MISSING:
            return NotImplemented
        if function.__name__ == "asarray":  # np.asarray(host, like=device): the one way onto the device
            return Device(np.array(*args, **kwargs))
        return _outside(function(*_inside(args), **_inside(kwargs)))

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        value = getattr(self._array, name)
        if callable(value):
            return lambda *args, **kwargs: _outside(value(*_inside(args), **_inside(kwargs)))
        return _outside(value) if isinstance(value, np.ndarray) else value

    def __getitem__(self, index):
        return _outside(self._array[_inside(index)])

    def __setitem__(self, index, value):
        self._array[_inside(index)] = _inside(value)

    def __len__(self):
        return len(self._array)

    def __iter__(self):
        return (_outside(part) for part in self._array)

    def __bool__(self):
        return bool(self._array)

    def __int__(self):
        return int(self._array)

    def __float__(self):
        return float(self._array)

    def __repr__(self):
        return f"Device({self._array!r})"


def _from_scipy(ufunc) -> bool:
    """scipy.special's ufuncs run on NumPy arrays only."""
    return getattr(np, ufunc.__name__, None) is not ufunc


def _inside(value):
    if isinstance(value, Device):
        return value._array
    if isinstance(value, np.ndarray) and value.ndim > 0:
        raise TypeError("Unsupported type <class 'numpy.ndarray'>: a host array met a device array")
    if isinstance(value, (list, tuple)):
        return type(value)(map(_inside, value))
    if isinstance(value, dict):
        return {key: _inside(part) for key, part in value.items()}
    return value


def _outside(value):
    if isinstance(value, (np.ndarray, np.generic)):
        return Device(np.asarray(value))
    if isinstance(value, (list, tuple)):
        return type(value)(map(_outside, value))
    return value


def _like(structure, parts):
    """A tuple, list or named tuple of these parts."""
    return type(structure)(*parts) if hasattr(structure, "_fields") else type(structure)(parts)


def to_device(value):
    """A host array, or a structure of them, on the device."""
    if isinstance(value, (tuple, list)):
        return _like(value, map(to_device, value))
    return Device(np.array(value)) if isinstance(value, (np.ndarray, np.generic, float)) else value


def to_host(value):
    """A device array, or a structure of them, back."""
    if isinstance(value, (tuple, list)):
        return _like(value, map(to_host, value))
    return value._array if isinstance(value, Device) else value
