"""Depthwise convolution on the CPU: one channel a group, so there is no matrix to multiply with.

A kernel row of S elements is a vector, and what it sees of a map S runs of memory of the column copies: their product
reads each run once, where S products and sums would read and write the output S times as well. Many maps, of several
images, go in one step. Axes as in convolution_columns.py.
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
    flipped,
    over_volumes,
    suits,
    volumes,
)
from scratch.kernels.products import dots
from scratch.sliding import checked_geometry

TOGETHER = 1 << 20  # items of the columns a step: shorter calls leave nothing for a second thread


class Maps:
    """All N C maps of images or volumes one after the other, taken some at a time, with their columns."""

    def __init__(self, x, kernel, g):
        N, C, *sizes = x.shape
        self.maps, self.dtype = x.reshape(N * C, *sizes), x.dtype
        self.layout = columns_of(tuple(sizes), kernel, g)
        self.together = max(1, TOGETHER // math.prod(self.layout.shape))

    def parts(self, lo, hi):
        """For the maps of [lo, hi): (which, their columns)."""
        columns = self.layout.zeros(min(self.together, hi - lo), self.dtype)
        for a in range(lo, hi, self.together):
            b = min(a + self.together, hi)
            yield slice(a, b), columns[:, : b - a]


def correlated(x, weight, g):
    """y (N C, O, 1, P Q)"""
    N, C, K, R, S = len(x), len(weight), *weight.shape[2:]
    maps = Maps(x, (K, R, S), g)
    rows = np.tile(weight.reshape(C, K * R, 1, 1, S), (N, 1, 1, 1, 1))
    y = np.empty((N * C, g.out[0], 1, maps.layout.length), x.dtype)

    def task(lo, hi):
        product = np.empty((min(maps.together, hi - lo), *y.shape[1:]), x.dtype)
        for some, columns in maps.parts(lo, hi):
            maps.layout.copy(maps.maps[some], columns)
            for i, seen in enumerate(maps.layout.seen(columns)):
                into = product[: columns.shape[1]] if i else y[some]
                np.matmul(rows[some, i], seen.swapaxes(1, 2), out=into)  # (1, S) @ (S, P Q)
                if i:
                    y[some] += into

    blocks.multiply(task, N * C, 8 * y.size * weight[0].size)
    return y


def depthwise_forward(name, axes, x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    g = checked_geometry(name, axes, x.shape, weight.shape, bias, stride, padding, dilation, groups)
    y = correlated(volumes(x), volumes(weight), over_volumes(g)).reshape(*x.shape[:2], *g.out)
    add_bias(y, bias)
    return y, ConvSaved(x, weight, g)


def depthwise_backward(axes, dy, saved, needs=(True, True, True)):
    x, weight, g = volumes(saved.x), volumes(saved.weight), over_volumes(saved.geometry)
    dy = volumes(np.ascontiguousarray(dy))
    dx = dweight = None
    if needs[0]:
        back = flipped(weight, g, x.shape[2:])
        if back is None:
            dx = scattered_gradient(x, weight, dy, g)
        else:
            dx = correlated(dy, weight[..., ::-1, ::-1, ::-1], back)
        dx = dx.reshape(saved.x.shape)
    if needs[1]:
        dweight = weight_gradient(x, weight.shape, dy, g).reshape(saved.weight.shape)
    return dx, dweight, bias_gradient(dy) if needs[2] else None


def scattered_gradient(x, weight, dy, g):
    """dx, any stride: every kernel element's product is added where the forward has read, then the copies are added."""
    N, C, K, R, S = len(x), len(weight), *weight.shape[2:]
    maps = Maps(x, (K, R, S), g)
    elements = np.tile(weight.reshape(C, K * R, S, 1, 1), (N, 1, 1, 1, 1))
    dy = dy.reshape(N * C, g.out[0], -1)
    dx = np.zeros(maps.maps.shape, x.dtype)

    def task(lo, hi):
        product = np.empty((min(maps.together, hi - lo), *dy.shape[1:]), x.dtype)
        for some, dcolumns in maps.parts(lo, hi):
            dcolumns[...] = 0
            for i, seen in enumerate(maps.layout.seen(dcolumns)):
                for j, run in enumerate(seen.swapaxes(0, 1)):
                    run += np.multiply(dy[some], elements[some, i, j], out=product[: len(run)])
            maps.layout.add_back(dcolumns, dx[some])

    blocks.multiply(task, N * C, 8 * dy.size * weight[0].size)
    return dx


def weight_gradient(x, shape, dy, g):
    N, C, K, R, S = len(x), shape[0], *shape[2:]
    maps = Maps(x, (K, R, S), g)
    dy = dy.reshape(N * C, g.out[0], -1)
    dw = np.empty((N * C, K * R, S), x.dtype)

    def task(lo, hi):
        for some, columns in maps.parts(lo, hi):
            maps.layout.copy(maps.maps[some], columns)
            for i, seen in enumerate(maps.layout.seen(columns)):
                for j, run in enumerate(seen.swapaxes(0, 1)):
                    dw[some, i, j] = dots(dy[some], run).sum(axis=1)

    blocks.multiply(task, N * C, 8 * dy.size * math.prod(shape[1:]))
    return dw.reshape(N, *shape).sum(axis=0)


def is_depthwise(axes, x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return suits(x, weight, axes) and groups > 1 and len(weight) == x.shape[1] == groups and 0 not in weight.shape
