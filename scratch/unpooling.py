"""Max unpooling: every value back to the place its maximum was found at, zero elsewhere.

Axes: N batch (may be left out), C channels, then one to three spatial axes, `*P` in the pooled input and `*L` in the
output. Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2013.
Twin: torch_ref/unpooling.py. Pairs: parity_tests/pairs/unpooling.py.
"""

from __future__ import annotations

from math import prod

import numpy as np

from scratch.module import Module
from scratch.op import Op, on_device_of
from scratch.pooling import check_spatial, per_axis


def _unpooled_size(name, n, x, kernel_size, stride, padding, output_size):
    """*L: what the pooling came from, if nothing was left over; else as given, less than a stride away from that."""
    kernel = per_axis(name, "kernel_size", kernel_size, n)
    strides = kernel if stride is None or stride in ((), []) else per_axis(name, "stride", stride, n)
    paddings = per_axis(name, "padding", padding, n)
    default = tuple((p - 1) * s - 2 * pad + k for p, s, pad, k in zip(x.shape[-n:], strides, paddings, kernel))
    if output_size is None:
        return default
    sizes = tuple(output_size)
    if len(sizes) == n + 2:
        sizes = sizes[2:]
    if len(sizes) != n:
        raise ValueError(f"{name}: output_size must have {n} or {n + 2} elements, but is {tuple(output_size)}")
    if not all(abs(size - d) < s for size, d, s in zip(sizes, default, strides)):
        raise ValueError(f"{name}: output_size must be less than stride {strides} from {default}, but is {sizes}")
    return sizes


def _max_unpool(name, n, x, indices, kernel_size, stride, padding, output_size):
    check_spatial(name, n, x)
    outputs = _unpooled_size(name, n, x, kernel_size, stride, padding, output_size)
    if indices.shape != x.shape or indices.dtype != np.int64:
        raise ValueError(
            f"{name}: indices must be int64 of x's shape {x.shape}, as max_pool{n}d(..., return_indices=True) returns "
            f"them, but are {indices.dtype} {indices.shape}"
        )
    length = prod(outputs)
    if indices.size and (int(indices.min()) < 0 or int(indices.max()) >= length):
        raise ValueError(
            f"{name}: indices must be between 0 and {length - 1} for an output {outputs}, but go from "
            f"{int(indices.min())} to {int(indices.max())}; give output_size=..."
        )
    leading, places = x.shape[:-n], _places(indices, n, length)
    y = np.zeros_like(x, shape=(prod(leading) * length,))
    y[places] = x
    return y.reshape(*leading, *outputs), places


def _places(indices, n, length):
    """Indices into one plane -> into all planes."""
    leading = indices.shape[:-n]
    return indices + on_device_of(indices, np.arange(prod(leading)).reshape(*leading, *[1] * n) * length)


def max_unpool_backward(dy, places):
    """dy (..., *L) -> dx (..., *P), None for the indices"""
    # y[places] = x
    return dy.reshape(-1)[places], None


def max_unpool1d_forward(x, indices, kernel_size, stride=None, padding=0, output_size=None):
    """x (N, C, P) or (C, P) back into (N, C, L) or (C, L); see `max_unpool2d`."""
    return _max_unpool("max_unpool1d", 1, x, indices, kernel_size, stride, padding, output_size)


def max_unpool2d_forward(x, indices, kernel_size, stride=None, padding=0, output_size=None):
    """y[n, c, indices[n, c, p, q]] = x[n, c, p, q] in the flattened spatial axes, and 0 elsewhere.

    Undoes `max_pool2d` but for what was not a maximum. Where two of x have one index, the later one stays, and both
    get its gradient, as in torch.

    Parameters
    ----------
    x : (N, C, P, Q) or (C, P, Q) floating point. indices : int64 of x's shape, as from `return_indices`.
    kernel_size, stride, padding : those of the pooling; int, or one for each spatial axis.
    output_size : (H, W), or a whole shape (N, C, H, W), where it is not (P - 1)·stride - 2·padding + kernel_size;
        less than one stride away from that.

    Returns
    -------
    y : (N, C, H, W) or (C, H, W). backward : dy -> dx, of x's shape.

    Raises
    ------
    ValueError : wrong number of axes, indices of another shape or dtype or out of range, impossible output_size.

    Examples
    --------
    >>> y, backward = max_unpool1d(np.array([[5.0]]), np.array([[1]]), 2)
    >>> y
    array([[0., 5.]])
    >>> backward(np.array([[3.0, 4.0]]))
    array([[4.]])
    """
    return _max_unpool("max_unpool2d", 2, x, indices, kernel_size, stride, padding, output_size)


def max_unpool3d_forward(x, indices, kernel_size, stride=None, padding=0, output_size=None):
    """x (N, C, *P) or (C, *P) back into (N, C, D, H, W) or (C, D, H, W); see `max_unpool2d`."""
    return _max_unpool("max_unpool3d", 3, x, indices, kernel_size, stride, padding, output_size)


max_unpool1d = Op(max_unpool1d_forward, max_unpool_backward, arrays=("x", "indices"), indices=("indices",))
max_unpool2d = Op(max_unpool2d_forward, max_unpool_backward, arrays=("x", "indices"), indices=("indices",))
max_unpool3d = Op(max_unpool3d_forward, max_unpool_backward, arrays=("x", "indices"), indices=("indices",))


class _MaxUnpool(Module):
    op: Op
    n: int

    def __init__(self, kernel_size, stride=None, padding=0):
        name = type(self).__name__
        self.kernel_size = per_axis(name, "kernel_size", kernel_size, self.n)
        self.stride = per_axis(name, "stride", kernel_size if stride is None else stride, self.n)
        self.padding = per_axis(name, "padding", padding, self.n)

    def forward(self, x, indices, output_size=None):
        return self.op(x, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """Values back to the places of their maxima; see `functional.max_unpool2d`."""

    op, n = max_unpool1d, 1


class MaxUnpool2d(_MaxUnpool):
    """Values back to the places of their maxima; see `functional.max_unpool2d`."""

    op, n = max_unpool2d, 2


class MaxUnpool3d(_MaxUnpool):
    """Values back to the places of their maxima; see `functional.max_unpool2d`."""

    op, n = max_unpool3d, 3
