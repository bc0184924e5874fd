"""Rectifiers in cache-sized blocks, on all threads.

What is fast, besides the blocks: `np.where` takes 5 to 10 times as long as arithmetic, so branches are made of `clip`
(the part of x above 0 and the part below), and a gradient is let through or stopped by multiplying its bits, read as
integers, by a mask of 1 and 0. As integers, since an infinite gradient times 0.0 would be nan.
"""

from __future__ import annotations

import math

import numpy as np

from scratch.kernels.activations import by_blocks, large
from scratch.kernels.batch_norm import dot
from scratch.kernels.blocks import BLOCK, SMALL, parallel
from scratch.rectifiers import (
    SELU_ALPHA,
    SELU_SCALE,
    celu,
    check_alpha,
    check_slopes,
    elu,
    leaky_relu,
    prelu,
    relu,
    selu,
)

BITS = {"f": np.int32, "d": np.int64}


def bits(a):
    """The same bytes as integers of the same width."""
    return a.view(BITS[a.dtype.char])


def flags(space):
    """Working space for as many booleans as it has numbers: a comparison writes them faster than integers."""
    return space.view(bool)[: space.size]


def let_through(allowed, a, out):
    """out = a where allowed, a bool array, else 0. `out` may not be `a`."""
    mask = bits(out)
    np.copyto(mask, allowed)
    mask *= bits(a)


# ------------------------------------------------------------------ ReLU and leaky ones


def relu_forward(x, inplace=False):
    y = by_blocks(lambda x, y: np.clip(x, 0, np.inf, out=y), x)
    return y, (y,)


def relu_backward(dy, saved):
    def fill(dy, y, dx, space):
        allowed = flags(space)
        np.not_equal(y, 0, out=allowed)  # true at nan, which lets dy pass
        let_through(allowed, dy, dx)

    return by_blocks(fill, dy, *saved, scratch=1)


relu.register(relu_forward, relu_backward, when=large)


def fill_leaky(x, slope, y, t):
    """y = max(x, 0) + slope · min(x, 0)"""
    np.clip(x, -np.inf, 0, out=t)
    t *= slope
    np.clip(x, 0, np.inf, out=y)
    y += t


def fill_leaky_slope(x, slope, dx, t):
    """dx = 1 where x > 0, else slope; of whatever size and sign that is."""
    np.greater(x, 0, out=dx, casting="unsafe")
    np.subtract(1, dx, out=t)
    t *= slope
    dx += t


def finite_slope(x, negative_slope=0.01, inplace=False) -> bool:
    """An infinite slope must not meet the 0 that stands for the other branch."""
    return large(x) and math.isfinite(negative_slope)


def leaky_relu_forward(x, negative_slope=0.01, inplace=False):
    def fill(x, y, t):
        if 0 < negative_slope <= 1:
            np.multiply(x, negative_slope, out=y)
            np.maximum(x, y, out=y)
        else:
            fill_leaky(x, negative_slope, y, t)

    return by_blocks(fill, x, scratch=1), (x, negative_slope)


def leaky_relu_backward(dy, saved):
    x, negative_slope = saved

    def fill(dy, x, dx, t):
        if 0 < negative_slope <= 1:
            np.greater(x, 0, out=dx, casting="unsafe")  # 1.0 or 0.0
            np.clip(dx, negative_slope, 1, out=dx)
        else:
            fill_leaky_slope(x, negative_slope, dx, t)
        dx *= dy

    return by_blocks(fill, dy, x, scratch=1)


leaky_relu.register(leaky_relu_forward, leaky_relu_backward, when=finite_slope)


# PReLU, one slope or one a channel. Axes: N leading, C channels (1 for one slope), L the rest.


def in_channels(x, weight):
    """x as (N, C, L), or as (N, 1, L) in rows of a block for one slope; weight as (C, 1)."""
    if weight.size > 1:
        return x.reshape(len(x), weight.size, -1), weight.reshape(-1, 1)
    width = math.gcd(x.size, BLOCK)
    return x.reshape(-1, 1, width if width >= 1024 else x.size), weight.reshape(1, 1)


def over_images(task, x):
    """task(slice, scratch) for slices of x's leading axis that make up about a block."""
    step = max(1, BLOCK // max(1, x[0].size))

    def part(lo, hi):
        space = np.empty((min(step, hi - lo), *x.shape[1:]), x.dtype)
        for i in range(lo, hi, step):
            j = min(i + step, hi)
            task(slice(i, j), space[: j - i])

    parallel(part, len(x), 1 if x.size < SMALL else None)


def finite_slopes(x, weight) -> bool:
    return large(x) and bool(np.isfinite(weight).all())


def prelu_forward(x, weight):
    check_slopes(x, weight)
    rows, slope = in_channels(np.ascontiguousarray(x), weight)
    y = np.empty_like(rows)
    over_images(lambda i, t: fill_leaky(rows[i], slope, y[i], t), rows)
    return y.reshape(x.shape), (x, weight)


def prelu_backward(dy, saved):
    x, weight = saved
    rows, slope = in_channels(np.ascontiguousarray(x), weight)
    dy = np.ascontiguousarray(dy).reshape(rows.shape)
    dx, sums = np.empty_like(rows), np.empty(rows.shape[:2])

    def task(i, t):
        fill_leaky_slope(rows[i], slope, dx[i], t)
        dx[i] *= dy[i]
        # the part of x below 0 met the slope
        np.clip(rows[i], -np.inf, 0, out=t)
        sums[i] = dot(t, dy[i])

    over_images(task, rows)
    dweight = sums.sum(axis=0).astype(x.dtype).reshape(weight.shape)
    if not np.isfinite(dweight).all():  # 0 · inf, perhaps, of an x above 0
        dweight = prelu.backward(dy.reshape(x.shape), saved)[1]
    return dx.reshape(x.shape), dweight


prelu.register(prelu_forward, prelu_backward, when=finite_slopes)


# ------------------------------------------------------------------ exponential linear units


def exponential_forward(x, alpha, scale, stretch):
    def fill(x, y, t):
        np.clip(x, -np.inf, 0, out=t)
        t *= stretch
        np.expm1(t, out=t)
        t *= alpha
        np.clip(x, 0, np.inf, out=y)
        y += t
        y *= scale

    return by_blocks(fill, x, scratch=1), (x, alpha, scale, stretch)


def exponential_backward(dy, saved):
    x, alpha, scale, stretch = saved
    at_zero = alpha * stretch  # the slope at 0 from the left: 1 in a CELU and in an ELU with alpha 1

    def fill(dy, x, dx, t):
        np.clip(x, -np.inf, 0, out=t)
        t *= stretch
        np.exp(t, out=t)  # 1 where x > 0
        if at_zero != 1:
            t *= at_zero
            np.greater(x, 0, out=dx, casting="unsafe")
            dx *= 1 - at_zero
            t += dx
        if scale != 1:
            t *= scale
        np.multiply(t, dy, out=dx)

    return by_blocks(fill, dy, x, scratch=1)


def finite_alpha(x, alpha=1.0, inplace=False) -> bool:
    return large(x) and math.isfinite(alpha)


def elu_forward(x, alpha=1.0, inplace=False):
    return exponential_forward(x, alpha, 1.0, 1.0)


def celu_forward(x, alpha=1.0, inplace=False):
    check_alpha(alpha)
    return exponential_forward(x, alpha, 1.0, 1 / alpha)


def selu_forward(x, inplace=False):
    return exponential_forward(x, SELU_ALPHA, SELU_SCALE, 1.0)


elu.register(elu_forward, exponential_backward, when=finite_alpha)
celu.register(celu_forward, exponential_backward, when=finite_alpha)
selu.register(selu_forward, exponential_backward, when=large)
