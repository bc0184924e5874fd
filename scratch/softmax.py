"""Softmax, log-softmax and what is made of them, along one axis.

Axes: D the axis `dim` that is normalised; the others are only carried along.
Twin: torch_ref/softmax.py. Pair: parity_tests/pairs/softmax.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from scratch import random
from scratch.dtypes import as_dtype
from scratch.module import Module
from scratch.op import Op, on_device_of


class SoftmaxSaved(NamedTuple):
    """What the backwards of softmax and log_softmax need, and nothing else."""

    y: np.ndarray
    axis: int | tuple[()]
    dtype: np.dtype  # of x, which dx gets back


def checked_axis(name, x, dim):
    """`dim` as an axis of x; `()` for a single number; `None` chosen by torch's old rule."""
    if dim is None:
        dim = 0 if x.ndim in (0, 1, 3) else 1
    if not -max(x.ndim, 1) <= dim < max(x.ndim, 1):
        raise ValueError(f"{name}: dim {dim} is out of range for x {x.shape}")
    return dim if x.ndim else ()


def _shifted(x, axis):
    """x minus its largest value along the axis, which changes no softmax and keeps e^x from overflowing."""
    return x - x.max(axis=axis, keepdims=True) if x.size else x.copy()


def softmax_forward(x, dim=None, dtype=None):
    """Softmax: y = eˣ / Σ eˣ, the sum along `dim`.

    Parameters
    ----------
    x : any shape. dim : the axis that sums to 1; None is torch's old rule: 0 for 0, 1 or 3 axes, else 1.
    dtype : x is converted to it first; y has it, dx has x's own.

    Returns
    -------
    y : as x. backward : dy -> dx = y · (dy - Σ dy · y).

    A slice that holds nan or +inf, or nothing but -inf, becomes nan, as torch's.
    Raises ValueError if x has no axis dim. TypeError if dtype is no floating-point dtype.

    Examples
    --------
    >>> y, backward = softmax(np.array([0.0, 0.0]), dim=0)
    >>> y, backward(np.array([1.0, 0.0]))
    (array([0.5, 0.5]), array([ 0.25, -0.25]))
    """
    axis = checked_axis("softmax", x, dim)
    z = x if dtype is None else x.astype(as_dtype(dtype))
    e = np.exp(_shifted(z, axis))
    y = e / e.sum(axis=axis, keepdims=True)
    return y, SoftmaxSaved(y, axis, x.dtype)


def softmax_backward(dy, saved):
    y, axis, dtype = saved
    # y_i = e_i / Σ e: dy_i/dx_j = y_i (δ_ij - y_j)
    dx = y * (dy - (dy * y).sum(axis=axis, keepdims=True))
    return dx.astype(dtype, copy=False)


softmax = Op(softmax_forward, softmax_backward, arrays=("x",))


def log_softmax_forward(x, dim=None, dtype=None):
    """Log-softmax: y = x - log Σ eˣ, the sum along `dim`; exact where softmax would round to 0.

    Parameters, results and errors as softmax's; backward : dy -> dx = dy - eʸ · Σ dy.

    Examples
    --------
    >>> y, backward = log_softmax(np.array([0.0, -1000.0]), dim=0)
    >>> y, backward(np.array([0.0, 1.0]))
    (array([    0., -1000.]), array([-1.,  1.]))
    """
    axis = checked_axis("log_softmax", x, dim)
    shifted = _shifted(x if dtype is None else x.astype(as_dtype(dtype)), axis)
    y = shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
    return y, SoftmaxSaved(y, axis, x.dtype)


def log_softmax_backward(dy, saved):
    y, axis, dtype = saved
    # y = x - log Σ eˣ, and the slope of log Σ eˣ is softmax(x) = eʸ
    dx = dy - np.exp(y) * dy.sum(axis=axis, keepdims=True)
    return dx.astype(dtype, copy=False)


log_softmax = Op(log_softmax_forward, log_softmax_backward, arrays=("x",))


def softmin_forward(x, dim=None, dtype=None):
    """Softmin: softmax of -x. Parameters, results and errors as softmax's."""
    return softmax_forward(-x, dim, dtype)


def softmin_backward(dy, saved):
    return -softmax_backward(dy, saved)


softmin = Op(softmin_forward, softmin_backward, arrays=("x",))


class GumbelSoftmaxSaved(NamedTuple):
    """What gumbel_softmax_backward needs, and nothing else."""

    softmax: SoftmaxSaved
    tau: float


def gumbel_softmax_forward(logits, tau=1, hard=False, eps=1e-10, dim=-1, rng=None):
    """A random choice that can be differentiated: y = softmax((logits + g) / tau) with noise g = -log(-log U(0, 1)).

    The largest logit + g is at i with probability softmax(logits)_i; the smaller tau, the nearer y is to that choice.

    Parameters
    ----------
    logits : any shape. tau : temperature. dim : the axis of the choices. eps : accepted and ignored.
    hard : whether y is the choice itself, 1 at the largest place and 0 elsewhere; the backward remains that of the
        soft y ("straight through").
    rng : numpy.random.Generator, a seed (each call with it draws the same noise), or None for the shared generator.

    Returns
    -------
    y : as logits. backward : dy -> dlogits.

    Raises ValueError if logits has no axis dim. Source: Jang, Gu, Poole, 2016; Maddison, Mnih, Teh, 2016.
    """
    axis = checked_axis("gumbel_softmax", logits, dim)
    noise = random.generator(rng).gumbel(size=logits.shape)
    noise = on_device_of(logits, np.asarray(noise, dtype=logits.dtype))
    y, saved = softmax_forward((logits + noise) / tau, dim)
    if hard and logits.ndim:
        along = [-1 if i == axis % y.ndim else 1 for i in range(y.ndim)]
        places = on_device_of(y, np.arange(y.shape[axis]).reshape(along))
        y = (places == y.argmax(axis=axis, keepdims=True)).astype(y.dtype)  # the first of several largest
    return y, GumbelSoftmaxSaved(saved, tau)


def gumbel_softmax_backward(dy, saved):
    # y = softmax((logits + g) / tau)
    return softmax_backward(dy, saved.softmax) / saved.tau


gumbel_softmax = Op(gumbel_softmax_forward, gumbel_softmax_backward)


class Softmax(Module):
    """y = eˣ / Σ eˣ along the axis dim."""

    def __init__(self, dim: int | None = None):
        self.dim = dim

    def forward(self, x):
        return softmax(x, self.dim)

    def extra_repr(self):
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """y = x - log Σ eˣ along the axis dim."""

    def __init__(self, dim: int | None = None):
        self.dim = dim

    def forward(self, x):
        return log_softmax(x, self.dim)

    def extra_repr(self):
        return f"dim={self.dim}"


class Softmin(Module):
    """Softmax of -x along the axis dim."""

    def __init__(self, dim: int | None = None):
        self.dim = dim

    def forward(self, x):
        return softmin(x, self.dim)

    def extra_repr(self):
        return f"dim={self.dim}"


class Softmax2d(Module):
    """Softmax over the channels of x (N, C, H, W) or (C, H, W), at each place by itself.

    Raises ValueError for another number of axes.
    """

    def forward(self, x):
        if x.ndim not in (3, 4):
            raise ValueError(f"Softmax2d: x must be (N, C, H, W) or (C, H, W), but is {x.shape}")
        return softmax(x, -3)
