"""Fractional max pooling: windows of one size at random distances, so that the output may be any fraction of the input.

Axes: N batch (may be left out), C channels, then two or three spatial axes, `*L` in the input and `*P` in the output.
Source: Graham, "Fractional Max-Pooling", 2014 (its pseudo-random sequences).
Twin: torch_ref/fractional_pooling.py. Pairs: parity_tests/pairs/fractional_pooling.py.
"""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np

from scratch.module import Module
from scratch.op import Op, on_device_of
from scratch.pooling import MaxPoolSaved, check_spatial, max_pool_backward, per_axis
from scratch.random import generator


def _output_size(name, n, inputs, output_size, output_ratio):
    if (output_size is None) == (output_ratio is None):
        raise ValueError(f"{name}: give either output_size or output_ratio, one of them and not both")
    if output_size is not None:
        return per_axis(name, "output_size", output_size, n)
    ratios = output_ratio if isinstance(output_ratio, (tuple, list)) else (output_ratio,) * n
    if len(ratios) != n or not all(0 < ratio < 1 for ratio in ratios):
        raise ValueError(f"{name}: output_ratio must be between 0 and 1, one or {n} of them, but is {output_ratio!r}")
    return tuple(int(length * ratio) for length, ratio in zip(inputs, ratios))


def _starts(samples, length, kernel, outputs):
    """(N, C, 1) samples in [0, 1) -> (N, C, P) int64: where the windows along one axis start.

    Their mean distance is alpha; each is ⌊alpha⌋ or ⌈alpha⌉, which of them is up to the sample; the last window ends
    where the axis ends.
    """
    steps = on_device_of(samples, np.arange(outputs).astype(samples.dtype))
    alpha = samples.dtype.type(length - kernel) / samples.dtype.type(max(outputs - 1, 1))
    starts = ((steps + samples) * alpha).astype(np.int64) - (samples * alpha).astype(np.int64)
    starts[..., -1] = length - kernel
    return starts


def fractional_windows(name, n, x, kernel_size, output_size, output_ratio, samples, rng):
    """kernel, outputs, and for each spatial axis the windows' starts (..., P); they differ from plane to plane."""
    check_spatial(name, n, x)
    inputs, leading = x.shape[-n:], x.shape[:-n]
    kernel = per_axis(name, "kernel_size", kernel_size, n)
    outputs = _output_size(name, n, inputs, output_size, output_ratio)
    if min(kernel) < 1 or min(outputs) < 1 or any(p + k - 1 > length for p, k, length in zip(outputs, kernel, inputs)):
        raise ValueError(
            f"{name}: kernel_size {kernel} and output_size {outputs} must be at least 1 and together, less 1, at most "
            f"x's {tuple(inputs)}"
        )
    batch = (1, *leading) if len(leading) == 1 else leading  # (N, C)
    if samples is None:
        samples = on_device_of(x, generator(rng).random((*batch, n)).astype(x.dtype))
    if samples.shape != (*batch, n):
        raise ValueError(f"{name}: _random_samples must be {(*batch, n)} for x {x.shape}, but is {samples.shape}")
    samples = samples.reshape(*leading, n)
    # As torch reads them: (W, H) in two dimensions, (D, H, W) in three.
    order = range(n) if n == 3 else reversed(range(n))
    starts = [_starts(samples[..., i : i + 1], *axis) for i, axis in zip(order, zip(inputs, kernel, outputs))]
    return kernel, outputs, starts


def _fractional_max_pool(name, n, x, kernel_size, output_size, output_ratio, return_indices, samples, rng):
    kernel, outputs, starts = fractional_windows(name, n, x, kernel_size, output_size, output_ratio, samples, rng)
    inputs, leading = x.shape[-n:], x.shape[:-n]
    flat = x.reshape(*leading, prod(inputs))
    y = np.full_like(x, -np.inf, shape=(*leading, prod(outputs)))
    indices = np.full_like(x, -1, shape=y.shape, dtype=np.int64)
    for tap in product(*map(range, kernel)):
        place = 0  # of this tap in every window: (..., *P)
        for axis, (t, start, length) in enumerate(zip(tap, starts, inputs)):
            along = (start + t).reshape(*leading, *[start.shape[-1] if i == axis else 1 for i in range(n)])
            place = place * length + along
        place = place.reshape(y.shape)
        value = np.take_along_axis(flat, place, axis=-1)
        wins = (value > y) | np.isnan(value) | (indices < 0)
        y, indices = np.where(wins, value, y), np.where(wins, place, indices)
    y, indices = y.reshape(*leading, *outputs), indices.reshape(*leading, *outputs)
    return ((y, indices.copy()) if return_indices else y), MaxPoolSaved(indices, inputs)


def fractional_max_pool_backward(dy, saved):
    """dy (..., *P) -> dx (..., *L), None"""
    return max_pool_backward(dy, saved), None


def fractional_max_pool2d_forward(
    x, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None, *, rng=None
):
    """Maximum over windows whose distances are random, one sequence for each of the N·C planes and each axis.

    The derivative goes to the maximum: of equal values to the first in row-major order, of several nans to the last.

    Parameters
    ----------
    x : (N, C, H, W) or (C, H, W) floating point. kernel_size : int, or one for each spatial axis.
    output_size : the number of windows, int or one for each axis; or output_ratio : as a fraction of x's, in (0, 1).
    return_indices : whether to return also where each maximum lies, as an index into the flattened spatial axes.
    _random_samples : (N, C, 2) numbers in [0, 1) for W and H, of x's dtype, instead of those drawn from rng.
    rng : numpy.random.Generator, a seed, or None for the shared generator.

    Returns
    -------
    y : (N, C, P, Q) or (C, P, Q); with `return_indices` (y, indices), and backward takes (dy, None) then.
    backward : dy -> dx, of x's shape.

    Raises
    ------
    ValueError : wrong number of axes, output_size and output_ratio both or neither given, windows that do not fit.
    """
    return _fractional_max_pool(
        "fractional_max_pool2d", 2, x, kernel_size, output_size, output_ratio, return_indices, _random_samples, rng
    )


def fractional_max_pool3d_forward(
    x, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None, *, rng=None
):
    """The same for x (N, C, D, H, W) or (C, D, H, W), _random_samples (N, C, 3); see `fractional_max_pool2d`."""
    return _fractional_max_pool(
        "fractional_max_pool3d", 3, x, kernel_size, output_size, output_ratio, return_indices, _random_samples, rng
    )


_options = {"arrays": ("x", "_random_samples"), "constants": ("_random_samples",)}
fractional_max_pool2d = Op(fractional_max_pool2d_forward, fractional_max_pool_backward, **_options)
fractional_max_pool3d = Op(fractional_max_pool3d_forward, fractional_max_pool_backward, **_options)


class _FractionalMaxPool(Module):
    op: Op
    n: int

    def __init__(
        self,
        kernel_size,
        output_size=None,
        output_ratio=None,
        return_indices: bool = False,
        _random_samples=None,
        *,
        rng=None,
    ):
        name = type(self).__name__
        self.kernel_size = per_axis(name, "kernel_size", kernel_size, self.n)
        # The values are checked here too: against an input that is long enough.
        _output_size(name, self.n, (1,) * self.n, output_size, output_ratio)
        self.output_size, self.output_ratio = output_size, output_ratio
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.rng = generator(rng) if rng is not None else None

    def forward(self, x):
        y, backward = self.op(
            x,
            self.kernel_size,
            self.output_size,
            self.output_ratio,
            self.return_indices,
            self._random_samples,
            rng=self.rng,
        )
        return y, backward


class FractionalMaxPool2d(_FractionalMaxPool):
    """Maximum over windows at random distances; see `functional.fractional_max_pool2d`. Random in eval mode too."""

    op, n = fractional_max_pool2d, 2


class FractionalMaxPool3d(_FractionalMaxPool):
    """Maximum over windows at random distances; see `functional.fractional_max_pool2d`. Random in eval mode too."""

    op, n = fractional_max_pool3d, 3
