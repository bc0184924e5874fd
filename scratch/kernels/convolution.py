"""Convolutions on the CPU: five ways to make a convolution a few large matrix products, and one for depthwise.

A sixth is taken only where it is asked for: see convolution_winograd.py.

Axes: N batch, C input channels (c of one group), D H W input, F filters, K R S kernel, O P Q output, G groups. Images
are volumes of depth 1, sequences those of height 1, too.

pointwise        1x1 kernels: one product per image, on x as it is.
depthwise        one channel a group: see convolution_depthwise.py.
windows of rows  few channels in large images, or many small images: see convolution_windows.py.
patches          few channels: all R*S shifted copies of an image, gathered in two steps, one product with a long sum.
kernel rows      the rest: a copy of the image for each kernel column only; a kernel row is one product on a view of the
                 copies that starts so many image rows further down.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from scratch.convolution import ConvSaved, conv1d, conv2d, conv3d
from scratch.kernels.blocks import parallel
from scratch.kernels.convolution_columns import (
    Patches,
    bias_gradient,
    columns_of,
    flipped,
    in_order,
    over_volumes,
    suits,
    threads_for,
    volumes,
)
from scratch.kernels.convolution_depthwise import depthwise_backward, depthwise_forward, is_depthwise
from scratch.kernels.convolution_windows import suit_windows, windows_backward, windows_forward
from scratch.kernels.convolution_winograd import suits_winograd, winograd_backward, winograd_forward
from scratch.kernels.products import matmul
from scratch.sliding import checked_geometry

FEW = 32  # filters of a group up to which a product with dyᵀ is faster with a copy of it

# ---------------------------------------------------------------------- kernel rows


def rows_forward(name, axes, x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    g = checked_geometry(name, axes, x.shape, weight.shape, bias, stride, padding, dilation, groups)
    y = np.empty((len(x), len(weight), *g.out), x.dtype)
    _rows(volumes(x), volumes(weight), bias, over_volumes(g), y)
    return y, ConvSaved(x, weight, g)


def _by_group(a, g, planes):
    """(N, F, O, P, Q) -> (N G, F/G, O, P Q)"""
    return a.reshape(len(a) * g.groups, a.shape[1] // g.groups, planes, -1)


def by_plane(seen):
    """(S, c, O, P Q) -> (O, S c, P Q), a view: S and c follow each other in memory"""
    return seen.reshape(-1, *seen.shape[2:], copy=False).swapaxes(0, 1)


def _rows(x, weight, bias, g, y):
    """y = the correlation of x (N, C, D, H, W) with weight (F, c, K, R, S)."""
    (N, _, *sizes), (F, c, K, R, S), G = x.shape, weight.shape, g.groups
    x, y = x.reshape(N * G, c, *sizes), _by_group(y, g, g.out[0])
    layout = columns_of(tuple(sizes), (K, R, S), g)
    rows = np.ascontiguousarray(weight.transpose(2, 3, 0, 4, 1)).reshape(K * R, G, F // G, S * c)
    if bias is not None:
        bias = bias.reshape(G, F // G, 1)

    def task(lo, hi):
        columns = layout.zeros(c, x.dtype)
        product = np.empty(y.shape[1:], y.dtype).swapaxes(0, 1)
        for n in range(lo, hi):
            layout.copy(x[n], columns)
            volume = y[n].swapaxes(0, 1)  # (O, F/G, P Q)
            for i, seen in enumerate(layout.seen(columns)):
                # (F/G, S c) @ (O, S c, P Q)
                matmul(rows[i, n % G], by_plane(seen), product if i else volume)
                if i:
                    volume += product
            if bias is not None:
                volume += bias[n % G]

    parallel(task, N * G, threads_for(y.size * c * K * R * S))


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
    (N, _, *sizes), (F, c, K, R, S), G = dx.shape, weight.shape, g.groups
    dx, dy = dx.reshape(N * G, c, *sizes), _by_group(dy, g, g.out[0])
    layout = columns_of(tuple(sizes), (K, R, S), g)
    rows = np.ascontiguousarray(weight.transpose(2, 3, 4, 1, 0).reshape(K * R, S * c, G, F // G).swapaxes(1, 2))

    def task(lo, hi):
        dcolumns = layout.zeros(c, dx.dtype)
        product = np.empty((g.out[0], S * c, layout.length), dx.dtype)
        for n in range(lo, hi):
            dcolumns[...] = 0
            for i, seen in enumerate(layout.seen(dcolumns)):
                # (S c, F/G) @ (O, F/G, P Q)
                matmul(rows[i, n % G], dy[n].swapaxes(0, 1), product)
                seen += product.swapaxes(0, 1).reshape(seen.shape, copy=False)
            dx[n] = 0
            layout.add_back(dcolumns, dx[n])

    parallel(task, N * G, threads_for(dy.size * c * K * R * S))


def _rows_dweight(x, dy, g, shape):
    (N, _, *sizes), (F, c, K, R, S), G = x.shape, shape, g.groups
    x, dy = x.reshape(N * G, c, *sizes), _by_group(dy, g, g.out[0])
    layout = columns_of(tuple(sizes), (K, R, S), g)
    parts = {}

    def task(lo, hi):
        columns = layout.zeros(c, x.dtype)
        dw = np.zeros((K * R, G, S * c, F // G), x.dtype)
        for n in range(lo, hi):
            layout.copy(x[n], columns)
            turned = dy[n].transpose(1, 2, 0)  # (O, P Q, F/G)
            if F // G <= FEW:
                turned = np.ascontiguousarray(turned)
            for i, seen in enumerate(layout.seen(columns)):
                # the longer side first, which BLAS likes better: (O, S c, P Q) @ (O, P Q, F/G)
                dw[i, n % G] += (by_plane(seen) @ turned).sum(axis=0)
        parts[lo] = dw

    parallel(task, N * G, threads_for(dy.size * c * K * R * S))
    dw = in_order(parts).reshape(K, R, G, S, c, F // G)
    return dw.transpose(2, 5, 4, 0, 1, 3).reshape(shape)


# ---------------------------------------------------------------------- patches


def patches_forward(name, axes, x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    g = checked_geometry(name, axes, x.shape, weight.shape, bias, stride, padding, dilation, groups)
    images, w = volumes(x), volumes(weight)
    F, C, *kernel = w.shape
    layout = Patches(images.shape[2:], kernel, over_volumes(g))
    w = np.ascontiguousarray(w.transpose(0, 4, 1, 2, 3)).reshape(F, -1)  # (F, S C K R)
    y = np.empty((len(x), F, math.prod(g.out)), x.dtype)

    def task(lo, hi):
        columns, patches = layout.buffers(C, x.dtype)
        for n in range(lo, hi):
            layout.copy(images[n], columns, patches)
            np.matmul(w, patches.reshape(w.shape[1], -1), out=y[n])
            if bias is not None:
                y[n] += bias[:, None]

    parallel(task, len(x), threads_for(y.size * w.shape[1]))
    return y.reshape(len(x), F, *g.out), ConvSaved(x, weight, g)


def patches_backward(axes, dy, saved, needs=(True, True, True)):
    x, weight, g = volumes(saved.x), volumes(saved.weight), over_volumes(saved.geometry)
    F, C, *kernel = weight.shape
    layout = Patches(x.shape[2:], kernel, g)
    w = np.ascontiguousarray(weight.transpose(4, 1, 2, 3, 0)).reshape(-1, F)  # (S C K R, F)
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
        parallel(task, len(x), threads_for(dy.size * len(w)))
    dx = dx.reshape(saved.x.shape) if needs[0] else None
    dweight = None
    if needs[1]:
        K, R, S = kernel
        dweight = in_order(parts).reshape(S, C, K, R, F).transpose(4, 1, 2, 3, 0).reshape(saved.weight.shape)
    return dx, dweight, bias_gradient(dy) if needs[2] else None


# ---------------------------------------------------------------------- pointwise


def pointwise_forward(name, axes, x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    g = checked_geometry(name, axes, x.shape, weight.shape, bias, stride, padding, dilation, groups)
    N, F, G = len(x), len(weight), groups
    y = weight.reshape(G, F // G, -1) @ x.reshape(N, G, x.shape[1] // G, -1)  # (G, F/G, c) @ (N, G, c, L)
    if bias is not None:
        y += bias.reshape(G, F // G, 1)
    return y.reshape(N, F, *g.out), ConvSaved(x, weight, g)


def pointwise_backward(axes, dy, saved, needs=(True, True, True)):
    x, weight, g = saved
    N, F, G = len(x), len(weight), g.groups
    dy = dy.reshape(N, G, F // G, -1)
    dx = dweight = None
    if needs[0]:
        dx = (weight.reshape(G, F // G, -1).swapaxes(1, 2) @ dy).reshape(x.shape)
    if needs[1]:
        xs = x.reshape(N, G, x.shape[1] // G, -1)
        dweight = np.zeros((G, xs.shape[2], F // G), x.dtype)
        for n in range(N):
            dweight += xs[n] @ dy[n].swapaxes(1, 2)
        dweight = dweight.swapaxes(1, 2).reshape(weight.shape)
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
        (pointwise_forward, pointwise_backward, is_pointwise),
        (depthwise_forward, depthwise_backward, is_depthwise),
        (windows_forward, windows_backward, suit_windows),
        (patches_forward, patches_backward, has_few_channels),
        (rows_forward, rows_backward, is_usual),
    ):
        op.register(partial(forward, op.__name__, axes), partial(backward, axes), when=partial(when, axes))
