"""Depthwise convolution on the CPU: one channel a group, so there is no matrix to multiply with.

Every kernel element multiplies one run of memory of the column copies of a map; many maps, of several images, go in one
step. Axes as in convolution_columns.py.
"""

from __future__ import annotations

import math

import numpy as np

from scratch.convolution import ConvSaved
from scratch.kernels.blocks import parallel
from scratch.kernels.convolution_columns import Columns, bias_gradient, over_volumes, suits, threads_for, volumes
from scratch.sliding import checked_geometry

TOGETHER = 1 << 18  # items of the columns a step


class Maps:
    """All N C maps one after the other, their kernels beside them, and what each kernel element sees of them."""

    def __init__(self, x, weight, g):
        N, C, *sizes = x.shape
        self.maps = x.reshape(N * C, *sizes)
        self.layout = Columns(sizes, weight.shape[2:], g)
        self.together = max(1, TOGETHER // math.prod(self.layout.shape))  # maps a step
        self.weight = np.tile(weight.reshape(C, -1, 1), (N, 1, 1))  # (N C, K R S, 1)
        self.length = math.prod(g.out[1:])

    def runs(self, columns):
        """(o, t, run): for plane o of the output, what the kernel element t sees: one run of memory a map."""
        flat = columns.reshape(*columns.shape[:3], -1)  # a view
        for o, starts in enumerate(self.layout.starts):
            t = 0
            for r, start in starts:
                for run in flat[r, :, :, start : start + self.length]:
                    yield o, t, run
                    t += 1


def depthwise_forward(name, axes, x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    g = checked_geometry(name, axes, x.shape, weight.shape, bias, stride, padding, dilation, groups)
    N, C = x.shape[:2]
    all_maps = Maps(volumes(x), volumes(weight), over_volumes(g))
    maps, layout, together, w = all_maps.maps, all_maps.layout, all_maps.together, all_maps.weight
    y = np.empty((N * C, len(layout.starts), all_maps.length), x.dtype)
    repeated_bias = None if bias is None else np.tile(bias, N)[:, None, None]

    def task(lo, hi):
        columns = layout.zeros(min(together, hi - lo), x.dtype)
        product = np.empty((columns.shape[2], y.shape[2]), x.dtype)
        for a in range(lo, hi, together):
            b = min(a + together, hi)
            layout.copy(maps[a:b], columns[:, :, : b - a])
            for o, t, run in all_maps.runs(columns[:, :, : b - a]):
                np.multiply(run, w[a:b, t], out=product[: b - a] if t else y[a:b, o])
                if t:
                    y[a:b, o] += product[: b - a]
            if repeated_bias is not None:
                y[a:b] += repeated_bias[a:b]

    parallel(task, N * C, threads_for(8 * y.size * w[0].size))
    return y.reshape(N, C, *g.out), ConvSaved(x, weight, g)


def depthwise_backward(axes, dy, saved, needs=(True, True, True)):
    x, weight, g = saved
    N, C = x.shape[:2]
    all_maps = Maps(volumes(x), volumes(weight), over_volumes(g))
    maps, layout, together, w = all_maps.maps, all_maps.layout, all_maps.together, all_maps.weight
    dy = np.ascontiguousarray(dy).reshape(N * C, -1, all_maps.length)
    dx = np.zeros(maps.shape, x.dtype) if needs[0] else None
    dw = np.zeros(w.shape[:2], x.dtype) if needs[1] else None

    def task(lo, hi):
        columns = layout.zeros(min(together, hi - lo), x.dtype)
        dcolumns = np.empty_like(columns)
        product = np.empty((columns.shape[2], dy.shape[2]), x.dtype)
        for a in range(lo, hi, together):
            b = min(a + together, hi)
            if needs[1]:
                layout.copy(maps[a:b], columns[:, :, : b - a])
                for o, t, run in all_maps.runs(columns[:, :, : b - a]):
                    dw[a:b, t] += np.vecdot(dy[a:b, o], run)
            if needs[0]:
                dcolumns[...] = 0
                for o, t, run in all_maps.runs(dcolumns[:, :, : b - a]):
                    run += np.multiply(dy[a:b, o], w[a:b, t], out=product[: b - a])
                layout.add_back(dcolumns[:, :, : b - a], dx[a:b])

    if needs[0] or needs[1]:
        parallel(task, N * C, threads_for(8 * dy.size * w[0].size))
    dx = dx.reshape(x.shape) if needs[0] else None
    dweight = dw.reshape(N, *weight.shape).sum(axis=0) if needs[1] else None
    return dx, dweight, bias_gradient(dy.reshape(N, C, -1)) if needs[2] else None


def is_depthwise(axes, x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return suits(x, weight, axes) and groups > 1 and len(weight) == x.shape[1] == groups and 0 not in weight.shape
