"""Fast max and average pooling on a CPU, over one to three spatial axes.

Max: a running maximum over the taps, in place, and the number of the winning tap in one byte instead of its place in
eight. The backward visits each tap once and needs no scatter.
Average: a window is a product of intervals, so adding along one axis after the other takes R + S additions, not R·S.

Both take as many of the N·C planes at a time as fit into the cache, in several threads.
"""

from __future__ import annotations

from functools import lru_cache, partial
from itertools import product
from math import prod
from typing import NamedTuple

import numpy as np

from scratch import pooling
from scratch.kernels.blocks import SMALL, block_size, parallel
from scratch.pooling import AvgPoolSaved, avg_divisor, pool_windows

LARGE = 1024  # items: below, the textbook's few calls take less time


def planes_of(a, n):
    """(..., *L) -> (planes, *L), contiguous"""
    return np.ascontiguousarray(a).reshape(prod(a.shape[:-n]), *a.shape[-n:])


def by_planes(task, planes, items, least=0):
    """`task(part)` for slices of the planes, each of so many items; from SMALL or `least` in all on all threads."""
    step = max(1, 2 * block_size(planes * items) // max(1, items))

    def some(lo, hi):
        for i in range(lo, hi, step):
            task(slice(i, min(i + step, hi)))

    parallel(some, planes, 1 if planes * items < (least or SMALL) else None)


# ---------------------------------------------------------------------- max pooling


class Phases:
    """The input sorted by phase: phase f holds the padded places f, f + stride, f + 2·stride, ... of each axis.

    Window p meets its tap r in phase r mod stride at place p + r // stride. So in the flattened phase one tap of all
    windows is one run, shifted by a constant, and every pass over it is one long contiguous loop instead of one short
    strided loop per row. The runs also cover places where no window is (`grid` is a little larger than the outputs);
    what comes out there is cut away.
    """

    def __init__(self, windows):
        w = self.windows = windows
        axes = [*zip(w.kernel, w.stride, w.padding, w.inputs, w.outputs)]
        self.grid = tuple(out + (k - 1) // s for k, s, _, _, out in axes)
        self.exact = self.grid == w.outputs
        self.crop = (slice(None), *map(slice, w.outputs))
        self.taps = []  # (phase, shift) of each tap, in row-major order
        for tap in product(*map(range, w.kernel)):
            phase, shift = tuple(r % s for r, s in zip(tap, w.stride)), 0
            for r, s, g in zip(tap, w.stride, self.grid):
                shift = shift * g + r // s
            self.taps.append((phase, shift))
        self.places = {}  # phase -> (where in the phase, where in the input) its places lie
        for phase, _ in self.taps:
            slices = [_meet(f, s, p, length, g) for f, (_, s, p, length, _), g in zip(phase, axes, self.grid)]
            self.places[phase] = tuple((slice(None), *axis) for axis in zip(*slices))

    def split(self, x):
        """x (planes, *L) -> {phase: (planes · grid,)}, with -inf for the padding"""
        phases = {}
        for phase, (here, there) in self.places.items():
            array = np.full((len(x), *self.grid), -np.inf, x.dtype)
            array[here] = x[there]
            phases[phase] = array.reshape(-1)
        return phases

    def runs(self, phases):
        """For each tap its value in all windows, as flat views that begin with the first window."""
        length = next(iter(phases.values())).size - self.taps[-1][1]  # the last tap is shifted most
        for phase, shift in self.taps:
            yield phases[phase][shift : shift + length]


@lru_cache(maxsize=256)
def _layout(windows):
    """The phases of these windows and their first taps, made once: for a small image that takes as long as the pool."""
    return Phases(windows), _first_inside(windows)


def _meet(f, stride, padding, length, grid):
    """Where along one axis phase f and the input lie on each other: slices of the phase and of the input."""
    first = max(0, -((f - padding) // stride))
    start = first * stride + f - padding
    count = max(0, min(grid - first, -((start - length) // stride)))
    return slice(first, first + count), slice(start, start + count * stride, stride)


class MaxPoolKernelSaved(NamedTuple):
    """One byte for each output."""

    winner: np.ndarray  # (planes, *grid) int8: the number of the winning tap, in row-major order
    phases: Phases


def _max_pool(name, n, x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    windows = pool_windows(name, n, x, kernel_size, stride, padding, dilation, ceil_mode)
    planes, (phases, first) = planes_of(x, n), _layout(windows)
    y = np.empty((len(planes), *windows.outputs), x.dtype)
    winner = np.zeros((len(planes), *phases.grid), np.int8)

    def some(part):
        parts = phases.split(planes[part])
        runs = [*phases.runs(parts)]
        whole = y[part] if phases.exact else np.zeros((len(y[part]), *phases.grid), x.dtype)
        best, won = whole.reshape(-1)[: runs[0].size], winner[part].reshape(-1)[: runs[0].size]
        larger, number = np.empty(best.shape, bool), np.empty(best.shape, np.int8)
        best[...] = runs[0]
        if first is not None:
            winner[part][phases.crop] = first
        for t, value in enumerate(runs[1:], start=1):
            np.greater(value, best, out=larger)
            np.maximum(value, best, out=best)  # a nan stays
            np.multiply(larger.view(np.int8), np.int8(t), out=number)
            np.maximum(won, number, out=won)
        if np.isnan(best.max()):  # of several nans the last wins
            for t, value in enumerate(runs):
                won[np.isnan(value)] = t
        if not phases.exact:
            y[part] = whole[phases.crop]

    by_planes(some, len(planes), prod(windows.inputs))
    y = y.reshape(*x.shape[:-n], *windows.outputs)
    if return_indices:
        y = y, _flat_indices(winner[phases.crop], windows).reshape(y.shape)
    return y, MaxPoolKernelSaved(winner, phases)


def _first_inside(windows):
    """(*P) int8: each window's first tap that is not padding, which wins where nothing is larger than -inf."""
    if not any(windows.padding):
        return None  # always tap 0
    first = np.zeros(windows.outputs, np.int8)
    inside = windows.pad(np.ones(windows.inputs, bool), False)
    for t, tap in reversed([*enumerate(windows.taps())]):
        first[inside[tap]] = t
    return first


def _flat_indices(winner, windows):
    """(planes, *P) int64: the winners' places in the input's flattened spatial axes."""
    window = tap = np.zeros((), np.int64)  # the place of each window's first tap, of each tap relative to it
    for k, s, p, length, outputs in zip(
        windows.kernel, windows.stride, windows.padding, windows.inputs, windows.outputs
    ):
        window = window[..., None] * length + np.arange(outputs) * s - p
        tap = tap[..., None] * length + np.arange(k)
    return window + tap.reshape(-1)[winner]


def max_pool_backward(dy, saved):
    """dy (..., *P) -> dx (..., *L)"""
    winner, phases = saved
    if type(dy) is tuple:
        dy = dy[0]
    if dy is None:
        return None
    windows = phases.windows
    n = len(windows.inputs)
    dy_planes = planes_of(dy, n)
    dx = np.zeros((len(winner), *windows.inputs), dy.dtype)
    integer = np.dtype(f"i{dy.itemsize}")

    def some(part):
        whole = dy_planes[part]
        if not phases.exact:  # nothing comes from where no window is
            whole = np.zeros(winner[part].shape, dy.dtype)
            whole[phases.crop] = dy_planes[part]
        won, bits = winner[part].reshape(-1), whole.reshape(-1).view(integer)
        # A float times 0 or 1 as integers: its bits or none, so that inf and nan reach their winner only.
        dphase, chosen = np.empty(bits.shape, integer), np.empty(bits.shape, integer)
        for phase, (here, there) in phases.places.items():
            first, *others = ((t, shift) for t, (visited, shift) in enumerate(phases.taps) if visited == phase)
            np.equal(won, first[0], out=dphase, casting="unsafe")  # its shift is 0
            np.multiply(dphase, bits, out=dphase)
            total = dphase.view(dy.dtype)
            for t, shift in others:
                run = slice(0, len(bits) - shift)
                np.equal(won[run], t, out=chosen[run], casting="unsafe")
                chosen[run] *= bits[run]
                total[shift:] += chosen[run].view(dy.dtype)
            dx[part][there] = total.reshape(whole.shape)[here]

    by_planes(some, len(dx), prod(windows.inputs))
    return dx.reshape(*dy.shape[:-n], *windows.inputs)


# ---------------------------------------------------------------------- average pooling


def _along(windows, axis):
    """For each tap along one spatial axis the slices that visit it, the other axes whole."""
    n, s, out = len(windows.inputs), windows.stride[axis], windows.outputs[axis]
    for r in range(windows.kernel[axis]):
        yield (..., slice(r, r + s * (out - 1) + 1, s), *[slice(None)] * (n - 1 - axis))


def _avg_pool(
    name, n, x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None
):
    windows = pool_windows(name, n, x, kernel_size, stride, padding, ceil_mode=ceil_mode)
    divisor = avg_divisor(name, windows, count_include_pad, divisor_override, x)
    planes, unpadded = planes_of(x, n), windows.padded == windows.inputs
    y = np.empty((len(planes), *windows.outputs), x.dtype)

    def some(part):
        total = planes[part] if unpadded else windows.pad(planes[part], 0)
        for axis in range(n):
            first, *others = (total[tap] for tap in _along(windows, axis))
            total = first + others[0] if others else first
            for value in others[1:]:
                total += value
        np.divide(total, divisor, out=y[part])

    by_planes(some, len(planes), prod(windows.inputs))
    return y.reshape(*x.shape[:-n], *windows.outputs), AvgPoolSaved(windows, divisor)


def avg_pool_backward(dy, saved):
    """dy (..., *P) -> dx (..., *L)"""
    windows, divisor = saved
    n = len(windows.inputs)
    dy_planes, unpadded = planes_of(dy, n), windows.padded == windows.inputs
    dx = np.empty((len(dy_planes), *windows.inputs), dy.dtype)

    def some(part):
        dtotal = dy_planes[part] / divisor
        for axis in reversed(range(n)):
            # total = sum over the taps along this axis
            shape = (len(dtotal), *windows.outputs[:axis], *windows.padded[axis:])
            spread = dx[part] if axis == 0 and unpadded else np.empty(shape, dy.dtype)
            if windows.overlap or windows.outputs[axis] * windows.kernel[axis] != windows.padded[axis]:
                spread[...] = 0
            for tap in _along(windows, axis):
                if windows.overlap:
                    spread[tap] += dtotal
                else:
                    spread[tap] = dtotal
            dtotal = spread
        if not unpadded:
            dx[part] = dtotal[windows.inside]

    by_planes(some, len(dx), prod(windows.inputs))
    return dx.reshape(*dy.shape[:-n], *windows.inputs)


# ---------------------------------------------------------------------- registration


def _plain(n, x):
    return x.dtype in (np.float32, np.float64) and x.ndim > n


def max_pool_suits(n, x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """The winner's number fits into a byte, and no window is nothing but padding."""
    sizes = kernel_size if isinstance(kernel_size, (tuple, list)) else (kernel_size,) * n
    return _plain(n, x) and x.size >= LARGE and prod(sizes) <= 127 and dilation in (1, (1,) * n)


def avg_pool_suits(n, x, *args, **options):
    return _plain(n, x)


for n in (1, 2, 3):
    name = f"max_pool{n}d"
    getattr(pooling, name).register(partial(_max_pool, name, n), max_pool_backward, when=partial(max_pool_suits, n))
    name = f"avg_pool{n}d"
    getattr(pooling, name).register(partial(_avg_pool, name, n), avg_pool_backward, when=partial(avg_pool_suits, n))
