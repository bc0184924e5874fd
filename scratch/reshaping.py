"""Layers that only move values: flatten, unflatten, identity.

Twin: torch_ref/reshaping.py. Pairs: parity_tests/pairs/reshaping.py.
"""

from __future__ import annotations

from math import prod

from scratch.module import Module
from scratch.op import Op


def _axis(name: str, option: str, axis: int, ndim: int) -> int:
    """A negative axis counted from the end."""
    if not -max(ndim, 1) <= axis < max(ndim, 1):
        raise ValueError(f"{name}: {option}={axis} is out of range for an x with {ndim} axes")
    return axis % max(ndim, 1)


def _reshape_backward(dy, shape):
    """A reshape moves nothing in row-major order: dx is dy in x's shape (copied: it belongs to the caller)."""
    return dy.reshape(shape).copy()


def flatten_forward(x, start_dim=0, end_dim=-1):
    """The axes start_dim to end_dim (both included) of x as one axis, as torch.flatten.

    Parameters
    ----------
    x : any shape, floating point; without any axis it becomes (1,).

    Returns
    -------
    y : x.shape[:start_dim] + (their product,) + x.shape[end_dim + 1:]. backward : dy -> dx, of x's shape.

    Raises
    ------
    ValueError : an axis is out of range, or start_dim comes after end_dim.

    Examples
    --------
    >>> import numpy as np
    >>> flatten(np.zeros((2, 3, 4)), start_dim=1)[0].shape
    (2, 12)
    """
    start, end = _axis("flatten", "start_dim", start_dim, x.ndim), _axis("flatten", "end_dim", end_dim, x.ndim)
    if start > end:
        raise ValueError(f"flatten: start_dim={start_dim} comes after end_dim={end_dim} for x {x.shape}")
    shape = (*x.shape[:start], prod(x.shape[start : end + 1]), *x.shape[end + 1 :])
    return x.reshape(shape).copy(), x.shape


def unflatten_forward(x, dim, sizes):
    """The axis dim of x as several axes, as torch.unflatten: the inverse of flatten.

    Parameters
    ----------
    x : any shape, floating point. sizes : tuple of ints whose product is x.shape[dim]; one of them may be -1.

    Returns
    -------
    y : x.shape[:dim] + sizes + x.shape[dim + 1:]. backward : dy -> dx, of x's shape.

    Raises
    ------
    ValueError : dim is out of range, or sizes do not multiply to x.shape[dim].
    """
    axis = _axis("unflatten", "dim", dim, x.ndim)
    sizes, length = tuple(sizes), x.shape[axis] if x.ndim else 1
    known = prod(size for size in sizes if size != -1)
    if sizes.count(-1) == 1 and known > 0 and length % known == 0:
        sizes = tuple(length // known if size == -1 else size for size in sizes)
    if not sizes or min(sizes) < 0 or prod(sizes) != length:
        raise ValueError(f"unflatten: sizes {sizes} do not multiply to the {length} of x {x.shape} along dim={dim}")
    return x.reshape(*x.shape[:axis], *sizes, *x.shape[axis + 1 :]).copy(), x.shape


flatten = Op(flatten_forward, _reshape_backward, arrays=("x",))
unflatten = Op(unflatten_forward, _reshape_backward, arrays=("x",))


def identity_forward(x):
    """y = x, a copy. torch has no such function; it returns x itself from nn.Identity."""
    return x.copy(), None


def identity_backward(dy, saved):
    """dy -> dx, a copy"""
    return dy.copy()


identity = Op(identity_forward, identity_backward)


class Flatten(Module):
    """The axes start_dim to end_dim as one: (N, C, H, W) -> (N, C·H·W) by default."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1):
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x):
        return flatten(x, self.start_dim, self.end_dim)

    def extra_repr(self):
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """The axis dim as several axes: Unflatten(1, (C, H, W)) makes images of rows (N, C·H·W).

    torch's named tensors, and so a dim given by name, are left out.
    """

    def __init__(self, dim: int, unflattened_size: tuple[int, ...]):
        if not isinstance(dim, int):
            raise TypeError(f"Unflatten: dim must be an int, but is {dim!r}")
        if not isinstance(unflattened_size, (tuple, list)) or not all(isinstance(n, int) for n in unflattened_size):
            raise TypeError(f"Unflatten: unflattened_size must be a tuple of ints, but is {unflattened_size!r}")
        self.dim, self.unflattened_size = dim, unflattened_size

    def forward(self, x):
        return unflatten(x, self.dim, self.unflattened_size)

    def extra_repr(self):
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


class Identity(Module):
    """y = x, whatever arguments it is made with: a placeholder."""

    def __init__(self, *args, **kwargs):
        pass

    def forward(self, x):
        return identity(x)
