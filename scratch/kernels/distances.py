"""All distances between two sets of vectors, for the 2-norm, by matrix products.

Fast because ‖a - b‖² = ‖a‖² + ‖b‖² - 2 a·b is a product of matrices, and so is each gradient: with w = dy / y it is
Σ w (a - b) = a Σ w - w @ b. Differences of all pairs, M times as large, are never made. Such a formula loses digits
where two vectors are much nearer to each other than to the origin; so the origin is moved to their centre, products
are taken in float64, and pairs that are near by that measure (NEAR) go by their difference, as in the textbook.

Axes: G all leading axes, broadcast; P and R vectors; M the entries of a vector.
"""

from __future__ import annotations

import math

import numpy as np

from scratch.distances import AllDistancesSaved as Saved
from scratch.distances import cdist, check_cdist, check_vectors, pdist
from scratch.kernels.blocks import BLOCK
from scratch.op import unbroadcast

LARGE = 16384  # differences: below, the textbook's few calls take less time
# the least ‖a - b‖² / (‖a‖² + ‖b‖²) that leaves 1e-9 of a float32's result uncertain, or 1e-14 of a float64's
NEAR = {"f": 1e-6, "d": 1e-2}


def cdist_forward(x1, x2, p=2.0, compute_mode="use_mm_for_euclid_dist_if_necessary"):
    check_cdist(x1, x2, p, compute_mode)
    pair1, pair2, leading = in_one_batch(x1, x2)
    y = np.empty((len(pair1), pair1.shape[1], pair2.shape[1]), x1.dtype)
    for one, two, distances in zip(pair1, pair2, y):
        fill_distances(one, two, distances)
    y = y.reshape(*leading, *y.shape[1:])
    return y, Saved(x1, x2, y.copy(), p)


def in_one_batch(x1, x2):
    """Both as (G, P, M), (G, R, M), and their leading axes."""
    leading = np.broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
    both = (np.broadcast_to(x, leading + x.shape[-2:]) for x in (x1, x2))
    return *(x.reshape(math.prod(leading), *x.shape[-2:]) for x in both), leading


def fill_distances(x1, x2, y, same=False):
    """The distances of x1 (P, M) to x2 (R, M), written into y (P, R); if they are the same, inf on the diagonal."""
    for rows, a, b, squares_a, squares_b in blocks_of_rows(x1, x2):
        # a² + b² - 2 a·b as one product
        left = np.column_stack([a, squares_a, np.ones_like(squares_a)])
        squares = left @ np.column_stack([-2 * b, np.ones_like(squares_b), squares_b]).T
        if same:
            squares.reshape(-1)[rows.start :: len(x2) + 1] = np.inf
        np.copyto(y[rows], squares, casting="same_kind")
        if any_near(squares.min(), squares_a, squares_b, y.dtype):
            near = np.logical_not(squares > bounds(squares_a, squares_b, y.dtype))  # nan too
            for i, j, difference in differences(x1[rows], x2, near):
                y[rows][i, j] = (difference * difference).sum(axis=1)
        np.sqrt(y[rows], out=y[rows])


def blocks_of_rows(x1, x2):
    """For some rows of x1 at a time: which, those rows a and all of x2, b, about their centre in float64, a² and b²."""
    centre = x2.mean(axis=0, dtype=np.float64)
    b = x2 - centre
    squares = np.vecdot(b, b)
    step = max(1, BLOCK // len(x2))
    for lo in range(0, len(x1), step):
        a = x1[lo : lo + step] - centre
        yield slice(lo, lo + len(a)), a, b, np.vecdot(a, a), squares


def bounds(squares_a, squares_b, dtype):
    """What the square of a distance must exceed for its formula to be precise."""
    return np.add.outer(NEAR[dtype.char] * squares_a, NEAR[dtype.char] * squares_b)


def any_near(least, squares_a, squares_b, dtype) -> bool:
    """Whether one may be near, judged by the least of all squares alone; seldom, and then each is looked at."""
    return not least > NEAR[dtype.char] * (squares_a.max() + squares_b.max())


def differences(x1, x2, near):
    """Where near is true, a few pairs at a time: i, j, x1[i] - x2[j]."""
    places = np.flatnonzero(near)
    step = max(1, BLOCK // x1.shape[1])
    for k in range(0, len(places), step):
        i, j = np.divmod(places[k : k + step], near.shape[1])
        yield i, j, x1[i] - x2[j]


def cdist_backward(dy, saved):
    x1, x2, y, _ = saved
    if not np.isfinite(dy).all():  # 0 · inf is nan, as in the textbook
        return cdist.backward(dy, saved)
    pair1, pair2, leading = in_one_batch(x1, x2)
    dx1, dx2 = np.zeros_like(pair1, np.float64), np.zeros_like(pair2, np.float64)
    shape = len(pair1), *dy.shape[-2:]
    for arrays in zip(dy.reshape(shape), y.reshape(shape), pair1, pair2, dx1, dx2):
        add_gradients(*arrays)
    dx1, dx2 = (dx.reshape(*leading, *dx.shape[1:]) for dx in (dx1, dx2))
    return unbroadcast(dx1, x1.shape).astype(x1.dtype), unbroadcast(dx2, x2.shape).astype(x2.dtype)


def add_gradients(dy, y, x1, x2, dx1, dx2=None):
    """Add to dx1 (P, M), and to dx2 (R, M) if wanted, what comes from dy (P, R)."""
    for rows, a, b, squares_a, squares_b in blocks_of_rows(x1, x2):
        distance = y[rows]
        if any_near(distance.min() ** 2, squares_a, squares_b, y.dtype):
            near = np.logical_not(distance * distance > bounds(squares_a, squares_b, y.dtype))
            w = dy[rows] / np.where(distance == 0, np.inf, distance)  # a slope of 0
            for i, j, difference in differences(x1[rows], x2, near & (w != 0)):
                part = w[i, j][:, None] * difference
                np.add.at(dx1[rows], i, part)
                if dx2 is not None:
                    np.subtract.at(dx2, j, part)
            w[near] = 0
        else:
            w = dy[rows] / distance
        w = w.astype(np.float64)
        # y = ‖a - b‖: dx1 = Σ_j w (a - b), dx2 = Σ_i w (b - a)
        dx1[rows] += a * w.sum(axis=1)[:, None] - w @ b
        if dx2 is not None:
            dx2 += b * w.sum(axis=0)[:, None] - w.T @ a


def pdist_forward(x, p=2.0):
    check_vectors("pdist", p, x=x)
    distances = np.empty((len(x), len(x)), x.dtype)
    fill_distances(x, x, distances, same=True)
    return distances[above(distances)], Saved(x, x, distances, p)


def pdist_backward(dy, saved):
    if not np.isfinite(dy).all():
        return pdist.backward(dy, saved)
    x, _, y, _ = saved
    ddistances = np.zeros_like(y)
    ddistances[above(y)] = dy
    ddistances += ddistances.T  # so that dx1 has it all
    dx = np.zeros_like(x, np.float64)
    add_gradients(ddistances, y, x, x, dx)
    return dx.astype(x.dtype)


def above(y):
    """True above the diagonal of y (P, P): picking by it is faster than by indices."""
    return ~np.tri(len(y), dtype=bool)


def suits(x1, x2, p=2.0, compute_mode="use_mm_for_euclid_dist_if_necessary") -> bool:
    """The 2-norm of finite vectors, enough of them."""
    return (
        p == 2
        and x1.dtype.char in "fd"
        and x1.dtype == x2.dtype
        and min(x1.ndim, x2.ndim) >= 2
        and min(x1.size, x2.size) > 0
        and x1.size * x2.shape[-2] >= LARGE
        and bool(np.isfinite(x1).all() and np.isfinite(x2).all())
    )


def suits_pdist(x, p=2.0) -> bool:
    return x.ndim == 2 and suits(x, x, p)


cdist.register(cdist_forward, cdist_backward, when=suits)
pdist.register(pdist_forward, pdist_backward, when=suits_pdist)
