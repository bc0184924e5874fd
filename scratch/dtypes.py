"""What counts as a dtype argument: NumPy's, its name, or torch's."""

from __future__ import annotations

import numpy as np


def as_dtype(dtype) -> np.dtype:
    """`"float64"`, `np.float64`, `torch.float64` -> `np.dtype("float64")`; `None` -> float32, as torch's default.

    Raises TypeError for anything that is no floating-point dtype NumPy has.
    """
    if dtype is None:
        return np.dtype(np.float32)
    try:
        found = np.dtype(str(dtype).removeprefix("torch.") if type(dtype).__module__ == "torch" else dtype)
    except TypeError:
        found = None
    if found is None or found.kind != "f":
        raise TypeError(f"dtype must be a floating-point dtype such as 'float32' or np.float64, but is {dtype!r}")
    return found


def check_device(device) -> None:
    """Modules are made on the CPU; torch's `device` argument is accepted where it says so."""
    if device is not None and str(device) != "cpu":
        raise ValueError(f"device must be None or 'cpu' when a module is made, but is {device!r}")


def as_array(value, name: str) -> np.ndarray:
    """A NumPy array from an array or a torch tensor, without importing torch; numbers only."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    elif hasattr(value, "data") and hasattr(value, "requires_grad"):
        value = value.data
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be an array of numbers, but has dtype {array.dtype} ({type(value).__name__})")
    return array
