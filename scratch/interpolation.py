"""Interpolation: images, signals and volumes at another size.

Every mode but area is separable: along one axis each output is a weighted sum of a few inputs,
y[p] = Σ_t weights[p, t] · x[places[p, t]], and an image takes one axis after the other. So a mode is no more than a
function that fills these two tables, and the backward is the transpose of the matrix they stand for.

Axes: N batch, C channels, then one to three spatial axes, `*L` in the input and `*P` in the output; T taps.
Twin: torch_ref/interpolation.py. Pairs: parity_tests/pairs/interpolation.py.
"""

from __future__ import annotations

from collections.abc import Callable
from math import floor
from typing import NamedTuple

import numpy as np

from scratch.adaptive_pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from scratch.module import Module
from scratch.op import Op, on_device_of


class Taps(NamedTuple):
    """One axis of an interpolation: y[p] = Σ_t weights[p, t] · x[places[p, t]]"""

    places: np.ndarray  # (P, T) int64
    weights: np.ndarray  # (P, T)

    def matrix(self, length):
        """(P, L): the same as a matrix, y = matrix @ x"""
        matrix = np.zeros((len(self.places), length))
        np.add.at(matrix, (np.arange(len(matrix))[:, None], self.places), self.weights)
        return matrix


# ---------------------------------------------------------------------- the taps of one axis, for each mode


def _sources(length, outputs, factor, align_corners):
    """(P,): where each output lies between the inputs' places 0 ... L - 1, and the distance of two of them.

    With aligned corners the first and last places of both meet; else pixels are little areas, and the edges meet.
    """
    if align_corners:
        step = (length - 1) / (outputs - 1) if outputs > 1 else 0.0
        return np.arange(outputs) * step, step
    step = 1 / factor if factor else length / outputs
    return (np.arange(outputs) + 0.5) * step - 0.5, step


def nearest_taps(length, outputs, factor, shift, dtype):
    """The place at or below: of the output's left edge (nearest), or of its middle (nearest-exact: shift 1/2).

    Where an edge meets a place, rounding decides: as torch does, it is reckoned in x's dtype, then rounded to float32.
    """
    step = dtype.type(1 / factor) if factor else dtype.type(length) / dtype.type(outputs)
    edges = (np.arange(outputs).astype(dtype) + dtype.type(shift)) * step
    places = np.floor(edges.astype(np.float32)).astype(np.int64)
    return Taps(np.minimum(places, length - 1)[:, None], np.ones((outputs, 1)))


def linear_taps(length, outputs, factor, align_corners):
    """The two neighbours, weighted by how near they are; beyond the first and last place these two.

    Where the length stays, torch copies, whatever the factor.
    """
    source, _ = _sources(length, outputs, None if outputs == length else factor, align_corners)
    source = np.clip(source, 0, length - 1)
    left = np.floor(source).astype(np.int64)
    t = source - left
    return Taps(np.stack([left, np.minimum(left + 1, length - 1)], axis=1), np.stack([1 - t, t], axis=1))


def cubic(distance, a):
    """Keys' convolution kernel, which is 0 from distance 2 on: cubic, with a continuous slope."""
    d = np.abs(distance)
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((d - 5) * d + 8) * d * a - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


def triangle(distance):
    """Linear interpolation's kernel, which is 0 from distance 1 on."""
    return np.maximum(0.0, 1 - np.abs(distance))


def cubic_taps(length, outputs, factor, align_corners):
    """The four neighbours, weighted by `cubic` with a = -3/4; beyond the ends the first and last place again."""
    source, _ = _sources(length, outputs, factor, align_corners)
    places = np.floor(source).astype(np.int64)[:, None] + np.arange(-1, 3)
    return Taps(np.clip(places, 0, length - 1), cubic(source[:, None] - places, -0.75))


def antialias_taps(length, outputs, factor, align_corners, kernel, reach):
    """All places that a kernel stretched by the shrinkage meets, so that nothing is skipped when shrinking."""
    _, step = _sources(length, outputs, factor, align_corners)
    stretch = max(step, 1.0)
    center = (np.arange(outputs) + 0.5) * step
    start = np.maximum((center - reach * stretch + 0.5).astype(np.int64), 0)
    stop = np.minimum((center + reach * stretch + 0.5).astype(np.int64), length)
    places = start[:, None] + np.arange(int((stop - start).max(initial=1)))
    weights = np.where(places < stop[:, None], kernel((places - center[:, None] + 0.5) / stretch), 0.0)
    return Taps(np.minimum(places, length - 1), weights / weights.sum(axis=1, keepdims=True))


def _taps(mode, antialias, align_corners, dtype, length, outputs, factor):
    if mode in ("nearest", "nearest-exact"):
        return nearest_taps(length, outputs, factor, 0.5 if mode == "nearest-exact" else 0.0, dtype)
    if antialias:
        kernel, reach = (triangle, 1) if mode == "bilinear" else (lambda d: cubic(d, -0.5), 2)
        return antialias_taps(length, outputs, factor, align_corners, kernel, reach)
    return (cubic_taps if mode == "bicubic" else linear_taps)(length, outputs, factor, align_corners)


# ---------------------------------------------------------------------- the op


_AXES = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}  # other modes take any number


def interpolate_forward(
    x, size=None, scale_factor=None, mode="nearest", align_corners=None, recompute_scale_factor=None, antialias=False
):
    """x at another size: y[p] = Σ_t weights[p, t] · x[places[p, t]] along each spatial axis.

    Parameters
    ----------
    x : (N, C, L), (N, C, H, W) or (N, C, D, H, W) floating point.
    size : *P, an int or one for each spatial axis; or scale_factor : P = ⌊L · scale_factor⌋, a number or one for each.
    mode : "nearest" (place ⌊p·L/P⌋), "nearest-exact" (⌊(p + 1/2)·L/P⌋), "linear", "bilinear", "trilinear" for 1, 2, 3
        spatial axes, "bicubic" for 2 (Keys' kernel with a = -3/4), "area" (`adaptive_avg_pool`).
    align_corners : for linear and cubic modes: whether the first and last places of x and y meet, instead of their
        edges.
    recompute_scale_factor : whether places are reckoned from the sizes P and L instead of from scale_factor.
    antialias : for bilinear and bicubic (a = -1/2 then): widen the kernel where the image shrinks. (torch 2.13 reads
        only the first pixel of an image one pixel wide; here every pixel counts.)

    Returns
    -------
    y : (N, C, *P). backward : dy -> dx, of x's shape; an infinite or nan dy may spread along its rows and columns.

    Raises
    ------
    ValueError : a mode that is unknown or for another number of axes; size and scale_factor both or neither given;
        align_corners or antialias with a mode that has none; a size less than 1.

    Sources: Keys, "Cubic Convolution Interpolation for Digital Image Processing", 1981.

    Examples
    --------
    >>> y, backward = interpolate(np.array([[[0.0, 4.0]]]), 3, mode="linear", align_corners=True)
    >>> y
    array([[[0., 2., 4.]]])
    >>> backward(np.array([[[1.0, 10.0, 100.0]]]))
    array([[[  6., 105.]]])
    """
    sizes, factors = _sizes(x, size, scale_factor, recompute_scale_factor)
    n, inputs = len(sizes), x.shape[2:]
    if mode not in ("nearest", "nearest-exact", "area", *_AXES):
        raise ValueError(f"interpolate: mode must be nearest, nearest-exact, area, {', '.join(_AXES)}, but is {mode!r}")
    if _AXES.get(mode, n) != n:
        raise ValueError(f"interpolate: mode {mode!r} takes {_AXES[mode]} spatial axes, but x is {x.shape}")
    if align_corners is not None and mode not in _AXES:
        raise ValueError(f"interpolate: align_corners is for linear and cubic modes, not for {mode!r}; leave it out")
    if antialias and mode not in ("bilinear", "bicubic"):
        raise ValueError(f"interpolate: antialias is for bilinear and bicubic only, not for {mode!r}")
    if min(sizes) < 1 or 0 in x.shape[1:]:
        raise ValueError(f"interpolate: only the batch may be empty, but x is {x.shape} and the new size {sizes}")
    if mode == "area":
        return (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)[n - 1](x, sizes)
    if mode == "nearest" and x.ndim == 4:  # torch copies or doubles such an image, whatever the factor
        factors = tuple(None if p in (l, 2 * l) else f for l, p, f in zip(inputs, sizes, factors))
    taps = [_taps(mode, antialias, bool(align_corners), x.dtype, *axis) for axis in zip(inputs, sizes, factors)]
    y = x
    for axis, (places, weights) in enumerate(taps, start=2):
        column = (-1, *[1] * (x.ndim - 1 - axis))
        terms = (
            np.take(y, on_device_of(x, places[:, t]), axis=axis)
            * on_device_of(x, weights[:, t].astype(x.dtype).reshape(column))
            for t in range(places.shape[1])
        )
        y = sum(terms)
    return y, (taps, inputs)


def interpolate_backward(dy, saved):
    """dy (N, C, *P) -> dx (N, C, *L)"""
    if isinstance(saved, Callable):  # area: the backward of adaptive_avg_pool
        return saved(dy)
    taps, inputs = saved
    dx = dy
    for axis, (along, length) in reversed([*enumerate(zip(taps, inputs), start=2)]):
        # y = matrix @ x along this axis
        matrix = on_device_of(dy, along.matrix(length).astype(dy.dtype))
        dx = np.moveaxis(np.moveaxis(dx, axis, -1) @ matrix, -1, axis)  # (..., P) @ (P, L) -> (..., L)
    return dx


interpolate = Op(interpolate_forward, interpolate_backward, arrays=("x",))


def _sizes(x, size, scale_factor, recompute_scale_factor):
    """(*P, and for each axis the factor that places are reckoned from, or None)"""
    n = x.ndim - 2
    if n not in (1, 2, 3):
        raise ValueError(f"interpolate: x must be (N, C, L), (N, C, H, W) or (N, C, D, H, W), but is {x.shape}")
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate: give either size or scale_factor, one of them and not both")
    given = size if size is not None else scale_factor
    given = tuple(given) if isinstance(given, (tuple, list)) else (given,) * n
    if len(given) != n:
        raise ValueError(f"interpolate: size or scale_factor must have {n} elements for x {x.shape}, but is {given}")
    if size is not None:
        if recompute_scale_factor:
            raise ValueError("interpolate: recompute_scale_factor is for a given scale_factor, not for a size")
        if not all(isinstance(p, (int, np.integer)) for p in given):
            raise TypeError(f"interpolate: size must be an int or a tuple of ints, but is {size!r}")
        return tuple(map(int, given)), (None,) * n
    sizes = tuple(floor(length * float(factor)) for length, factor in zip(x.shape[2:], given))
    return sizes, (None,) * n if recompute_scale_factor else tuple(map(float, given))


# ---------------------------------------------------------------------- modules


class Upsample(Module):
    """x (N, C, *L) at another size; see `functional.interpolate`."""

    def __init__(
        self, size=None, scale_factor=None, mode: str = "nearest", align_corners=None, recompute_scale_factor=None
    ):
        self.size = size
        many = isinstance(scale_factor, (tuple, list))
        self.scale_factor = tuple(map(float, scale_factor)) if many else scale_factor and float(scale_factor)
        self.mode, self.align_corners, self.recompute_scale_factor = mode, align_corners, recompute_scale_factor

    def forward(self, x):
        return interpolate(x, self.size, self.scale_factor, self.mode, self.align_corners, self.recompute_scale_factor)

    def extra_repr(self):
        given = f"scale_factor={self.scale_factor!r}" if self.scale_factor is not None else f"size={self.size!r}"
        return f"{given}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """x (N, C, H, W) at another size, each pixel repeated."""

    def __init__(self, size=None, scale_factor=None):
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """x (N, C, H, W) at another size, bilinear with aligned corners."""

    def __init__(self, size=None, scale_factor=None):
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
