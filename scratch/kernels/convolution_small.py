"""Convolution to small maps, the last stages of a network: many images side by side make one product.

There the weights are larger than the images, so they should be read once for all images, and as they lie: turning them
around takes as long as multiplying a few images. All shifted copies of the images (im2col) cost little beside that;
they lie with the batch innermost, so that copies are long runs.

Axes as in convolution_columns.py; n images of a block, L = O P Q.
"""

from __future__ import annotations

import math

import numpy as np

from scratch.convolution import ConvSaved
from scratch.kernels import blocks
from scratch.kernels.convolution_columns import bias_gradient, over_volumes, suits, volumes
from scratch.sliding import checked_geometry, inside, padded_sizes, taps

PLACES = 50  # outputs a map up to which this is faster,
HEAVY = 1 << 18  # with at least so many weights
COLUMNS = 1024  # of a product, L n, from which more images are no gain


class PatchesOfBatch:
    """patches[c, k, i, j, o, p, q, n]: what (k, i, j) of the kernel sees of channel c of image n for (o, p, q)."""

    def __init__(self, sizes, kernel, g):
        self.sizes, self.kernel, self.g = sizes, kernel, g
        self.together = max(1, COLUMNS // math.prod(g.out))  # images a block

    def empty(self, channels, images):
        return np.empty((channels, *self.kernel, *self.g.out, len(images)), images.dtype)

    def padded(self, images):
        """zeros (C, D, H, W, n) with room for the padding, and the view of what is inside"""
        zeros = np.zeros((images.shape[1], *padded_sizes(self.sizes, self.g), len(images)), images.dtype)
        return zeros, zeros[:, *inside(self.sizes, self.g)]

    def gather(self, images, patches):
        padded, middle = self.padded(images)
        middle[...] = batch_last(images)
        for tap, seen in taps(self.kernel, self.g):
            patches[:, *tap] = padded[:, *seen]

    def add_back(self, patches, images):
        """images = the transpose of `gather`"""
        padded, middle = self.padded(images)
        for tap, seen in taps(self.kernel, self.g):
            padded[:, *seen] += patches[:, *tap]
        batch_last(images)[...] = middle


def batch_last(a):
    """(n, C, D, H, W) -> (C, D, H, W, n), a view"""
    return np.moveaxis(a, 0, -1)


def small_forward(name, axes, x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    g = checked_geometry(name, axes, x.shape, weight.shape, bias, stride, padding, dilation, groups)
    images, (F, C, *kernel) = volumes(x), volumes(weight).shape
    layout, w = PatchesOfBatch(images.shape[2:], kernel, over_volumes(g)), weight.reshape(F, -1)
    y = np.empty((len(x), F, *layout.g.out), x.dtype)
    products = y[:, 0].size * weight.size

    def convolve(images, y):
        patches = layout.empty(C, images)
        matrix = patches.reshape(w.shape[1], -1)

        def gather(lo, hi):
            layout.gather(images[:, lo:hi], patches[lo:hi])

        def some_filters(lo, hi):
            product = w[lo:hi] @ matrix  # (F, C K R S) @ (C K R S, L n)
            if bias is not None:
                product += bias[lo:hi, None]
            into = batch_last(y[:, lo:hi])
            into[...] = product.reshape(into.shape)

        blocks.multiply(gather, C, products)
        blocks.multiply(some_filters, F, products)

    for a in range(0, len(x), layout.together):
        convolve(images[a : a + layout.together], y[a : a + layout.together])
    return y.reshape(len(x), F, *g.out), ConvSaved(x, weight, g)


def small_backward(axes, dy, saved, needs=(True, True, True)):
    x, weight, g = volumes(saved.x), saved.weight, over_volumes(saved.geometry)
    dy, parts = volumes(dy), blocks.num_threads()
    F, C, *kernel = volumes(weight).shape
    layout, w, area = PatchesOfBatch(x.shape[2:], kernel, g), weight.reshape(F, -1), math.prod(kernel)
    dx = np.empty(x.shape, x.dtype) if needs[0] else None
    products = dy[:, 0].size * weight.size
    dw = np.zeros(w.shape, w.dtype) if needs[1] else None

    def gradients(x, dy, dx):
        dys = np.ascontiguousarray(batch_last(dy)).reshape(F, -1)  # (F, L n)
        patches = layout.empty(C, x) if needs[1] else None

        def gather(lo, hi):
            layout.gather(x[:, lo:hi], patches[lo:hi])

        def some_gradients(lo, hi):
            if needs[1]:
                filters = slice(F * lo // parts, F * hi // parts)
                dw[filters] += dys[filters] @ patches.reshape(w.shape[1], -1).T  # (F, L n) @ (L n, C K R S)
            if needs[0]:
                first, last = C * lo // parts, C * hi // parts
                dpatches = layout.empty(last - first, x)
                rows = w[:, first * area : last * area].T
                np.matmul(rows, dys, out=dpatches.reshape(len(rows), dys.shape[1]))  # (C K R S, F) @ (F, L n)
                layout.add_back(dpatches, dx[:, first:last])

        if needs[1]:
            blocks.multiply(gather, C, products)
        blocks.multiply(some_gradients, parts, products)

    if needs[0] or needs[1]:
        for a in range(0, len(x), layout.together):
            some = slice(a, a + layout.together)
            gradients(x[some], dy[some], dx[some] if needs[0] else None)
    dx = None if dx is None else dx.reshape(saved.x.shape)
    return dx, None if dw is None else dw.reshape(weight.shape), bias_gradient(dy) if needs[2] else None


def has_small_maps(axes, x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Few outputs a map for the stride; how many exactly, a few more or less for the padding, makes no difference."""
    if groups != 1 or weight.size < HEAVY or not suits(x, weight, axes):
        return False
    steps = stride if isinstance(stride, (tuple, list)) else (stride,)
    return math.prod(x.shape[2:]) <= PLACES * math.prod(steps) ** (axes if len(steps) == 1 else 1)
