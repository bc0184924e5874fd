"""Sampling at the points of a grid as one sparse product: y = matrix @ x, with a row for each point.

The matrix (N·P, N·L) holds the weights of each point's taps. With the channels last every weight meets a run of C
numbers; dx is the transposed matrix's product with dy, and no tap needs a scatter of its own.

Axes: N batch, C channels, P points, L places of the flattened input, T taps.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import numpy as np
from scipy import sparse

from scratch.grid_sampling import GridSampleSaved, checked_grid_sample, grid_sample, tap_product, taps_of_points
from scratch.kernels.activations import large


class GridSampleKernelSaved(NamedTuple):
    """The textbook's, and the matrix made from it."""

    arguments: GridSampleSaved
    matrix: sparse.csr_array  # (N P, N L)


def channels_last(a):
    """(N, C, *L) -> (N L, C)"""
    return np.ascontiguousarray(a.reshape(*a.shape[:2], -1).swapaxes(1, 2)).reshape(-1, a.shape[1])


def channels_first(rows, shape):
    """(N L, C) -> (N, C, *L)"""
    return np.ascontiguousarray(rows.reshape(shape[0], -1, shape[1]).swapaxes(1, 2)).reshape(shape)


def grid_sample_forward(x, grid, mode="bilinear", padding_mode="zeros", align_corners=None):
    saved = checked_grid_sample(x, grid, mode, padding_mode, align_corners)
    taps = [*taps_of_points(saved)]
    places = np.stack([place for place, _ in taps], axis=-1).reshape(-1, len(taps))  # (N P, T)
    weights = np.stack([tap_product([w for w, _ in factors]) for _, factors in taps], axis=-1).reshape(places.shape)
    length, inside = prod(x.shape[2:]), places >= 0
    image = np.repeat(np.arange(len(x)) * length, len(places) // len(x))
    ends = np.concatenate([[0], inside.sum(axis=1).cumsum()])
    columns = (places + image[:, None])[inside]
    matrix = sparse.csr_array((weights[inside], columns, ends), shape=(len(places), len(x) * length))
    y = matrix @ channels_last(x)
    return channels_first(y, (*x.shape[:2], *grid.shape[1:-1])), GridSampleKernelSaved(saved, matrix)


def grid_sample_backward(dy, saved, needs=(True, True)):
    """dy (N, C, *P) -> dx (N, C, *L), dgrid (N, *P, n)"""
    (x, grid, mode, *_), matrix = saved
    dx = dgrid = None
    rows = channels_last(dy)  # (N P, C)
    if needs[0]:
        dx = channels_first(matrix.T @ rows, x.shape)
    if needs[1]:
        dgrid = np.zeros_like(grid)
        if mode != "nearest":
            values, image = channels_last(x), np.arange(len(x))[:, None] * prod(x.shape[2:])
            for place, factors in taps_of_points(saved.arguments):
                # y = Σ_taps (Π_axes weight) · x[tap], and x is 0 outside
                dtap = np.vecdot(values[(np.maximum(place, 0) + image).reshape(-1)], rows).reshape(place.shape)
                dtap = np.where(place < 0, 0, dtap)
                for axis, (_, slope) in enumerate(factors):
                    others = [slope if i == axis else weight for i, (weight, _) in enumerate(factors)]
                    dgrid[..., -1 - axis] += (tap_product(others) * dtap).reshape(grid.shape[:-1])
    return dx, dgrid


def suits(x, grid, *_, **__) -> bool:
    return large(x) and x.dtype == grid.dtype and grid.size > 0


grid_sample.register(grid_sample_forward, grid_sample_backward, when=suits)
