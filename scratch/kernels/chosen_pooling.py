"""Adaptive and fractional pooling: windows that are not evenly spaced, or whose number is given.

A few planes at a time, still in cache, and by several threads. The sums over a few windows along the last axis are a
product with a matrix of 0 and 1. Its result has the windows in front, so that the next axis is the last one then, and
nothing is transposed; the backward goes the same way back. For maxima the items of a window are brought together, and
one call finds the largest of each.
Fractional windows are read tap by tap, all windows at once. What nans need is done only where a maximum is nan.
"""

from __future__ import annotations

from functools import partial
from itertools import product
from math import prod

import numpy as np

from scratch import adaptive_pooling, fractional_pooling
from scratch.adaptive_pooling import adaptive_windows, output_sizes
from scratch.fractional_pooling import fractional_windows
from scratch.kernels.activations import large
from scratch.kernels.pooling import by_planes, planes_of
from scratch.pooling import MaxPoolSaved

# ---------------------------------------------------------------------- adaptive averages

FEW = 32  # windows along one axis up to which a product with a matrix is as fast as adding neighbours


def adaptive_avg_pool(name, n, x, output_size):
    inputs, outputs = x.shape[-n:], output_sizes(name, n, x, output_size)
    planes, axes, sizes = planes_of(x, n), *windows_of(inputs, outputs, x.dtype)
    y = np.empty((len(planes), *outputs), x.dtype)

    def some(part):
        total = planes[part]
        with np.errstate(over="ignore", invalid="ignore"):
            for length, count, member in reversed(axes):  # (..., L) -> (P, ...)
                if member is None:
                    total = np.einsum("rpk->rp", total.reshape(-1, count, length // count)).T
                else:
                    total = member.T @ total.reshape(-1, length).T
        np.divide(np.moveaxis(total.reshape(*outputs, -1), -1, 0), sizes, out=y[part])
        if not np.isfinite(y[part]).all():  # a product brings inf and nan into windows that they are not in: 0 · inf
            y[part], _ = getattr(adaptive_pooling, name).forward(planes[part], outputs)

    by_planes(some, len(planes), prod(inputs))
    return y.reshape(*x.shape[:-n], *outputs), inputs


def adaptive_avg_pool_backward(dy, inputs):
    """dy (..., *P) -> dx (..., *L), where saved is *L"""
    n = len(inputs)
    gradients, (axes, sizes) = planes_of(dy, n), windows_of(inputs, dy.shape[-n:], dy.dtype)
    dx = np.empty((len(gradients), *inputs), dy.dtype)

    def some(part):
        dtotal = gradients[part] / sizes
        if not np.isfinite(dtotal).all():
            dx[part] = adaptive_pooling.adaptive_avg_pool_backward(gradients[part], inputs)
            return
        dtotal = np.moveaxis(dtotal, 0, -1)
        for i, (length, count, member) in enumerate(axes, start=1):  # (P, ...) -> (..., L)
            rows = dtotal.reshape(count, -1).T
            dtotal = (dx[part] if i == n else np.empty(len(rows) * length, dy.dtype)).reshape(len(rows), length)
            if member is None:
                dtotal.reshape(len(rows), count, -1)[...] = rows[..., None]
            else:
                np.matmul(rows, member.T, out=dtotal)

    by_planes(some, len(dx), prod(inputs))
    return dx.reshape(*dy.shape[:-n], *inputs)


def windows_of(inputs, outputs, dtype):
    """L, P and the windows of each axis: a matrix (L, P), 1 where place l is in window p, or None where a plain sum of
    neighbours takes less time; and the number of items in each window, (*P)."""
    axes, sizes = [], np.ones((), dtype)
    for length, count in zip(inputs, outputs):
        member = np.zeros((length, count), dtype) if 1 < count <= FEW else None
        windows = adaptive_windows(length, count)
        if member is not None:
            for p, window in enumerate(windows):
                member[window, p] = 1
        axes.append((length, count, member))
        sizes = np.multiply.outer(sizes, np.array([window.stop - window.start for window in windows], dtype))
    return axes, sizes


def suits_adaptive(name, n, x, output_size, *_, **__) -> bool:
    return large(x) and min(output_sizes(name, n, x, output_size)) > 0


def suits_average(name, n, x, output_size) -> bool:
    """Along each axis few windows, whose matrix is no larger than x, or windows that do not overlap."""
    if not suits_adaptive(name, n, x, output_size):
        return False
    axes = zip(x.shape[-n:], output_sizes(name, n, x, output_size))
    return all(length * count <= x.size if 1 < count <= FEW else length % count == 0 for length, count in axes)


# ---------------------------------------------------------------------- maxima


def adaptive_max_pool(name, n, x, output_size, return_indices=False):
    inputs, outputs = x.shape[-n:], output_sizes(name, n, x, output_size)
    planes, reach = planes_of(x, n), [*map(indices_of_windows, inputs, outputs)]
    y, indices = np.empty((len(planes), prod(outputs)), x.dtype), np.empty((len(planes), prod(outputs)), np.int64)
    every = np.arange(prod(outputs))
    places = in_windows(np.arange(prod(inputs)).reshape(1, *inputs), reach)[0]  # (windows, items)

    def some(part):
        values = in_windows(planes[part], reach)
        winner = values.argmax(axis=-1)
        best = np.take_along_axis(values, winner[..., None], -1)[..., 0]
        found = places[every, winner]
        if np.isnan(best.max()):  # of several nans the last wins
            (best, found), _ = adaptive_pooling.adaptive_max_pool(name, n, planes[part], output_size, True)
        y[part], indices[part] = best.reshape(-1, len(every)), found.reshape(-1, len(every))

    by_planes(some, len(planes), prod(inputs))
    y, indices = (a.reshape(*x.shape[:-n], *outputs) for a in (y, indices))
    return ((y, indices.copy()) if return_indices else y), MaxPoolSaved(indices, inputs)


def indices_of_windows(length, count):
    """(P, k): what each window along one axis reads; the shorter ones read their last item twice."""
    windows = adaptive_windows(length, count)
    k = max(window.stop - window.start for window in windows)
    return np.array([np.minimum(np.arange(w.start, w.start + k), w.stop - 1) for w in windows])


def in_windows(planes, reach):
    """(b, *L) -> (b, windows, items of a window in row-major order)"""
    for axis, index in enumerate(reach, start=1):
        if index.size != planes.shape[axis]:  # windows overlap
            planes = np.take(planes, index.reshape(-1), axis=axis)
    planes = planes.reshape(len(planes), *(size for index in reach for size in index.shape))
    windows, items = range(1, planes.ndim, 2), range(2, planes.ndim, 2)
    return planes.transpose(0, *windows, *items).reshape(len(planes), prod(len(index) for index in reach), -1)


def fractional_max_pool(
    name, n, x, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None, *,
    rng=None,
):  # fmt: skip
    kernel, outputs, starts = fractional_windows(
        name, n, x, kernel_size, output_size, output_ratio, _random_samples, rng
    )
    inputs = x.shape[-n:]
    planes, starts = planes_of(x, n), [s.reshape(-1, s.shape[-1]) for s in starts]  # (planes, P) for each axis
    steps = [prod(inputs[axis + 1 :]) for axis in range(n)]
    y, indices = np.empty((len(planes), *outputs), x.dtype), np.empty((len(planes), *outputs), np.int64)
    taps = [sum(t * step for t, step in zip(tap, steps)) for tap in product(*map(range, kernel))]

    def some(part):
        values, best, winner = planes[part].reshape(-1), y[part], indices[part]
        plane = np.arange(len(best)).reshape(-1, *[1] * n) * prod(inputs)
        first = plane  # the place of every window's first tap: (b, *P)
        for axis, (start, step) in enumerate(zip(starts, steps)):
            first = first + (start[part] * step).reshape(len(best), *[-1 if i == axis else 1 for i in range(n)])
        np.take(values, first, out=best, mode="clip")
        winner[...] = first
        place, value, larger = first.copy(), np.empty_like(best), np.empty(best.shape, bool)
        for tap in taps[1:]:
            np.add(first, tap, out=place)
            np.take(values, place, out=value, mode="clip")  # clip: "raise" would go through a copy
            np.greater(value, best, out=larger)
            np.maximum(value, best, out=best)  # a nan stays
            np.copyto(winner, place, where=larger)
        if np.isnan(best.max()):  # of several nans the last wins
            for tap in taps:
                np.copyto(winner, first + tap, where=np.isnan(values[first + tap]))
        winner -= plane

    by_planes(some, len(planes), prod(inputs))
    y, indices = (a.reshape(*x.shape[:-n], *outputs) for a in (y, indices))
    return ((y, indices.copy()) if return_indices else y), MaxPoolSaved(indices, inputs)


def max_pool_backward(dy, saved):
    """dy (..., *P) -> dx (..., *L): each dy goes to the place its maximum came from; windows that overlap add up."""
    indices, inputs = saved
    if type(dy) is tuple:
        dy = dy[0]
    if dy is None:
        return None
    n, length = len(inputs), prod(inputs)
    gradients, indices = planes_of(dy, n), planes_of(indices, n)
    dx = np.empty((len(gradients), length), dy.dtype)

    def some(part):
        dx[part] = 0
        places = indices[part] + np.arange(len(dx[part])).reshape(-1, *[1] * n) * length
        np.add.at(dx[part].reshape(-1), places.reshape(-1), gradients[part].reshape(-1))

    by_planes(some, len(dx), length)
    return dx.reshape(*dy.shape[:-n], *inputs)


def fractional_max_pool_backward(dy, saved):
    return max_pool_backward(dy, saved), None


for n in (1, 2, 3):
    name = f"adaptive_avg_pool{n}d"
    getattr(adaptive_pooling, name).register(
        partial(adaptive_avg_pool, name, n), adaptive_avg_pool_backward, when=partial(suits_average, name, n)
    )
    name = f"adaptive_max_pool{n}d"
    getattr(adaptive_pooling, name).register(
        partial(adaptive_max_pool, name, n), max_pool_backward, when=partial(suits_adaptive, name, n)
    )
for n in (2, 3):
    name = f"fractional_max_pool{n}d"
    getattr(fractional_pooling, name).register(
        partial(fractional_max_pool, name, n), fractional_max_pool_backward, when=large
    )
