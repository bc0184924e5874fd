"""Layers that only move values: flatten, unflatten, identity, and shuffles of channels and pixels.

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


# ---------------------------------------------------------------------- channels and pixels


def pixel_shuffle_forward(x, upscale_factor):
    """r² channels become one channel on a grid r times as fine: y[c, h·r + i, w·r + j] = x[c·r² + i·r + j, h, w].

    Parameters
    ----------
    x : (*, C·r², H, W) floating point. upscale_factor : r.

    Returns
    -------
    y : (*, C, H·r, W·r). backward : dy -> dx, of x's shape.

    Raises
    ------
    ValueError : fewer than three axes, r less than 1, channels that r² does not divide.

    Source: Shi et al., "Real-Time Single Image and Video Super-Resolution", 2016.
    """
    r = upscale_factor
    if x.ndim < 3 or r < 1 or x.shape[-3] % (r * r):
        raise ValueError(f"pixel_shuffle: x must be (*, C·r², H, W) for upscale_factor r={r}, but is {x.shape}")
    return _shuffle(x, r), r


def pixel_shuffle_backward(dy, r):
    """dy (*, C, H·r, W·r) -> dx (*, C·r², H, W): the inverse permutation"""
    return _unshuffle(dy, r)


def pixel_unshuffle_forward(x, downscale_factor):
    """The inverse of `pixel_shuffle`: y[c·r² + i·r + j, h, w] = x[c, h·r + i, w·r + j].

    Parameters
    ----------
    x : (*, C, H·r, W·r) floating point. downscale_factor : r.

    Returns
    -------
    y : (*, C·r², H, W). backward : dy -> dx, of x's shape.

    Raises
    ------
    ValueError : fewer than three axes, r less than 1, a height or width that r does not divide.
    """
    r = downscale_factor
    if x.ndim < 3 or r < 1 or x.shape[-2] % r or x.shape[-1] % r:
        raise ValueError(f"pixel_unshuffle: x must be (*, C, H·r, W·r) for downscale_factor r={r}, but is {x.shape}")
    return _unshuffle(x, r), r


def pixel_unshuffle_backward(dy, r):
    """dy (*, C·r², H, W) -> dx (*, C, H·r, W·r): the inverse permutation"""
    return _shuffle(dy, r)


def _shuffle(x, r):
    *batch, channels, h, w = x.shape
    blocks = x.reshape(prod(batch), channels // r**2, r, r, h, w)  # (*, C, i, j, H, W)
    return blocks.transpose(0, 1, 4, 2, 5, 3).copy().reshape(*batch, channels // r**2, h * r, w * r)


def _unshuffle(x, r):
    *batch, channels, h, w = x.shape
    blocks = x.reshape(prod(batch), channels, h // r, r, w // r, r)  # (*, C, H, i, W, j)
    return blocks.transpose(0, 1, 3, 5, 2, 4).copy().reshape(*batch, channels * r**2, h // r, w // r)


pixel_shuffle = Op(pixel_shuffle_forward, pixel_shuffle_backward, arrays=("x",))
pixel_unshuffle = Op(pixel_unshuffle_forward, pixel_unshuffle_backward, arrays=("x",))


def channel_shuffle_forward(x, groups):
    """Channels in the order 0, C/g, 2C/g, ..., 1, C/g + 1, ...: one of each of the g groups in turn.

    Parameters
    ----------
    x : (N, C, *) floating point, three axes at least. groups : g, which divides C.

    Returns
    -------
    y : of x's shape. backward : dy -> dx, of x's shape.

    Raises
    ------
    ValueError : fewer than three axes, groups less than 1, channels that groups does not divide.

    Source: Zhang et al., "ShuffleNet", 2018.
    """
    if x.ndim < 3 or groups < 1 or x.shape[1] % groups:
        raise ValueError(f"channel_shuffle: x must be (N, C, *) with C divisible by groups={groups}, but is {x.shape}")
    return _deal(x, groups), groups


def channel_shuffle_backward(dy, groups):
    """dy (N, C, *) -> dx (N, C, *): C/g groups dealt out put the channels back"""
    return _deal(dy, dy.shape[1] // groups)


def _deal(x, groups):
    n, c, *spatial = x.shape
    return x.reshape(n, groups, c // groups, *spatial).swapaxes(1, 2).copy().reshape(x.shape)


channel_shuffle = Op(channel_shuffle_forward, channel_shuffle_backward, arrays=("x",))


class PixelShuffle(Module):
    """(*, C·r², H, W) -> (*, C, H·r, W·r); see `functional.pixel_shuffle`."""

    def __init__(self, upscale_factor: int):
        self.upscale_factor = upscale_factor

    def forward(self, x):
        return pixel_shuffle(x, self.upscale_factor)

    def extra_repr(self):
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """(*, C, H·r, W·r) -> (*, C·r², H, W); see `functional.pixel_unshuffle`."""

    def __init__(self, downscale_factor: int):
        self.downscale_factor = downscale_factor

    def forward(self, x):
        return pixel_unshuffle(x, self.downscale_factor)

    def extra_repr(self):
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Channels of all groups in turn; see `functional.channel_shuffle`."""

    def __init__(self, groups: int):
        self.groups = groups

    def forward(self, x):
        return channel_shuffle(x, self.groups)

    def extra_repr(self):
        return f"groups={self.groups}"
