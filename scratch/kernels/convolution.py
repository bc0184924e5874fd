"""Convolutions on the CPU: ways to make a convolution a few large matrix products. The first that suits is taken.

One more is taken only where it is asked for: see convolution_winograd.py.

Axes: N batch, C input channels (c of one group), D H W input, F filters, K R S kernel, O P Q output, G groups. Images
are volumes of depth 1, sequences those of height 1, too.

small maps       many weights, few outputs: all images in one product, see convolution_small.py.
pointwise        1x1 kernels: one product per image, on x as it is.
depthwise        one channel a group: see convolution_depthwise.py.
windows of rows  few channels in large images, or many small images: see convolution_windows.py.
patches          few channels: all R*S shifted copies of an image, gathered in two steps, one product with a long sum.
kernel rows      the rest: a copy of the image for each kernel column only; a kernel row is one product on a view of the
                 copies that starts so many image rows further down. Groups and small images go together in one call.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from scratch.convolution import ConvSaved, conv1d, conv2d, conv3d
from scratch.kernels import blocks
from scratch.kernels.convolution_columns import (
    Patches,
    add_bias,
    bias_gradient,
    columns_of,
    flipped,
    in_order,
    over_volumes,
    suits,
    volumes,
)
from scratch.kernels.convolution_depthwise import depthwise_backward, depthwise_forward, is_depthwise
from scratch.kernels.convolution_small import has_small_maps, small_backward, small_forward
from scratch.kernels.convolution_windows import suit_windows, windows_backward, windows_forward
from scratch.kernels.convolution_winograd import suits_winograd, winograd_backward, winograd_forward
from scratch.kernels.products import matmul
from scratch.sliding import checked_geometry

TOGETHER = 1 << 19  # items of the columns a step: shorter calls leave nothing for a second thread
FEW = 32  # filters of a group up to which a product with dyᵀ is faster with a copy of it

# ---------------------------------------------------------------------- kernel rows


def rows_forward(name, axes, x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    g = checked_geometry(name, axes, x.shape, weight.shape, bias, stride, padding, dilation, groups)
    y = np.empty((len(x), len(weight), *g.out), x.dtype)
    _rows(volumes(x), volumes(weight), bias, over_volumes(g), volumes(y))
    return y, ConvSaved(x, weight, g)


class Images:
    """Some images at a time, with their columns: enough that a call is worth its price, few enough for the cache.

    `more` is how many numbers are made for each image beside its columns.
    """

    def __init__(self, x, kernel, g, more):
        N, C, *sizes = x.shape
        self.maps, self.channels, self.groups, self.dtype = x.reshape(N * C, *sizes), C, g.groups, x.dtype
        self.layout = columns_of(tuple(sizes), tuple(kernel), g)
        self.together = max(1, TOGETHER // max(1, C * math.prod(self.layout.shape), more))

    def parts(self, lo, hi):
        """For the images of [lo, hi): (which, which maps, their columns)."""
        columns = self.layout.zeros(min(self.together, hi - lo) * self.channels, self.dtype)
        for a in range(lo, hi, self.together):
            b = min(a + self.together, hi)
            yield slice(a, b), slice(a * self.channels, b * self.channels), columns[:, : (b - a) * self.channels]

    def seen(self, columns):
        """(K R)-times (n, O, G, c S, P Q), views of the columns."""
        for seen in self.layout.seen(columns):
            C, S, O, PQ = seen.shape
            n = C // self.channels
            yield seen.reshape(n, self.groups, C // n // self.groups * S, O, PQ, copy=False).transpose(0, 3, 1, 2, 4)


def by_plane(y, g):
    """(N, F, O, P, Q) -> (N, O, G, F/G, P Q), a view"""
    N, F, O = y.shape[:3]
    return y.reshape(N, g.groups, F // g.groups, O, -1, copy=False).transpose(0, 3, 1, 2, 4)


def _rows(x, weight, bias, g, y):
    """y = the correlation of x (N, C, D, H, W) with weight (F, c, K, R, S)."""
    N, (F, c, K, R, S), G = len(x), weight.shape, g.groups
    images = Images(x, (K, R, S), g, F * math.prod(g.out))
    rows = np.ascontiguousarray(weight.transpose(2, 3, 0, 1, 4)).reshape(K * R, G, F // G, c * S)

    def task(lo, hi):
        product = np.empty((min(images.together, hi - lo), *y.shape[1:]), y.dtype)
        for some, maps, columns in images.parts(lo, hi):
            images.layout.copy(images.maps[maps], columns)
            total, more = by_plane(y[some], g), by_plane(product[: some.stop - some.start], g)
            for i, seen in enumerate(images.seen(columns)):
                # (G, F/G, c S) @ (n, O, G, c S, P Q)
                matmul(rows[i], seen, more if i else total)
                if i:
                    total += more
            add_bias(y[some], bias)

    blocks.multiply(task, N, y.size * c * K * R * S)


def rows_backward(axes, dy, saved, needs=(True, True, True)):
    x, weight, g = volumes(saved.x), volumes(saved.weight), over_volumes(saved.geometry)
    dy = volumes(np.ascontiguousarray(dy))
    dx = dweight = None
    if needs[0]:
        dx = np.empty(x.shape, x.dtype)
        back = flipped(weight, g, x.shape[2:])
        if back is None:
            _rows_dx(dy, weight, g, dx)
        else:  # filters and channels exchanged
            (F, c, *kernel), G = weight.shape, g.groups
            turned = weight.reshape(G, F // G, c, *kernel).swapaxes(1, 2)[..., ::-1, ::-1, ::-1]
            _rows(dy, turned.reshape(G * c, F // G, *kernel), None, back, dx)
        dx = dx.reshape(saved.x.shape)
    if needs[1]:
        dweight = _rows_dweight(x, dy, g, weight.shape).reshape(saved.weight.shape)
    return dx, dweight, bias_gradient(dy) if needs[2] else None


def _rows_dx(dy, weight, g, dx):
    """Any stride: every kernel row's product is added where the forward has read, then the copies are added up."""
    N, (F, c, K, R, S), G = len(dx), weight.shape, g.groups
    images = Images(dx, (K, R, S), g, 0)
    rows = np.ascontiguousarray(weight.transpose(2, 3, 1, 4, 0).reshape(K * R, c * S, G, F // G).swapaxes(1, 2))

    def task(lo, hi):
        product = np.empty((min(images.together, hi - lo), G, c * S, g.out[0], images.layout.length), dx.dtype)
        for some, maps, dcolumns in images.parts(lo, hi):
            dcolumns[...] = 0
            more = product[: some.stop - some.start].transpose(0, 3, 1, 2, 4)
            for i, seen in enumerate(images.seen(dcolumns)):
                # (G, c S, F/G) @ (n, O, G, F/G, P Q)
                seen += matmul(rows[i], by_plane(dy[some], g), more)
            images.maps[maps] = 0
            images.layout.add_back(dcolumns, images.maps[maps])

    blocks.multiply(task, N, dy.size * c * K * R * S)


def _rows_dweight(x, dy, g, shape):
    N, (F, c, K, R, S), G = len(x), shape, g.groups
    images = Images(x, (K, R, S), g, F * c * S)
    parts = {}

    def task(lo, hi):
        dw = np.zeros((K * R, G, c * S, F // G), x.dtype)
        for some, maps, columns in images.parts(lo, hi):
            images.layout.copy(images.maps[maps], columns)
            turned = by_plane(dy[some], g).swapaxes(3, 4)  # (n, O, G, P Q, F/G)
            if F // G <= FEW:
                turned = np.ascontiguousarray(turned)
            for i, seen in enumerate(images.seen(columns)):
                # the longer side first, which BLAS likes better: (n, O, G, c S, P Q) @ (n, O, G, P Q, F/G)
                dw[i] += (seen @ turned).sum(axis=(0, 1))
        parts[lo] = dw

    blocks.multiply(task, N, dy.size * c * K * R * S)
    dw = in_order(parts).reshape(K, R, G, c, S, F // G)
    return dw.transpose(2, 5, 3, 0, 1, 4).reshape(shape)


# ---------------------------------------------------------------------- patches


def patches_forward(name, axes, x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    g = checked_geometry(name, axes, x.shape, weight.shape, bias, stride, padding, dilation, groups)
    images, w = volumes(x), volumes(weight)
    F, C, *kernel = w.shape
    layout = Patches(images.shape[2:], kernel, over_volumes(g))
    w = w.reshape(F, -1)  # (F, C K R S)
    y = np.empty((len(x), F, math.prod(g.out)), x.dtype)

    def task(lo, hi):
        columns, patches = layout.buffers(C, x.dtype)
        for n in range(lo, hi):
            layout.copy(images[n], columns, patches)
            np.matmul(w, patches.reshape(w.shape[1], -1), out=y[n])
            add_bias(y[n : n + 1], bias)

    blocks.multiply(task, len(x), y.size * w.shape[1])
    return y.reshape(len(x), F, *g.out), ConvSaved(x, weight, g)


def patches_backward(axes, dy, saved, needs=(True, True, True)):
    x, weight, g = volumes(saved.x), volumes(saved.weight), over_volumes(saved.geometry)
    F, C, *kernel = weight.shape
    layout = Patches(x.shape[2:], kernel, g)
    w = weight.reshape(F, -1).T  # (C K R S, F)
    dy = np.ascontiguousarray(dy).reshape(len(dy), F, -1)
    dx = np.zeros(x.shape, x.dtype) if needs[0] else None
    parts = {}

    def task(lo, hi):
        columns, patches = layout.buffers(C, x.dtype)
        dcolumns = np.empty_like(columns)
        flat = patches.reshape(w.shape[0], -1)
        dw = np.zeros(w.shape, w.dtype)
        for n in range(lo, hi):
            if needs[1]:
                layout.copy(x[n], columns, patches)
                dw += flat @ dy[n].T
            if needs[0]:
                np.matmul(w, dy[n], out=flat)
                layout.add_back(patches, dcolumns, dx[n])
        parts[lo] = dw

    if needs[0] or needs[1]:
        blocks.multiply(task, len(x), dy.size * len(w))
    dx = dx.reshape(saved.x.shape) if needs[0] else None
    dweight = np.ascontiguousarray(in_order(parts).T).reshape(saved.weight.shape) if needs[1] else None
    return dx, dweight, bias_gradient(dy) if needs[2] else None


# ---------------------------------------------------------------------- pointwise


def pointwise_forward(name, axes, x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    g = checked_geometry(name, axes, x.shape, weight.shape, bias, stride, padding, dilation, groups)
    N, F, G = len(x), len(weight), groups
    xs, w = x.reshape(N, G, x.shape[1] // G, -1), weight.reshape(G, F // G, -1)
    y = np.empty((N, *w.shape[:2], xs.shape[3]), x.dtype)

    def task(lo, hi):
        np.matmul(w, xs[lo:hi], out=y[lo:hi])  # (G, F/G, c) @ (n, G, c, L)
        add_bias(y[lo:hi].reshape(hi - lo, F, xs.shape[3]), bias)

    blocks.multiply(task, N, x.size * (F // G))
    return y.reshape(N, F, *g.out), ConvSaved(x, weight, g)


def pointwise_backward(axes, dy, saved, needs=(True, True, True)):
    x, weight, g = saved
    N, F, G = len(x), len(weight), g.groups
    dy, xs, w = dy.reshape(N, G, F // G, -1), x.reshape(N, G, x.shape[1] // G, -1), weight.reshape(G, F // G, -1)
    dx = np.empty(xs.shape, x.dtype) if needs[0] else None
    parts = {}

    def task(lo, hi):
        if needs[0]:
            np.matmul(w.swapaxes(1, 2), dy[lo:hi], out=dx[lo:hi])
        if needs[1]:
            dw = np.zeros((G, xs.shape[2], F // G), x.dtype)
            for n in range(lo, hi):
                dw += xs[n] @ dy[n].swapaxes(1, 2)
            parts[lo] = dw

    blocks.multiply(task, N, x.size * (F // G))
    dx = dx.reshape(x.shape) if needs[0] else None
    dweight = in_order(parts).swapaxes(1, 2).reshape(weight.shape) if needs[1] else None
    return dx, dweight, bias_gradient(dy.reshape(N, F, -1)) if needs[2] else None


# ---------------------------------------------------------------------- which one when


def is_pointwise(axes, x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    plain = set(stride if isinstance(stride, (tuple, list)) else (stride,)) == {1}
    unpadded = padding in ("valid", "same") or not any(padding if isinstance(padding, (tuple, list)) else (padding,))
    return suits(x, weight, axes) and math.prod(weight.shape[2:]) == 1 and plain and unpadded


def has_few_channels(axes, x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    few = 8 if math.prod(x.shape[-2:]) >= 2048 else 4
    return suits(x, weight, axes) and groups == 1 and x.shape[1] <= few and 0 not in weight.shape


def is_usual(axes, x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return suits(x, weight, axes) and 0 not in weight.shape


conv2d.register(winograd_forward, winograd_backward, when=suits_winograd)
for op, axes in ((conv1d, 1), (conv2d, 2), (conv3d, 3)):
    for forward, backward, when in (
        (small_forward, small_backward, has_small_maps),
        (pointwise_forward, pointwise_backward, is_pointwise),
        (depthwise_forward, depthwise_backward, is_depthwise),
        (windows_forward, windows_backward, suit_windows),
        (patches_forward, patches_backward, has_few_channels),
        (rows_forward, rows_backward, is_usual),
    ):
        op.register(partial(forward, op.__name__, axes), partial(backward, axes), when=partial(when, axes))
