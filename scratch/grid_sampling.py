"""Sampling at the points of a grid: spatial transformers, warping, optical flow.

Axes: N batch, C channels, two or three spatial axes n, `*L` = H W or D H W in the input, `*P` in the grid and output.
A grid's last axis holds the coordinates x, y (, z), so the innermost axis first, from -1 to 1 over the input.
Twin: torch_ref/grid_sampling.py. Pairs: parity_tests/pairs/grid_sampling.py.
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import NamedTuple

import numpy as np

from scratch.op import Op, on_device_of
from scratch.pooling import scatter_add


class GridSampleSaved(NamedTuple):
    """Everything else is recomputed from these."""

    x: np.ndarray  # (N, C, *L)
    grid: np.ndarray  # (N, *P, n)
    mode: str
    padding_mode: str
    align_corners: bool


# ---------------------------------------------------------------------- one axis


def _unnormalize(g, length, align_corners):
    """Coordinates -> places, and the slope of that: -1 and 1 are the first and last place, or the outer edges."""
    if align_corners:
        return (g + 1) / 2 * (length - 1), (length - 1) / 2
    return ((g + 1) * length - 1) / 2, length / 2


def _bring_inside(place, length, padding_mode, align_corners):
    """Places outside of the input -> inside, and the slope of that map. `zeros` leaves them where they are."""
    slope = np.ones_like(place)
    if padding_mode == "reflection":
        # at the first and last place, or at the outer edges: a sawtooth of period 2 · span
        low, span = (0.0, length - 1) if align_corners else (-0.5, length)
        if span == 0:
            return np.zeros_like(place), np.zeros_like(place)
        from_low = place - low
        slope = np.where(from_low < 0, -slope, slope)
        flips, rest = np.divmod(np.abs(from_low), span)
        odd = flips % 2 == 1
        place, slope = np.where(odd, span - rest, rest) + low, np.where(odd, -slope, slope)
    if padding_mode != "zeros":
        slope = np.where((place <= 0) | (place >= length - 1), 0, slope)
        place = np.clip(place, 0, length - 1)
    return place, slope


def _cubic(t):
    """Keys' weights (a = -3/4) of the places -1, 0, 1, 2 for a point t in [0, 1) behind 0, and their slopes in t."""
    a = -0.75

    def near(d):  # distances up to 1
        return ((a + 2) * d - (a + 3)) * d * d + 1, (3 * (a + 2) * d - 2 * (a + 3)) * d

    def far(d):  # from 1 to 2
        return ((d - 5) * d + 8) * d * a - 4 * a, ((3 * d - 10) * d + 8) * a

    pairs = far(t + 1), near(t), near(1 - t), far(2 - t)
    weights = [weight for weight, _ in pairs]
    slopes = [sign * slope for sign, (_, slope) in zip((1, 1, -1, -1), pairs)]  # 1 - t and 2 - t fall with t
    return weights, slopes


def _taps(g, length, mode, padding_mode, align_corners):
    """One axis of coordinates (N, *P) -> a list of (place, weight, slope of the weight in g), one for each tap.

    place is -1 where a tap is outside and counts as 0.
    """
    place, scale = _unnormalize(g, length, align_corners)
    if mode == "bicubic":  # every tap is brought inside by itself
        first = np.floor(place)
        weights, slopes = _cubic(place - first)
        taps = [
            (_bring_inside(first + i, length, padding_mode, align_corners)[0], weight, slope * scale)
            for i, weight, slope in zip((-1, 0, 1, 2), weights, slopes)
        ]
    else:
        place, slope = _bring_inside(place, length, padding_mode, align_corners)
        slope = slope * scale
        if mode == "nearest":
            taps = [(np.rint(place), np.ones_like(place), np.zeros_like(place))]
        else:
            first = np.floor(place)
            taps = [(first, first + 1 - place, -slope), (first + 1, place - first, slope)]
    inside = [(place >= 0) & (place <= length - 1) for place, _, _ in taps]
    return [(np.where(ok, place, -1).astype(np.int64), w, s) for ok, (place, w, s) in zip(inside, taps)]


# ---------------------------------------------------------------------- all axes


def taps_of_points(saved):
    """For each combination of taps: its place in the flattened input (N, P) or -1, and each axis's (weight, slope)."""
    x, grid, mode, padding_mode, align_corners = saved
    inputs = x.shape[2:]
    points = grid.reshape(len(grid), prod(grid.shape[1:-1]), len(inputs))
    axes = [
        _taps(points[..., -1 - axis], length, mode, padding_mode, align_corners) for axis, length in enumerate(inputs)
    ]
    for taps in product(*axes):
        place, outside = 0, False
        for (along, _, _), length in zip(taps, inputs):
            place, outside = place * length + along, outside | (along < 0)
        yield np.where(outside, -1, place), [(weight, slope) for _, weight, slope in taps]


def _values(flat, place):
    """flat (N, C, L) at place (N, P), 0 where it is -1 -> (N, C, P)"""
    values = np.take_along_axis(flat, np.maximum(place, 0)[:, None, :], axis=2)
    return np.where(place[:, None, :] < 0, 0, values)


def tap_product(factors):
    result = factors[0]
    for factor in factors[1:]:
        result = result * factor
    return result


def checked_grid_sample(x, grid, mode, padding_mode, align_corners) -> GridSampleSaved:
    n = x.ndim - 2
    if n not in (2, 3) or grid.ndim != x.ndim:
        raise ValueError(
            f"grid_sample: x must be (N, C, H, W) or (N, C, D, H, W) and grid have as many axes, but x is {x.shape}, "
            f"grid {grid.shape}"
        )
    if len(grid) != len(x) or grid.shape[-1] != n:
        raise ValueError(f"grid_sample: grid must be (N, *P, {n}) for x {x.shape}, but is {grid.shape}")
    if 0 in x.shape[2:]:
        raise ValueError(f"grid_sample: the spatial axes of x must not be empty, but x is {x.shape}")
    if mode not in ("bilinear", "nearest", "bicubic") or (mode == "bicubic" and n == 3):
        raise ValueError(f"grid_sample: mode must be bilinear or nearest, for images also bicubic, but is {mode!r}")
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(f"grid_sample: padding_mode must be zeros, border or reflection, but is {padding_mode!r}")
    return GridSampleSaved(x, grid, mode, padding_mode, bool(align_corners))


def grid_sample_forward(x, grid, mode="bilinear", padding_mode="zeros", align_corners=None):
    """x at the points of a grid: y[n, c, p] = Σ_taps (Π_axes weight) · x[n, c, tap], weights from grid[n, p].

    Parameters
    ----------
    x : (N, C, H, W) or (N, C, D, H, W) floating point.
    grid : (N, *P, 2) or (N, *P, 3): coordinates x, y (, z), the innermost axis first; -1 and 1 are the borders.
    mode : "bilinear" (for volumes too), "nearest" (the grid's gradient is 0), "bicubic" (images only).
    padding_mode : what lies beyond the borders: "zeros", "border" (the nearest pixel), "reflection". At and beyond a
        border the derivative with respect to the grid is 0 for "border", and at it for "reflection".
    align_corners : whether -1 and 1 are the middles of the first and last pixel instead of their outer edges.

    Returns
    -------
    y : (N, C, *P). backward : dy -> dx, of x's shape, dgrid, of grid's shape. Coordinates must be numbers: where torch
        takes nan for some place, the result here is not defined either.

    Raises
    ------
    ValueError : shapes that do not fit, an empty axis other than N, an unknown mode, bicubic on volumes.

    Source: Jaderberg et al., "Spatial Transformer Networks", 2015.

    Examples
    --------
    >>> x = np.array([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> y, backward = grid_sample(x, np.zeros((1, 1, 1, 2)))  # the middle
    >>> y
    array([[[[2.5]]]])
    """
    saved = checked_grid_sample(x, grid, mode, padding_mode, align_corners)
    flat = x.reshape(*x.shape[:2], prod(x.shape[2:]))  # (N, C, L)
    y = sum(
        tap_product([weight for weight, _ in factors])[:, None, :] * _values(flat, place)
        for place, factors in taps_of_points(saved)
    )
    return y.reshape(*x.shape[:2], *grid.shape[1:-1]), saved


def grid_sample_backward(dy, saved, needs=(True, True)):
    """dy (N, C, *P) -> dx (N, C, *L), dgrid (N, *P, n)"""
    x, grid = saved.x, saved.grid
    n, length = x.ndim - 2, prod(x.shape[2:])
    flat = x.reshape(*x.shape[:2], length)
    dy = dy.reshape(*x.shape[:2], prod(grid.shape[1:-1]))  # (N, C, P)
    dx, dgrid = np.zeros_like(flat), [0] * n
    for place, factors in taps_of_points(saved):
        weights = [weight for weight, _ in factors]
        # y = Σ_taps (Π_axes weight) · x[tap]
        if needs[0]:
            dx += scatter_add(tap_product(weights)[:, None, :] * dy, place[:, None, :], (length,))
        if needs[1] and saved.mode != "nearest":
            dtap = (dy * _values(flat, place)).sum(axis=1)  # (N, P)
            for axis, (_, slope) in enumerate(factors):
                others = [*weights[:axis], slope, *weights[axis + 1 :]]
                dgrid[axis] = dgrid[axis] + tap_product(others) * dtap
    if needs[1]:
        dgrid = np.zeros_like(grid) if saved.mode == "nearest" else np.stack(dgrid[::-1], axis=-1)
    return dx.reshape(x.shape) if needs[0] else None, dgrid.reshape(grid.shape) if needs[1] else None


grid_sample = Op(grid_sample_forward, grid_sample_backward)


# ---------------------------------------------------------------------- affine grids


def affine_grid_forward(theta, size, align_corners=None):
    """The grid of an affine map: grid[n, p] = theta[n] @ (x, y, (z,) 1), for the points p of an upright grid.

    Parameters
    ----------
    theta : (N, 2, 3) for images, (N, 3, 4) for volumes, floating point.
    size : (N, C, H, W) or (N, C, D, H, W): the shape of what `grid_sample` is to return.
    align_corners : as for `grid_sample`.

    Returns
    -------
    grid : (N, H, W, 2) or (N, D, H, W, 3). backward : dgrid -> dtheta, of theta's shape.

    Raises
    ------
    ValueError : size and theta do not fit, or a size is not positive.
    """
    size = tuple(size)
    n = len(size) - 2
    if n not in (2, 3) or theta.shape != (size[0], n, n + 1) or min(size) < 1:
        raise ValueError(
            "affine_grid: theta must be (N, 2, 3) for a size (N, C, H, W), (N, 3, 4) for (N, C, D, H, W), all at least "
            f"1, but is {theta.shape} for {size}"
        )
    coordinates = []  # (*P) each, the innermost axis first
    for axis, length in reversed([*enumerate(size[2:])]):
        edge = (1.0 if align_corners else (length - 1) / length) if length > 1 else 0.0
        line = np.linspace(-edge, edge, length) if length > 1 else np.zeros(1)
        coordinates.append(np.broadcast_to(line.reshape(-1, *[1] * (n - 1 - axis)), size[2:]))
    points = np.stack([*coordinates, np.ones(size[2:])], axis=-1).reshape(-1, n + 1)  # (P, n + 1)
    points = on_device_of(theta, points.astype(theta.dtype))
    grid = points @ theta.swapaxes(1, 2)  # (P, n + 1) @ (N, n + 1, n) -> (N, P, n)
    return grid.reshape(size[0], *size[2:], n), points


def affine_grid_backward(dgrid, points):
    """dgrid (N, *P, n) -> dtheta (N, n, n + 1)"""
    dgrid = dgrid.reshape(len(dgrid), -1, dgrid.shape[-1])  # (N, P, n)
    # grid = points @ theta.swapaxes(1, 2)
    return dgrid.swapaxes(1, 2) @ points  # (N, n, P) @ (P, n + 1) -> (N, n, n + 1)


affine_grid = Op(affine_grid_forward, affine_grid_backward, arrays=("theta",))
