"""Winograd's convolution for 3x3 kernels, where it is asked for: 36 multiplications for 16 outputs instead of 144.

    y = Aᵀ [(G w Gᵀ) ⊙ (Bᵀ d B)] A      for each tile: d 6x6 of the image, w the 3x3 kernel, y 4x4 of the output

With the channels last, and each transform as one matrix over the flattened tile (the Kronecker product of B with
itself, and so on), all that is left are matrix products: 36 of them over the channels. The numbers in B and A reach 8,
so that float32 loses a digit, and an inf or nan spreads over its tile: hence only `with scratch.winograd():`.

Axes: N batch, C input channels, F filters, H W image, P tiles of an image, 36 = 6x6.
Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

import numpy as np

from scratch.kernels import blocks
from scratch.kernels.convolution_columns import add_bias, bias_gradient, in_order, suits
from scratch.sliding import Geometry, checked_geometry

B = [
    [4, 0, -5, 0, 1, 0],
    [0, -4, -4, 1, 1, 0],
    [0, 4, -4, -1, 1, 0],
    [0, -2, -1, 2, 1, 0],
    [0, 2, -1, -2, 1, 0],
    [0, 4, 0, -5, 0, 1],
]
G = [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]  # of 24
A = [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]

_asked_for: ContextVar[bool] = ContextVar("winograd", default=False)


@contextmanager
def winograd():
    """Let 3x3 convolutions with stride 1 that start inside of the `with` block go by Winograd's tiles.

    Faster where there are many channels, and in float32 less exact than every other kernel here: 5 to 13 times the
    rounding error, and an inf or nan in the input reaches the 4x4 outputs of its tile. Memory: 2.25 times x is saved.
    """
    token = _asked_for.set(True)
    try:
        yield
    finally:
        _asked_for.reset(token)


class WinogradSaved(NamedTuple):
    tiles: np.ndarray  # (N, 36, P, C), transformed
    weight: np.ndarray  # (F, C, 3, 3)
    sizes: tuple[int, int]  # H, W
    geometry: Geometry


def transform(matrix, dtype):
    """The transform of a tile's rows and columns as one matrix over the flattened tile."""
    return np.kron(matrix, matrix).astype(dtype)


def all_tiles(channels, g, dtype):
    """Zeros for an image with a border, (2 + 4 tall, 2 + 4 wide, C), and their view as tiles (6, 6, tall, wide, C)."""
    tall, wide = (-(-out // 4) for out in g.out)
    image = np.zeros((4 * tall + 2, 4 * wide + 2, channels), dtype)
    down, right, deep = image.strides
    tiles = np.lib.stride_tricks.as_strided(
        image, (6, 6, tall, wide, channels), (down, right, 4 * down, 4 * right, deep)
    )
    return image, tiles


def inside(g, sizes):
    """Where the image lies in its border."""
    return tuple(slice(before, before + size) for (before, _), size in zip(g.padding, sizes))


def winograd_forward(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Fast because a product over the channels costs a quarter of the multiplications."""
    g = checked_geometry("conv2d", 2, x.shape, weight.shape, bias, stride, padding, dilation, groups)
    (N, C, *sizes), F = x.shape, len(weight)
    (P, Q), (tall, wide) = g.out, (-(-out // 4) for out in g.out)
    w = (transform(G, x.dtype) / 576 @ weight.transpose(2, 3, 1, 0).reshape(9, -1)).reshape(36, C, F)
    transformed, y = np.empty((N, 36, tall * wide, C), x.dtype), np.empty((N, F, P, Q), x.dtype)
    to_tiles, to_outputs = transform(B, x.dtype), transform(A, x.dtype)

    def task(lo, hi):
        image, tiles = all_tiles(C, g, x.dtype)
        products = np.empty((36, tall * wide, F), x.dtype)
        grid = np.empty((tall, 4, wide, 4, F), x.dtype)
        for n in range(lo, hi):
            image[inside(g, sizes)] = x[n].transpose(1, 2, 0)
            np.matmul(to_tiles, tiles.reshape(36, -1), out=transformed[n].reshape(36, -1))
            np.matmul(transformed[n], w, out=products)  # (P, C) @ (C, F), 36 times
            outputs = to_outputs @ products.reshape(36, -1)
            grid.transpose(1, 3, 0, 2, 4)[...] = outputs.reshape(4, 4, tall, wide, F)
            y[n] = grid.reshape(4 * tall, 4 * wide, F)[:P, :Q].transpose(2, 0, 1)
            add_bias(y[n : n + 1], bias)

    blocks.multiply(task, N, y.size * C)
    return y, WinogradSaved(transformed, weight, tuple(sizes), g)


def winograd_backward(dy, saved, needs=(True, True, True)):
    """The transposes of the transforms, in reverse order."""
    transformed, weight, sizes, g = saved
    (N, _, P, C), F = transformed.shape, len(weight)
    tall, wide = (-(-out // 4) for out in g.out)
    dtype = dy.dtype
    flipped = transform(G, dtype) / 576
    w = (flipped @ weight.transpose(2, 3, 0, 1).reshape(9, -1)).reshape(36, F, C)
    from_tiles, from_outputs = transform(B, dtype).T.copy(), transform(A, dtype).T.copy()
    dx = np.empty((N, C, *sizes), dtype) if needs[0] else None
    parts = {}

    def task(lo, hi):
        dimage, dtiles = all_tiles(C, g, dtype)
        grid = np.zeros((tall, 4, wide, 4, F), dtype)
        dw = np.zeros((36, C, F), dtype)
        for n in range(lo, hi):
            grid.reshape(4 * tall, 4 * wide, F)[: g.out[0], : g.out[1]] = dy[n].transpose(1, 2, 0)
            dproducts = (from_outputs @ grid.transpose(1, 3, 0, 2, 4).reshape(16, -1)).reshape(36, P, F)
            if needs[1]:
                dw += transformed[n].swapaxes(1, 2) @ dproducts
            if dx is not None:
                spread = (from_tiles @ (dproducts @ w).reshape(36, -1)).reshape(dtiles.shape)
                dimage[...] = 0
                for i in range(6):
                    for j in range(6):
                        dtiles[i, j] += spread[i, j]
                dx[n] = dimage[inside(g, sizes)].transpose(2, 0, 1)
        parts[lo] = dw

    if needs[0] or needs[1]:
        blocks.multiply(task, N, dy.size * C)
    dweight = None
    if needs[1]:
        dweight = (flipped.T @ in_order(parts).reshape(36, -1)).reshape(3, 3, C, F).transpose(3, 2, 0, 1)
    return dx, dweight, bias_gradient(dy) if needs[2] else None


def suits_winograd(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1) -> bool:
    plain = all(option in (1, (1, 1), [1, 1]) for option in (stride, dilation)) and groups == 1
    return _asked_for.get() and plain and suits(x, weight, 2) and weight.shape[2:] == (3, 3) and 0 not in weight.shape
