"""Layer norm in blocks of rows, every sum a product with a vector; group norm from the sums of single channels.

Axes: n rows (all leading axes), D the normalized axes together; N batch, C channels, G groups, J = C/G channels of a
group, P all further axes together.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from scratch.kernels.batch_norm import dot, over_images
from scratch.kernels.blocks import BLOCK, PASSES, multiply, over_rows
from scratch.kernels.products import dots, matvec, vecmat
from scratch.normalization import check_group_norm, group_norm, layer_norm, normalized_axes

LARGE = 16384  # items, for layer norm half of that: below, the textbook's few calls take less time


class LayerNormKernelSaved(NamedTuple):
    """As the textbook's, in two axes."""

    x: np.ndarray  # (n, D)
    mean: np.ndarray  # (n,)
    rstd: np.ndarray  # (n,)
    weight: np.ndarray | None  # (D,)
    shape: tuple[int, ...]  # normalized_shape


def suits(x, normalized_shape, weight=None, bias=None, eps=1e-5):
    return x.dtype.char in "fd" and 0 < 2 * x.size >= LARGE <= 1024 * math.prod(normalized_shape)


def blocks_of_rows(task, x) -> None:
    """`task(first, last, step)` on threads, each to go through its rows in blocks of `step`."""
    step = max(1, 3 * BLOCK // (2 * x.shape[1]))
    multiply(over_rows(lambda first, last: task(first, last, step), x.shape[1]), len(x), PASSES * x.size)


def layer_norm_kernel_forward(x, normalized_shape, weight=None, bias=None, eps=1e-5):
    """Fast because a block of rows stays in cache for all six passes, and the sums are matrix-vector products."""
    axes = normalized_axes("layer_norm", x, normalized_shape, weight=weight, bias=bias)
    shape, normalized = x.shape, x.shape[-len(axes) :]
    width = math.prod(normalized)
    x = np.ascontiguousarray(x).reshape(-1, width)
    weight = None if weight is None else weight.reshape(-1)
    bias = None if bias is None else bias.reshape(-1)
    y, (mean, rstd) = np.empty_like(x), np.empty((2, len(x)), x.dtype)
    average = np.full(width, 1 / width, x.dtype)
    visible = 4 * np.finfo(x.dtype).eps

    def rows(first, last, step):
        for lo in range(first, last, step):
            hi = min(lo + step, last)
            xs, ys, m, r = x[lo:hi], y[lo:hi], mean[lo:hi], rstd[lo:hi]
            m[...] = matvec(xs, average)
            np.subtract(xs, m[:, None], out=ys)
            r[...] = dots(ys, ys)
            r /= width
            r += eps
            np.sqrt(r, out=r)
            np.reciprocal(r, out=r)
            rest = matvec(ys, average)  # what rounding left in the mean: it shows where the mean is large
            ys *= r[:, None]
            if np.abs(rest * r).max() > visible:
                ys -= (rest * r)[:, None]
                m += rest
            if weight is not None:
                ys *= weight
            if bias is not None:
                ys += bias

    blocks_of_rows(rows, x)
    return y.reshape(shape), LayerNormKernelSaved(x, mean, rstd, weight, normalized)


def layer_norm_kernel_backward(dy, saved):
    """dx = rstd · (dxhat - mean(dxhat) - xhat · mean(dxhat · xhat)), with xhat = (x - mean) · rstd recomputed."""
    x, mean, rstd, weight, normalized = saved
    n, width = x.shape
    shape, dy = dy.shape, np.ascontiguousarray(dy).reshape(x.shape)
    dx = np.empty_like(x)
    average = np.full(width, 1 / width, x.dtype)
    if weight is not None:
        average *= weight  # the mean of dxhat = dy * weight is dy @ average
    sums = {}

    def rows(first, last, step):
        space = np.empty((2, min(step, last - first), width), x.dtype)
        dweight, dbias, ones = np.zeros(width, x.dtype), np.zeros(width, x.dtype), np.ones(step, x.dtype)
        for lo in range(first, last, step):
            hi = min(lo + step, last)
            g, d, r = dy[lo:hi], dx[lo:hi], rstd[lo:hi]
            centred = np.subtract(x[lo:hi], mean[lo:hi, None], out=space[0, : hi - lo])
            product = np.multiply(centred, g, out=space[1, : hi - lo])
            dweight += vecmat(r, product)
            dbias += vecmat(ones[: hi - lo], g)
            shift, stretch = matvec(g, average), matvec(product, average)
            shift *= r
            stretch *= r * r * r
            np.multiply(g, r[:, None], out=d)
            if weight is not None:
                d *= weight
            centred *= stretch[:, None]
            centred += shift[:, None]
            d -= centred
        sums[first] = dweight, dbias

    blocks_of_rows(rows, x)
    dweight, dbias = (sum(parts).reshape(normalized) for parts in zip(*(sums[first] for first in sorted(sums))))
    return dx.reshape(shape), dweight, dbias


layer_norm.register(layer_norm_kernel_forward, layer_norm_kernel_backward, when=suits)


class GroupNormKernelSaved(NamedTuple):
    """As the textbook's; the small arrays are float64."""

    x: np.ndarray  # (N, C, P)
    mean: np.ndarray  # (N, G, 1) float64
    rstd: np.ndarray  # (N, G, 1) float64
    weight: np.ndarray | None  # (C,)


def suits_group_norm(x, num_groups, weight=None, bias=None, eps=1e-5):
    return x.dtype.char in "fd" and x.ndim > 2 and 0 < x.size >= LARGE <= 1024 * math.prod(x.shape[2:])


def group_norm_kernel_forward(x, num_groups, weight=None, bias=None, eps=1e-5):
    """Fast because y = x · scale + shift with one scale and shift a channel, a few images at a time, still in cache."""
    check_group_norm(x, num_groups, weight, bias)
    y, saved, _ = normalize_groups(x, num_groups, weight, bias, eps)
    return y, saved


def normalize_groups(x, num_groups, weight, bias, eps):
    """y, saved, and the variances, (N, G, 1) float64"""
    shape, n, c = x.shape, *x.shape[:2]
    x = np.ascontiguousarray(x).reshape(n, c, -1)
    p = x.shape[2]
    y, (mean, var) = np.empty_like(x), np.empty((2, n, num_groups, 1))
    ones = np.ones(p, x.dtype)
    weights = (np.ones(c) if weight is None else weight.astype(np.float64)).reshape(num_groups, -1)  # (G, J)
    biases = np.zeros(c) if bias is None else bias.astype(np.float64)

    def normalize(lo, hi, space):
        of_group = (hi - lo, num_groups, -1)
        xs, ys = x[lo:hi], y[lo:hi]
        m = mean[lo:hi] = dot(xs, ones).reshape(of_group).mean(axis=2, keepdims=True) / p  # (k, G, 1)
        centre = m.astype(x.dtype)
        centred = np.subtract(xs.reshape(of_group), centre, out=space.reshape(of_group))
        v = var[lo:hi] = dot(centred, centred)[..., None] / centred.shape[2] - (m - centre) ** 2
        scale = weights / np.sqrt(v + eps)  # (k, G, J)
        shift = biases - (m * scale).reshape(hi - lo, c)
        np.multiply(xs, scale.reshape(hi - lo, c, 1).astype(x.dtype), out=ys)
        ys += shift[..., None].astype(x.dtype)

    over_images(normalize, x)
    return y.reshape(shape), GroupNormKernelSaved(x, mean, 1 / np.sqrt(var + eps), weight), var


def group_norm_kernel_backward(dy, saved):
    """dx = a · dy + b · x + c, with a for each channel, b and c for each group from the sums over its channels."""
    x, mean, rstd, weight = saved
    (n, c, p), groups = x.shape, mean.shape[1]
    shape, dy = dy.shape, np.ascontiguousarray(dy).reshape(x.shape)
    dx = np.empty_like(x)
    dweights, dbiases = np.empty((2, n, c))
    ones = np.ones(p, x.dtype)
    weights = (np.ones(c) if weight is None else weight.astype(np.float64)).reshape(groups, -1)  # (G, J)
    size = p * weights.shape[1]

    def images(lo, hi, space):
        of_channel, of_group = (hi - lo, groups, -1), (hi - lo, groups, size)
        xs, g, d, m, r = x[lo:hi], dy[lo:hi], dx[lo:hi], mean[lo:hi], rstd[lo:hi]
        centre = m.astype(x.dtype)
        # with a large mean the sum of dy · x would cancel
        centred = np.subtract(xs.reshape(of_group), centre, out=space.reshape(of_group)).reshape(xs.shape)
        total = dot(g, ones).reshape(of_channel)  # (k, G, J)
        product = (dot(g, centred).reshape(of_channel) - (m - centre) * total) * r
        dbiases[lo:hi], dweights[lo:hi] = total.reshape(hi - lo, c), product.reshape(hi - lo, c)
        # dx = rstd · (dxhat - mean(dxhat) - xhat · mean(dxhat · xhat)), xhat = (x - mean) · rstd
        a = r * weights  # (k, G, J)
        b = -r * r * (product * weights).sum(axis=2, keepdims=True) / size  # (k, G, 1)
        shift = -r * (total * weights).sum(axis=2, keepdims=True) / size + b * (centre - m)
        centred = centred.reshape(of_group)
        centred *= b.astype(x.dtype)
        centred += shift.astype(x.dtype)
        np.multiply(g, a.reshape(hi - lo, c, 1).astype(x.dtype), out=d)
        d += space

    over_images(images, x)
    return dx.reshape(shape), dweights.sum(axis=0).astype(x.dtype), dbiases.sum(axis=0).astype(x.dtype)


group_norm.register(group_norm_kernel_forward, group_norm_kernel_backward, when=suits_group_norm)
