"""Convolution of images with few channels, and of many small images: a window of image rows is a matrix as it lies.

A copy of the image for each kernel column only, with the image's rows outermost: what the R kernel rows see for one row
of the output is then one contiguous piece of memory, the matrix (R S C, Q n) of one product with a long sum. All R S
shifted copies (im2col) are never made; those of S are made again in the backward, which needs no more than x. Small
images lie with the batch innermost, so that copies are long runs and products wide: n images at a time.

Axes as in convolution_columns.py; n images of a block.
"""

from __future__ import annotations

import math

import numpy as np

from scratch.convolution import ConvSaved
from scratch.kernels import blocks
from scratch.kernels.convolution_columns import (
    add_bias,
    bias_gradient,
    columns_of,
    in_order,
    over_volumes,
    suits,
    volumes,
)
from scratch.sliding import checked_geometry

LARGE = 16  # images a batch from which small ones are worth turning around
FEW = 8192  # numbers in the windows of one image up to which many images together beat one after the other
TOGETHER = 16  # at least so many small images a block
WIDE = 64  # outputs a row from which one image alone makes a product that is wide enough


class Windows:
    """windows[f, u, j, c, q, n] = padded x[n, c, u * dilation + f, q * stride + j * dilation].

    The rows are sorted by their remainder, so that the R rows which an output row sees follow each other.
    """

    def __init__(self, x, kernel, g):
        self.channels, self.dtype = x.shape[1], x.dtype
        self.columns = columns_of(x.shape[2:], kernel, g, rows_stride=g.dilation[1])
        d, S, _, Hr, Q = self.columns.shape
        self.shape = d, Hr, S, self.channels, Q
        row = S * self.channels  # rows of the matrix for each row of the image
        starts = [p * g.stride[1] for p in range(g.out[1])]
        self.rows = [slice(a, a + kernel[1] * row) for a in ((h % d * Hr + h // d) * row for h in starts)]
        self.together = 1 if Q >= WIDE else max(TOGETHER, blocks.BLOCK // math.prod(self.shape))

    def parts(self, lo, hi):
        """For the images of [lo, hi): (which, their windows as zeros, the same as matrix (d Hr S C, Q n))."""
        windows = None
        for a in range(lo, hi, self.together):
            n = min(self.together, hi - a)
            if windows is None or windows.shape[-1] != n:
                windows = np.zeros((*self.shape, n), self.dtype)
            yield slice(a, a + n), windows, windows.reshape(-1, windows.shape[-2] * n)

    def copy(self, images, windows):
        self.columns.copy(batch_last(images), as_columns(windows))

    def add_back(self, windows, images):
        """images = the transpose of `copy`"""
        total = np.zeros((*images.shape[1:], len(images)), images.dtype)
        self.columns.add_back(as_columns(windows), total)
        turn(total.reshape(-1, len(images)), images.reshape(len(images), -1))


def as_columns(windows):
    """(d, Hr, S, C, Q, n) -> (d, C, S, 1, Hr, Q, n), as Columns wants them; a view"""
    return windows.transpose(0, 3, 2, 1, 4, 5)[:, :, :, None]


def batch_last(a):
    """(n, *) -> (*, n), contiguous"""
    if len(a) == 1:
        return np.ascontiguousarray(a).reshape(*a.shape[1:], 1)
    turned = np.empty((*a.shape[1:], len(a)), a.dtype)
    rows, columns = a.reshape(len(a), -1), turned.reshape(-1, len(a))
    for i in range(0, len(columns), 256):
        columns[i : i + 256] = rows[:, i : i + 256].T
    return turned


def turn(a, out):
    """out = a transposed, in half the time of transposing all of a at once."""
    for i in range(0, len(a), 256):
        out[:, i : i + 256] = a[i : i + 256].T


def windows_forward(name, axes, x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    g = checked_geometry(name, axes, x.shape, weight.shape, bias, stride, padding, dilation, groups)
    images, (F, C, _, R, S) = volumes(x), volumes(weight).shape
    layout = Windows(images, (1, R, S), over_volumes(g))
    w = np.ascontiguousarray(weight.reshape(F, C, R, S).transpose(0, 2, 3, 1)).reshape(F, -1)  # (F, R S C)
    y = np.empty((len(x), F, math.prod(g.out)), x.dtype)

    def task(lo, hi):
        for some, windows, matrix in layout.parts(lo, hi):
            layout.copy(images[some], windows)
            shape = F, len(layout.rows), matrix.shape[1]  # (F, P, Q n)
            single = windows.shape[-1] == 1
            product = y[some].reshape(shape) if single else np.empty(shape, x.dtype)
            for p, rows in enumerate(layout.rows):
                np.matmul(w, matrix[rows], out=product[:, p])  # (F, R S C) @ (R S C, Q n)
            add_bias(product[None], bias)
            if not single:
                turn(product.reshape(-1, windows.shape[-1]), y[some].reshape(windows.shape[-1], -1))

    blocks.multiply(task, len(x), y.size * w.shape[1])
    return y.reshape(len(x), F, *g.out), ConvSaved(x, weight, g)


def windows_backward(axes, dy, saved, needs=(True, True, True)):
    x, weight, g = volumes(saved.x), saved.weight, over_volumes(saved.geometry)
    F, C, _, R, S = volumes(weight).shape
    layout = Windows(x, (1, R, S), g)
    w = np.ascontiguousarray(weight.reshape(F, C, R, S).transpose(2, 3, 1, 0)).reshape(-1, F)  # (R S C, F)
    dy = np.ascontiguousarray(dy).reshape(len(dy), F, g.out[1], -1)
    dx = np.empty(x.shape, x.dtype) if needs[0] else None
    parts = {}

    def task(lo, hi):
        dw = np.zeros(w.shape, w.dtype)
        product = np.empty_like(dw)
        for some, windows, matrix in layout.parts(lo, hi):
            d = batch_last(dy[some]).reshape(F, len(layout.rows), -1)  # (F, P, Q n)
            if needs[1]:
                layout.copy(x[some], windows)
                for p, rows in enumerate(layout.rows):
                    dw += np.matmul(matrix[rows], d[:, p].T, out=product)  # the longer side first, as BLAS likes it
            if dx is not None:
                windows[...] = 0
                spread = np.empty((len(w), d.shape[2]), x.dtype)
                for p, rows in enumerate(layout.rows):
                    matrix[rows] += np.matmul(w, d[:, p], out=spread)
                layout.add_back(windows, dx[some])
                windows[...] = 0
        parts[lo] = dw

    if needs[0] or needs[1]:
        blocks.multiply(task, len(x), dy.size * len(w))
    dx = None if dx is None else dx.reshape(saved.x.shape)
    dweight = None
    if needs[1]:
        dweight = np.ascontiguousarray(in_order(parts).reshape(R, S, C, F).transpose(3, 2, 0, 1)).reshape(weight.shape)
    return dx, dweight, bias_gradient(dy) if needs[2] else None


def suit_windows(axes, x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Few channels and long rows, or small in every respect: few filters, and many small images."""
    if axes == 3 or not suits(x, weight, axes) or groups != 1 or 0 in weight.shape:
        return False
    if x.shape[1] <= 8 and x.shape[-1] >= 2 * WIDE:
        return True
    small = len(weight) <= 16 and x[0].size * weight.shape[-1] <= FEW
    return len(x) >= LARGE and small and weight[0].size >= 2 * len(weight)
