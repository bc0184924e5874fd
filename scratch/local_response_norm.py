"""Local response normalization: each value divided by a power of its neighbours' mean square across channels.

Axes: N batch, C channels, * one or more further axes.
Twin: torch_ref/local_response_norm.py. Pairs: parity_tests/pairs/local_response_norm.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from scratch.module import Module
from scratch.op import Op


class LocalResponseNormSaved(NamedTuple):
    """What local_response_norm_backward needs, and nothing else."""

    x: np.ndarray  # (N, C, *)
    base: np.ndarray  # (N, C, *), k + alpha · mean of the neighbours' squares
    size: int
    alpha: float
    beta: float


def channel_window_sum(values, size, before):
    """For every channel c of values (N, C, *) the sum over channels c - before ... c - before + size - 1."""
    n, channels, *further = values.shape
    padded = np.zeros_like(values, shape=(n, channels + size - 1, *further))
    padded[:, before : before + channels] = values
    return sum(padded[:, i : i + channels] for i in range(size))


def local_response_norm_forward(x, size, alpha=1e-4, beta=0.75, k=1.0):
    """Local response normalization: y = x / (k + alpha · mean of x² over `size` neighbouring channels) ** beta.

    The window reaches size // 2 channels down and (size - 1) // 2 up; channels beyond the ends count as 0, and the
    mean is over `size` channels there too.

    Parameters
    ----------
    x : (N, C, *) floating point with at least one further axis. size : int. alpha, beta, k : float.

    Returns
    -------
    y : as x. backward : dy -> dx as x.

    Raises
    ------
    ValueError : too few axes, or size < 1. TypeError : not floating point.

    Source: Krizhevsky, Sutskever, Hinton, 2012.

    Examples
    --------
    >>> y, backward = local_response_norm(np.array([[[3.0], [4.0]]]), 2, alpha=2.0, beta=0.5, k=0.0)
    >>> y.ravel()  # 3 / sqrt(0 + 9), 4 / sqrt(9 + 16)
    array([1. , 0.8])
    """
    if x.ndim < 3:
        raise ValueError(f"local_response_norm: x must be (N, C, *) with at least 3 axes, but is {x.shape}")
    if size < 1:
        raise ValueError(f"local_response_norm: size must be at least 1, but is {size}")
    base = k + alpha / size * channel_window_sum(x * x, size, size // 2)
    return x / base**beta, LocalResponseNormSaved(x, base, size, alpha, beta)


def local_response_norm_backward(dy, saved):
    """dy (N, C, *) -> dx (N, C, *)"""
    x, base, size, alpha, beta = saved
    # y = x / base**beta, through x
    dx = dy / base**beta
    # ... and through base
    dbase = -beta * dx * x / base
    # base = k + alpha / size · (x² summed over the window): channel c is in its neighbours' windows, mirrored
    return dx + 2 * alpha / size * x * channel_window_sum(dbase, size, (size - 1) // 2)


local_response_norm = Op(local_response_norm_forward, local_response_norm_backward, arrays=("x",))


class LocalResponseNorm(Module):
    """Local response normalization across channels; see `local_response_norm`."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0):
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x):
        return local_response_norm(x, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self):
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
