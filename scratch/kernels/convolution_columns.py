"""What the kernels of convolutions share: copies of the image for each kernel column, and whole patches made of them.

Axes: N batch, C channels, D H W input, K R S kernel, O P Q output, G groups. Images are volumes of depth 1, sequences
those of height 1, too.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from scratch.kernels import blocks
from scratch.sliding import Geometry, taps


def volumes(a):
    """(N, C, L) or (N, C, H, W) with a height, a depth of 1: (N, C, D, H, W)."""
    return a.reshape(*a.shape[:2], *(1,) * (5 - a.ndim), *a.shape[2:])


def over_volumes(g: Geometry) -> Geometry:
    """The geometry for `volumes`."""
    n = 3 - len(g.out)
    ones = (1,) * n
    return Geometry((*ones, *g.stride), (*((0, 0),) * n, *g.padding), (*ones, *g.dilation), g.groups, (*ones, *g.out))


class Columns:
    """A copy of the image for each kernel column j, with the stride and the zeros around it:

    columns[r, c, j, z, u, q] = padded x[c, z, u * stride + r, q * stride + j * dilation].
    The rows of the image are sorted by their remainder r, so that every kernel row finds what it needs for a plane of
    the output in consecutive rows.
    """

    def __init__(self, sizes, kernel, g: Geometry, rows_stride: int | None = None):
        (D, H, W), (K, R, S) = sizes, kernel
        (front, back), (top, bottom), (left, _) = g.padding
        s = g.stride[1] if rows_stride is None else rows_stride
        t, (O, P, Q) = g.stride[2], g.out
        Hr = -(-(H + top + bottom) // s)
        self.shape = s, S, D + front + back, Hr, Q
        # for each kernel row: the remainder, the planes that those of the output see, and where a plane starts
        self.rows = []
        for k in range(K):
            first = k * g.dilation[0]
            planes = slice(first, first + (O - 1) * g.stride[0] + 1, g.stride[0])
            self.rows += [(i * g.dilation[1] % s, planes, i * g.dilation[1] // s * Q) for i in range(R)]
        self.length = P * Q
        self.pieces = []  # (in the columns, in the image) of all that is copied; the rest stays zero
        for j in range(S):
            shift = j * g.dilation[2] - left
            a, e = max(0, -(shift // t)), min(Q, (W - 1 - shift) // t + 1)  # q from a to e lies inside of the image
            for r in range(s) if a < e else ():
                first = (r - top) % s
                u = (first + top) // s
                rows = slice(u, u + len(range(first, H, s)))
                there = (r, slice(None), j, slice(front, front + D), rows, slice(a, e))
                here = (slice(first, None, s), slice(t * a + shift, t * (e - 1) + shift + 1, t))
                self.pieces.append((there, (slice(None), slice(None), *here)))

    def zeros(self, channels, dtype):
        s, S, *sizes = self.shape
        return np.zeros((s, channels, S, *sizes), dtype)

    def copy(self, image, columns):
        for there, here in self.pieces:
            columns[there] = image[here]

    def seen(self, columns):
        """(K R)-times (c, S, O, P Q): what each kernel row sees, views of the columns."""
        flat = columns.reshape(*columns.shape[:4], -1, copy=False)
        for r, planes, start in self.rows:
            yield flat[r][:, :, planes, start : start + self.length]

    def add_back(self, columns, image):
        """The transpose of `copy`."""
        for there, here in self.pieces:
            image[here] += columns[there]


@lru_cache(maxsize=256)
def columns_of(sizes: tuple, kernel: tuple, g: Geometry, rows_stride: int | None = None) -> Columns:
    """The Columns of these sizes, made once: for a small image that takes as long as the convolution."""
    return Columns(sizes, kernel, g, rows_stride)


class Patches:
    """patches[c, k, i, j, o, p, q]: what kernel element (k, i, j) sees of channel c for output (o, p, q)."""

    def __init__(self, sizes, kernel, g: Geometry):
        self.columns = columns_of(tuple(sizes), tuple(kernel), g, rows_stride=1)  # first the columns, with the stride
        self.kernel, self.out = kernel, g.out
        self.rows = [(tap, (..., *seen, slice(None))) for tap, seen in taps(kernel[:2], g)]  # then whole rows

    def buffers(self, channels, dtype):
        K, R, S = self.kernel
        return self.columns.zeros(channels, dtype), np.empty((channels, K, R, S, *self.out), dtype)

    def copy(self, image, columns, patches):
        self.columns.copy(image, columns)
        for (k, i), seen in self.rows:
            patches[:, k, i] = columns[0][seen]

    def add_back(self, patches, columns, image):
        """The transpose of `copy`, onto an image of any content."""
        columns[...] = 0
        for (k, i), seen in self.rows:
            columns[0][seen] += patches[:, k, i]
        self.columns.add_back(columns, image)


def flipped(weight, g: Geometry, sizes) -> Geometry | None:
    """The geometry in which dx is the correlation of dy with the flipped kernel; None where it is not."""
    spans = [d * (k - 1) for d, k in zip(g.dilation, weight.shape[2:])]
    padded = all(max(p) <= span for p, span in zip(g.padding, spans))
    if max(g.stride) > 1 or not padded or not np.isfinite(weight).all():  # the zeros around dy would make nan
        return None
    around = tuple((span - before, span - after) for span, (before, after) in zip(spans, g.padding))
    return Geometry((1, 1, 1), around, g.dilation, g.groups, sizes)


def in_order(parts: dict[int, np.ndarray]):
    """The sum of what each thread summed up, in a fixed order, so that a second call gives the same bits."""
    total, *others = (parts[k] for k in sorted(parts))
    for part in others:
        total += part
    return total


def add_bias(y, bias):
    """y (N, F, *) += bias (F,) or None"""
    if bias is not None:
        maps = y.reshape(*y.shape[:2], math.prod(y.shape[2:]), copy=False)
        blocks.over_rows(np.add, maps.shape[2])(maps, bias[:, None], maps)


def bias_gradient(dy):
    return np.einsum("nfp->nf", dy.reshape(*dy.shape[:2], -1)).sum(axis=0)


def suits(x, weight, axes):
    """A batch of at least one element, in a dtype BLAS has."""
    return x.ndim == weight.ndim == axes + 2 and x.size > 0 and x.dtype.char in "fd"
