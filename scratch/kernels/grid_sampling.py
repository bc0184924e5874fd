"""Sampling at the points of a grid as one sparse product: y = matrix @ x, with a row for each point.

The matrix (N·P, N·L) holds the weights of each point's taps. With the channels last every weight meets a run of C
numbers; dx is the transposed matrix's product with dy, and no tap needs a scatter of its own. Each thread has some of
the images, and a matrix for them.

Axes: N batch, C channels, P points, L places of the flattened input, T taps.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import numpy as np
from scipy import sparse

from scratch.grid_sampling import GridSampleSaved, checked_grid_sample, grid_sample, tap_product, taps_of_points
from scratch.kernels.activations import large
from scratch.kernels.blocks import SMALL, parallel


class GridSampleKernelSaved(NamedTuple):
    """The textbook's, and the matrices made from it."""

    arguments: GridSampleSaved
    matrices: dict[tuple[int, int], sparse.csr_array]  # (n P, n L) of the images from .. to


def channels_last(a):
    """(N, C, *L) -> (N L, C)"""
    return np.ascontiguousarray(a.reshape(*a.shape[:2], -1).swapaxes(1, 2)).reshape(-1, a.shape[1])


def channels_first(rows, shape):
    """(N L, C) -> (N, C, *L)"""
    return np.ascontiguousarray(rows.reshape(shape[0], -1, shape[1]).swapaxes(1, 2)).reshape(shape)


def some_images(saved, lo, hi):
    return saved._replace(x=saved.x[lo:hi], grid=saved.grid[lo:hi])


def matrix_of(saved):
    """(N P, N L)"""
    taps = [*taps_of_points(saved)]
    places = np.stack([place for place, _ in taps], axis=-1).reshape(-1, len(taps))  # (N P, T)
    weights = np.stack([tap_product([w for w, _ in factors]) for _, factors in taps], axis=-1).reshape(places.shape)
    images, length, inside = len(saved.x), prod(saved.x.shape[2:]), places >= 0
    image = np.repeat(np.arange(images) * length, len(places) // images)
    ends = np.concatenate([[0], inside.sum(axis=1).cumsum()])
    columns = (places + image[:, None])[inside]
    return sparse.csr_array((weights[inside], columns, ends), shape=(len(places), images * length))


def grid_sample_forward(x, grid, mode="bilinear", padding_mode="zeros", align_corners=None):
    saved = checked_grid_sample(x, grid, mode, padding_mode, align_corners)
    y, matrices = np.empty((*x.shape[:2], *grid.shape[1:-1]), x.dtype), {}

    def some(lo, hi):
        matrices[lo, hi] = matrix = matrix_of(some_images(saved, lo, hi))
        y[lo:hi] = channels_first(matrix @ channels_last(x[lo:hi]), y[lo:hi].shape)

    parallel(some, len(x), 1 if y.size < SMALL else None)
    return y, GridSampleKernelSaved(saved, matrices)


def grid_sample_backward(dy, saved, needs=(True, True)):
    """dy (N, C, *P) -> dx (N, C, *L), dgrid (N, *P, n)"""
    arguments, parts = saved.arguments, list(saved.matrices)
    dx = np.empty_like(arguments.x) if needs[0] else None
    dgrid = np.zeros_like(arguments.grid) if needs[1] else None

    def some(first, last):
        for lo, hi in parts[first:last]:
            rows = channels_last(dy[lo:hi])  # (n P, C)
            if dx is not None:
                dx[lo:hi] = channels_first(saved.matrices[lo, hi].T @ rows, dx[lo:hi].shape)
            if dgrid is not None and arguments.mode != "nearest":
                add_to_grid(dgrid[lo:hi], rows, some_images(arguments, lo, hi))

    parallel(some, len(parts))
    return dx, dgrid


def add_to_grid(dgrid, rows, saved):
    x, grid = saved.x, saved.grid
    values, image = channels_last(x), np.arange(len(x))[:, None] * prod(x.shape[2:])
    for place, factors in taps_of_points(saved):
        # y = Σ_taps (Π_axes weight) · x[tap], and x is 0 outside
        dtap = np.vecdot(values[(np.maximum(place, 0) + image).reshape(-1)], rows).reshape(place.shape)
        dtap = np.where(place < 0, 0, dtap)
        for axis, (_, slope) in enumerate(factors):
            others = [slope if i == axis else weight for i, (weight, _) in enumerate(factors)]
            dgrid[..., -1 - axis] += (tap_product(others) * dtap).reshape(grid.shape[:-1])


def suits(x, grid, *_, **__) -> bool:
    return large(x) and x.dtype == grid.dtype and grid.size > 0


grid_sample.register(grid_sample_forward, grid_sample_backward, when=suits)
