"""Transposed convolutions on the CPU: one product per image, then whole rows and strided columns are added up.

Axes as in scratch/transposed_convolution.py. The patches are those of the convolution from y back to x: the forward
adds back what that convolution gathers, the backward gathers dy once for both of its products.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from scratch.kernels import blocks
from scratch.kernels.convolution_columns import (
    Patches,
    add_bias,
    bias_gradient,
    in_order,
    over_volumes,
    suits,
    volumes,
)
from scratch.transposed_convolution import (
    ConvTransposeSaved,
    checked_transpose,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)


def patches_forward(name, axes, x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    options = stride, padding, output_padding, groups, dilation
    g, sizes = checked_transpose(name, axes, x.shape, weight.shape, bias, *options)
    N, C, F = len(x), *weight.shape[:2]
    y = np.zeros((N, F, *sizes), x.dtype)
    y_images, w = volumes(y), volumes(weight)
    layout = Patches(y_images.shape[2:], w.shape[2:], over_volumes(g))
    w = w.reshape(C, -1).T  # (F K R S, C)
    xs = x.reshape(N, C, -1)

    def task(lo, hi):
        columns, patches = layout.buffers(F, x.dtype)
        for n in range(lo, hi):
            np.matmul(w, xs[n], out=patches.reshape(len(w), -1))  # (F K R S, C) @ (C, D H W)
            layout.add_back(patches, columns, y_images[n])
            add_bias(y[n : n + 1], bias)

    blocks.multiply(task, N, w.size * xs[:, 0].size)
    return y, ConvTransposeSaved(x, weight, g)


def patches_backward(axes, dy, saved, needs=(True, True, True)):
    x, weight, g = saved
    N, C, F = len(x), *weight.shape[:2]
    dy = np.ascontiguousarray(dy)
    dy_images, w = volumes(dy), volumes(weight)
    layout = Patches(dy_images.shape[2:], w.shape[2:], over_volumes(g))
    w = w.reshape(C, -1)  # (C, F K R S)
    xs = x.reshape(N, C, -1)
    dx = np.empty(xs.shape, x.dtype) if needs[0] else None
    parts = {}

    def task(lo, hi):
        columns, patches = layout.buffers(F, x.dtype)
        flat = patches.reshape(w.shape[1], -1)
        dw = np.zeros(w.shape[::-1], w.dtype)
        for n in range(lo, hi):
            layout.copy(dy_images[n], columns, patches)
            if needs[0]:
                np.matmul(w, flat, out=dx[n])  # (C, F K R S) @ (F K R S, D H W)
            if needs[1]:
                dw += flat @ xs[n].T  # the longer side first
        parts[lo] = dw

    if needs[0] or needs[1]:
        blocks.multiply(task, N, w.size * xs[:, 0].size)
    dx = dx.reshape(x.shape) if needs[0] else None
    dweight = np.ascontiguousarray(in_order(parts).T).reshape(weight.shape) if needs[1] else None
    return dx, dweight, bias_gradient(dy) if needs[2] else None


def is_usual(axes, x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    return suits(x, weight, axes) and groups == 1 and 0 not in weight.shape


for op, axes in ((conv_transpose1d, 1), (conv_transpose2d, 2), (conv_transpose3d, 3)):
    op.register(
        partial(patches_forward, op.__name__, axes), partial(patches_backward, axes), when=partial(is_usual, axes)
    )
