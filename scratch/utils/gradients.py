"""Gradients all at once: their common norm, and clipping them by it or value by value."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from scratch.parameter import Parameter


def get_total_norm(tensors: Iterable, norm_type: float = 2.0, error_if_nonfinite: bool = False) -> float:
    """The norm of all arrays taken as one vector: (Σ |g|^norm_type)^(1 / norm_type), the largest |g| for infinity.

    Computed array by array and then of the norms, each scaled by its largest value, so that nothing overflows on the
    way. 0 for no arrays. A Python float; torch gives a tensor.

    Raises RuntimeError if `error_if_nonfinite` and the norm is infinite or nan.
    """
    arrays = [tensors] if hasattr(tensors, "__array_function__") else list(tensors)
    norm_type = float(norm_type)
    norms = np.array([_norm(np.asarray(a, np.float64) if np.isscalar(a) else a, norm_type) for a in arrays])
    total = _norm(norms, norm_type) if len(norms) else 0.0
    if error_if_nonfinite and not math.isfinite(total):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients is non-finite ({total}), so it cannot be clipped; "
            "error_if_nonfinite=False scales the gradients by it anyway"
        )
    return total


def _norm(x, order: float) -> float:
    if x.size == 0:
        return 0.0
    size = abs(x)
    if order == math.inf:
        return float(size.max())
    if order == -math.inf:
        return float(size.min())
    if order == 0:
        return float((size != 0).sum())
    largest = float(size.max())
    if order < 0 or largest == 0 or not math.isfinite(largest):
        return float((size.astype(np.float64) ** order).sum() ** (1 / order))
    return largest * float(((size / largest) ** order).sum(dtype=np.float64) ** (1 / order))


def _with_gradients(parameters) -> list[Parameter]:
    parameters = [parameters] if isinstance(parameters, Parameter) else parameters
    return [p for p in parameters if p.grad is not None]


def clip_grad_norm_(
    parameters: Parameter | Iterable[Parameter],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> float:
    """Scale all gradients by max_norm / (total norm + 1e-6) if that is below 1; returns the total norm.

    The direction of the step stays, its length is bounded. `foreach` is accepted and ignored.

    Source: Pascanu, Mikolov, Bengio, "On the difficulty of training Recurrent Neural Networks", 2013.
    """
    learners = _with_gradients(parameters)
    total = get_total_norm([p.grad for p in learners], norm_type, error_if_nonfinite)
    scale = float(max_norm) / (total + 1e-6)
    if not scale >= 1:  # nan too, as torch
        for p in learners:
            p.grad = p.grad * scale
    return total


def clip_grad_value_(
    parameters: Parameter | Iterable[Parameter], clip_value: float, foreach: bool | None = None
) -> None:
    """Keep every gradient within [-clip_value, clip_value]. `foreach` is accepted and ignored."""
    clip_value = float(clip_value)
    for p in _with_gradients(parameters):
        p.grad = np.clip(p.grad, -clip_value, clip_value)
