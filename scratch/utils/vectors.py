"""All parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from scratch.parameter import Parameter


def parameters_to_vector(parameters: Iterable[Parameter]):
    """One vector of all the parameters' values, one after the other; a copy."""
    return np.concatenate([p.data.reshape(-1) for p in parameters])


def vector_to_parameters(vec, parameters: Iterable[Parameter]) -> None:
    """Write the vector's values into the parameters, in place.

    Raises TypeError unless vec is an array, ValueError unless it has exactly as many values as the parameters; torch
    lets a vector that is too long pass.
    """
    if not hasattr(vec, "__array_function__"):
        raise TypeError(f"vector_to_parameters: vec must be an array, but is a {type(vec).__name__}")
    parameters = list(parameters)
    size = sum(p.size for p in parameters)
    if vec.shape != (size,):
        raise ValueError(f"vector_to_parameters: vec must have shape ({size},), but has {vec.shape}")
    start = 0
    for p in parameters:
        p.data[...] = vec[start : start + p.size].reshape(p.shape)
        p.changed()
        start += p.size
