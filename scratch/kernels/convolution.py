"""Convolutions on the CPU: four ways to make a convolution a few large matrix products, and one for depthwise.

Axes: N batch, C input channels (c of one group), H W input, F filters, R S kernel, P Q output, G groups. A convolution
of sequences is one of images with H = 1.

pointwise        1x1 kernels: one product per image, on x as it is.
depthwise        one channel a group: multiply-adds over shifted runs.
batch innermost  small images: the columns of the whole batch, gathered in runs over the batch, one product for all.
patches          few channels: all R*S shifted copies of an image, gathered in two steps, one product with a long sum.
kernel rows      the rest: a copy of the image for each kernel column only; a kernel row is one product on a view of the
                 copies that starts so many image rows further down.
"""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

import numpy as np

from scratch.convolution import ConvSaved, conv1d, conv2d, conv3d
from scratch.kernels.blocks import parallel
from scratch.sliding import Geometry, checked_geometry, inside, padded_sizes, taps

# ---------------------------------------------------------------------- column copies, shared by most


def images(a):
    """(N, C, L) as images of height 1; (N, C, H, W) as it is."""
    return a[:, :, None] if a.ndim == 3 else a


def over_images(g: Geometry) -> Geometry:
    """The geometry for `images`."""
    if len(g.out) == 2:
        return g
    return Geometry((1, *g.stride), ((0, 0), *g.padding), (1, *g.dilation), g.groups, (1, *g.out))


class Columns:
    """columns[r, j, c, u, q] = padded image[c, u * stride + r, q * stride + j * dilation]: a copy per kernel column j.

    The image rows are sorted by their remainder r, so that every kernel row finds what it needs in consecutive rows.
    """

    def __init__(self, sizes, kernel, g: Geometry, rows_stride: int | None = None):
        (H, W), (R, S) = sizes, kernel
        s = g.stride[0] if rows_stride is None else rows_stride
        top, bottom = g.padding[0]
        P, Q = g.out
        self.shape = s, S, -(-(H + top + bottom) // s), Q
        # (remainder, where it starts in the flat columns) of each kernel row
        self.starts = [(i * g.dilation[0] % s, i * g.dilation[0] // s * Q) for i in range(R)]
        self.pieces = []  # (in the columns, in the image) of all that is copied; the rest stays zero
        left, t = g.padding[1][0], g.stride[1]
        for j in range(S):
            shift = j * g.dilation[1] - left
            a, e = max(0, -(shift // t)), min(Q, (W - 1 - shift) // t + 1)  # q from a to e lies inside of the image
            for r in range(s) if a < e else ():
                first = (r - top) % s
                u = (first + top) // s
                here = (r, j, slice(None), slice(u, u + len(range(first, H, s))), slice(a, e))
                self.pieces.append(
                    (here, (slice(None), slice(first, None, s), slice(t * a + shift, t * (e - 1) + shift + 1, t)))
                )

    def runs(self, columns, length):
        """(i, j, what kernel element i, j sees) for a kernel of one channel: each map's is one run of memory."""
        flat = columns.reshape(*columns.shape[:3], -1)  # a view
        for i, (r, start) in enumerate(self.starts):
            for j in range(self.shape[1]):
                yield i, j, flat[r, j, :, start : start + length]

    def zeros(self, channels, dtype):
        s, S, Hr, Q = self.shape
        return np.zeros((s, S, channels, Hr, Q), dtype)

    def copy(self, image, columns):
        for there, here in self.pieces:
            columns[there] = image[here]

    def add_back(self, columns, image):
        """The transpose of `copy`."""
        for there, here in self.pieces:
            image[here] += columns[there]


def threads_for(products):
    """One thread for little work (multiplications), else as many as there are."""
    return 1 if products < 1 << 23 else None


def in_order(parts: dict[int, np.ndarray]):
    """The sum of what each thread summed up, in a fixed order, so that a second call gives the same bits."""
    total, *others = (parts[k] for k in sorted(parts))
    for part in others:
        total += part
    return total


def bias_gradient(dy):
    return np.einsum("nfp->nf", dy.reshape(*dy.shape[:2], -1)).sum(axis=0)


# ---------------------------------------------------------------------- kernel rows


def rows_forward(name, axes, x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    g = checked_geometry(name, axes, x.shape, weight.shape, bias, stride, padding, dilation, groups)
    y = np.empty((len(x), len(weight), *g.out), x.dtype)
    _rows(images(x), images(weight), bias, over_images(g), y)
    return y, ConvSaved(x, weight, g)


def _rows(x, weight, bias, g, y):
    """y = the correlation of x (N, C, H, W) with weight (F, c, R, S)."""
    (N, _, H, W), (F, c, R, S), G = x.shape, weight.shape, g.groups
    x, y = x.reshape(N * G, c, H, W), y.reshape(N * G, F // G, -1)
    layout = Columns((H, W), (R, S), g)
    rows = np.ascontiguousarray(weight.transpose(2, 0, 3, 1)).reshape(R, G, F // G, S * c)
    if bias is not None:
        bias = bias.reshape(G, F // G, 1)

    def task(lo, hi):
        columns = layout.zeros(c, x.dtype)
        flat = columns.reshape(len(columns), S * c, -1)
        product = np.empty(y.shape[1:], y.dtype)
        for n in range(lo, hi):
            layout.copy(x[n], columns)
            for i, (r, start) in enumerate(layout.starts):
                # (F/G, S c) @ (S c, P Q)
                np.matmul(rows[i, n % G], flat[r][:, start : start + y.shape[2]], out=product if i else y[n])
                if i:
                    y[n] += product
            if bias is not None:
                y[n] += bias[n % G]

    parallel(task, N * G, threads_for(y.size * c * R * S))


def rows_backward(axes, dy, saved, needs=(True, True, True)):
    x, weight, g = images(saved.x), images(saved.weight), over_images(saved.geometry)
    dy = np.ascontiguousarray(dy)
    dx = dweight = None
    if needs[0]:
        dx = np.empty(x.shape, x.dtype)
        spans = [d * (k - 1) for d, k in zip(g.dilation, weight.shape[2:])]
        flip = max(g.stride) == 1 and all(max(p) <= span for p, span in zip(g.padding, spans))
        if flip and np.isfinite(weight).all():  # else the zeros around dy would make nan
            _rows_dx_flipped(images(dy), weight, g, spans, dx)
        else:
            _rows_dx(dy, weight, g, dx)
        dx = dx.reshape(saved.x.shape)
    if needs[1]:
        dweight = _rows_dweight(x, dy, g, weight.shape).reshape(saved.weight.shape)
    return dx, dweight, bias_gradient(dy) if needs[2] else None


def _rows_dx_flipped(dy, weight, g, spans, dx):
    """Stride 1: dx is the correlation of dy with the flipped kernel, filters and channels exchanged."""
    (F, c, R, S), G = weight.shape, g.groups
    flipped = weight.reshape(G, F // G, c, R, S).swapaxes(1, 2)[..., ::-1, ::-1].reshape(G * c, F // G, R, S)
    around = tuple((span - before, span - after) for span, (before, after) in zip(spans, g.padding))
    _rows(dy, flipped, None, Geometry((1, 1), around, g.dilation, G, dx.shape[2:]), dx)


def _rows_dx(dy, weight, g, dx):
    """Any stride: every kernel row's product is added where the forward has read, then the copies are added up."""
    (N, _, H, W), (F, c, R, S), G = dx.shape, weight.shape, g.groups
    dx, dy = dx.reshape(N * G, c, H, W), dy.reshape(N * G, F // G, -1)
    layout = Columns((H, W), (R, S), g)
    rows = np.ascontiguousarray(weight.transpose(2, 3, 1, 0).reshape(R, S * c, G, F // G).transpose(0, 2, 1, 3))

    def task(lo, hi):
        dcolumns = layout.zeros(c, dx.dtype)
        flat = dcolumns.reshape(len(dcolumns), S * c, -1)
        product = np.empty((S * c, dy.shape[2]), dx.dtype)
        for n in range(lo, hi):
            dcolumns[...] = 0
            for i, (r, start) in enumerate(layout.starts):
                flat[r][:, start : start + dy.shape[2]] += np.matmul(rows[i, n % G], dy[n], out=product)
            dx[n] = 0
            layout.add_back(dcolumns, dx[n])

    parallel(task, N * G, threads_for(dy.size * c * R * S))


def _rows_dweight(x, dy, g, shape):
    (N, _, H, W), (F, c, R, S), G = x.shape, shape, g.groups
    x, dy = x.reshape(N * G, c, H, W), dy.reshape(N * G, F // G, -1)
    layout = Columns((H, W), (R, S), g)
    parts = {}

    def task(lo, hi):
        columns = layout.zeros(c, x.dtype)
        flat = columns.reshape(len(columns), S * c, -1)
        dw = np.zeros((R, G, S * c, F // G), x.dtype)
        for n in range(lo, hi):
            layout.copy(x[n], columns)
            for i, (r, start) in enumerate(layout.starts):
                # the longer side first, which BLAS likes better: (S c, P Q) @ (P Q, F/G)
                dw[i, n % G] += flat[r][:, start : start + dy.shape[2]] @ dy[n].T
        parts[lo] = dw

    parallel(task, N * G, threads_for(dy.size * c * R * S))
    dw = in_order(parts).reshape(R, G, S, c, F // G)
    return dw.transpose(1, 4, 3, 0, 2).reshape(shape)


# ---------------------------------------------------------------------- patches


class Patches:
    """patches[j, c, i, p, q] = padded image[c, p * stride + i * dilation, q * stride + j * dilation], in two steps."""

    def __init__(self, sizes, kernel, g: Geometry):
        self.columns = Columns(sizes, kernel, g, rows_stride=1)  # first the columns, with the stride
        (P, Q), s = g.out, g.stride[0]
        self.shape = kernel, P, Q
        starts = [i * g.dilation[0] for i in range(kernel[0])]
        self.rows = [slice(a, a + s * (P - 1) + 1, s) for a in starts]  # then whole rows

    def buffers(self, channels, dtype):
        (R, S), P, Q = self.shape
        return self.columns.zeros(channels, dtype), np.empty((S, channels, R, P, Q), dtype)

    def copy(self, image, columns, patches):
        self.columns.copy(image, columns)
        for i, rows in enumerate(self.rows):
            patches[:, :, i] = columns[0, :, :, rows]

    def add_back(self, patches, columns, image):
        """The transpose of `copy`, onto an image of any content."""
        columns[...] = 0
        for i, rows in enumerate(self.rows):
            columns[0, :, :, rows] += patches[:, :, i]
        self.columns.add_back(columns, image)


def patches_forward(name, axes, x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    g = checked_geometry(name, axes, x.shape, weight.shape, bias, stride, padding, dilation, groups)
    F, C, *kernel = weight.shape
    layout = Patches(x.shape[2:], kernel, g)
    w = np.ascontiguousarray(weight.transpose(0, 3, 1, 2)).reshape(F, -1)  # (F, S C R)
    y = np.empty((len(x), F, math.prod(g.out)), x.dtype)

    def task(lo, hi):
        columns, patches = layout.buffers(C, x.dtype)
        for n in range(lo, hi):
            layout.copy(x[n], columns, patches)
            np.matmul(w, patches.reshape(w.shape[1], -1), out=y[n])
            if bias is not None:
                y[n] += bias[:, None]

    parallel(task, len(x), threads_for(y.size * w.shape[1]))
    return y.reshape(len(x), F, *g.out), ConvSaved(x, weight, g)


def patches_backward(axes, dy, saved, needs=(True, True, True)):
    x, weight, g = saved
    F, C, R, S = weight.shape
    layout = Patches(x.shape[2:], (R, S), g)
    w = np.ascontiguousarray(weight.transpose(3, 1, 2, 0)).reshape(-1, F)  # (S C R, F)
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
    dweight = in_order(parts).reshape(S, C, R, F).transpose(3, 1, 2, 0).copy() if needs[1] else None
    return dx, dweight, bias_gradient(dy) if needs[2] else None


# ---------------------------------------------------------------------- batch innermost


class BatchSaved(NamedTuple):
    """The columns are small here, and kept."""

    columns: np.ndarray  # (C, R, S, P, Q, N)
    weight: np.ndarray
    geometry: Geometry
    shape: tuple[int, ...]  # x's


def batch_forward(name, axes, x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    g = checked_geometry(name, axes, x.shape, weight.shape, bias, stride, padding, dilation, groups)
    (N, C, *sizes), (F, _, *kernel) = x.shape, weight.shape
    xp = np.zeros((C, *padded_sizes(sizes, g), N), x.dtype)
    xp[(slice(None), *inside(sizes, g))] = x.reshape(N, -1).T.reshape(C, *sizes, N)
    columns = np.empty((C, *kernel, *g.out, N), x.dtype)
    for tap, seen in taps(kernel, g):
        columns[(slice(None), *tap)] = xp[(slice(None), *seen)]
    y = weight.reshape(F, -1) @ columns.reshape(C * math.prod(kernel), -1)  # (F, C R S) @ (C R S, P Q N)
    if bias is not None:
        y += bias[:, None]
    y = np.ascontiguousarray(y.reshape(-1, N).T).reshape(N, F, *g.out)
    return y, BatchSaved(columns, weight, g, x.shape)


def batch_backward(axes, dy, saved, needs=(True, True, True)):
    columns, weight, g, (N, C, *sizes) = saved
    F, _, *kernel = weight.shape
    flat = columns.reshape(C * math.prod(kernel), -1)
    dy = np.ascontiguousarray(dy.reshape(N, -1).T).reshape(F, -1)  # (F, P Q N)
    dx = dweight = None
    if needs[0]:
        dcolumns = (weight.reshape(F, -1).T @ dy).reshape(columns.shape)
        dxp = np.zeros((C, *padded_sizes(sizes, g), N), dy.dtype)
        for tap, seen in taps(kernel, g):
            dxp[(slice(None), *seen)] += dcolumns[(slice(None), *tap)]
        dxp = dxp[(slice(None), *inside(sizes, g))].reshape(-1, N)
        dx = np.ascontiguousarray(dxp.T).reshape(N, C, *sizes)
    if needs[1]:
        dweight = np.ascontiguousarray((flat @ dy.T).T).reshape(weight.shape)  # the longer side first
    return dx, dweight, np.einsum("fp->f", dy) if needs[2] else None


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


# ---------------------------------------------------------------------- depthwise

TOGETHER = 1 << 18  # items of the columns a step


def _maps(x, weight, g):
    """All N*C maps one after the other, the layout of their columns, how many go in a step, their kernels repeated."""
    (N, C, H, W), (R, S) = x.shape, weight.shape[2:]
    layout = Columns((H, W), (R, S), g)
    together = max(1, TOGETHER // math.prod(layout.shape))
    return x.reshape(N * C, H, W), layout, together, np.tile(weight.reshape(C, R, S, 1), (N, 1, 1, 1))


def depthwise_forward(name, axes, x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    g = checked_geometry(name, axes, x.shape, weight.shape, bias, stride, padding, dilation, groups)
    N, C = x.shape[:2]
    maps, layout, together, w = _maps(images(x), images(weight), over_images(g))
    y = np.empty((N * C, math.prod(g.out)), x.dtype)
    repeated_bias = None if bias is None else np.tile(bias, N)[:, None]

    def task(lo, hi):
        columns = layout.zeros(min(together, hi - lo), x.dtype)
        product = np.empty((columns.shape[2], y.shape[1]), x.dtype)
        for a in range(lo, hi, together):
            b = min(a + together, hi)
            layout.copy(maps[a:b], columns[:, :, : b - a])
            for i, j, run in layout.runs(columns[:, :, : b - a], y.shape[1]):
                np.multiply(run, w[a:b, i, j], out=product[: b - a] if i or j else y[a:b])
                if i or j:
                    y[a:b] += product[: b - a]
            if repeated_bias is not None:
                y[a:b] += repeated_bias[a:b]

    parallel(task, N * C, threads_for(8 * y.size * w[0].size))
    return y.reshape(N, C, *g.out), ConvSaved(x, weight, g)


def depthwise_backward(axes, dy, saved, needs=(True, True, True)):
    x, weight, g = saved
    N, C = x.shape[:2]
    maps, layout, together, w = _maps(images(x), images(weight), over_images(g))
    dy = np.ascontiguousarray(dy).reshape(N * C, -1)
    dx = np.zeros(maps.shape, x.dtype) if needs[0] else None
    dw = np.empty(w.shape[:3], x.dtype) if needs[1] else None

    def task(lo, hi):
        columns = layout.zeros(min(together, hi - lo), x.dtype)
        dcolumns = np.empty_like(columns)
        product = np.empty((columns.shape[2], dy.shape[1]), x.dtype)
        for a in range(lo, hi, together):
            b = min(a + together, hi)
            if needs[1]:
                layout.copy(maps[a:b], columns[:, :, : b - a])
                for i, j, run in layout.runs(columns[:, :, : b - a], dy.shape[1]):
                    np.vecdot(dy[a:b], run, out=dw[a:b, i, j])
            if needs[0]:
                dcolumns[...] = 0
                for i, j, run in layout.runs(dcolumns[:, :, : b - a], dy.shape[1]):
                    run += np.multiply(dy[a:b], w[a:b, i, j], out=product[: b - a])
                layout.add_back(dcolumns[:, :, : b - a], dx[a:b])

    if needs[0] or needs[1]:
        parallel(task, N * C, threads_for(8 * dy.size * w[0].size))
    dx = dx.reshape(x.shape) if needs[0] else None
    dweight = dw.reshape(N, *weight.shape).sum(axis=0) if needs[1] else None
    return dx, dweight, bias_gradient(dy.reshape(N, C, -1)) if needs[2] else None


# ---------------------------------------------------------------------- which one when


def suits(x, weight, axes):
    """A batch of at least one element, in a dtype BLAS has."""
    return x.ndim == weight.ndim == axes + 2 and x.size > 0 and x.dtype.char in "fd"


def is_pointwise(axes, x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    plain = set(stride if isinstance(stride, (tuple, list)) else (stride,)) == {1}
    unpadded = padding in ("valid", "same") or not any(padding if isinstance(padding, (tuple, list)) else (padding,))
    return suits(x, weight, axes) and math.prod(weight.shape[2:]) == 1 and plain and unpadded


def is_depthwise(axes, x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return suits(x, weight, axes) and groups > 1 and len(weight) == x.shape[1] == groups and 0 not in weight.shape


def is_small(axes, x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Few filters, too: for more, the columns of one image at a time stay in the cache and win."""
    if not suits(x, weight, axes) or groups != 1 or len(x) < 16 or not 0 < len(weight) <= 16:
        return False
    return x[:, 0].size * weight[0].size <= 1 << 22


def has_few_channels(axes, x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return suits(x, weight, axes) and groups == 1 and x.shape[1] <= 4


def is_usual(axes, x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return suits(x, weight, axes) and 0 not in weight.shape


for op, axes in ((conv1d, 1), (conv2d, 2), (conv3d, 3)):
    for forward, backward, when in (
        (pointwise_forward, pointwise_backward, is_pointwise),
        (depthwise_forward, depthwise_backward, is_depthwise),
        (batch_forward, batch_backward, is_small),
        (patches_forward, patches_backward, has_few_channels),
        (rows_forward, rows_backward, is_usual),
    ):
        if axes == 3 and forward not in (pointwise_forward, batch_forward):
            continue
        if axes == 1 and forward is patches_forward:
            continue
        op.register(partial(forward, op.__name__, axes), partial(backward, axes), when=partial(when, axes))
