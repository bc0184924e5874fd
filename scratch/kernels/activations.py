"""Smooth activations in cache-sized blocks, on all threads.

What is fast: every pass of a formula runs over a block that is still in the cache and writes into a buffer made once
per thread; the textbook's passes each read and write whole arrays. Besides that `exp2` takes a third less time than
`exp`, and GELU replaces the distribution function by a tanh of a polynomial (float32) and keeps its slope.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from scratch.activations import (
    GELU_A,
    GELU_B,
    check_approximate,
    gelu,
    logsigmoid,
    mish,
    sigmoid,
    silu,
    softplus,
    softsign,
    tanh,
    tanhshrink,
)
from scratch.kernels.blocks import blockwise
from scratch.special import normal_cdf

LOG2E = math.log2(math.e)  # eˣ = 2^(x LOG2E)
LARGE = 16384  # items: below, the textbook's few calls take less time than setting up blocks


def large(x, *_, **__) -> bool:
    """Whether x is worth blocks and of a dtype that they are written for."""
    return x.ndim > 0 and x.size >= max(LARGE, 1) and x.dtype.char in "fd"


def by_blocks(fill: Callable, *arrays: np.ndarray, outputs: int = 1, scratch: int = 0):
    """New arrays like the first one, filled by `fill(*slices of arrays, *slices of outputs, *scratch)`."""
    shape, dtype = arrays[0].shape, arrays[0].dtype
    arrays = tuple(np.ascontiguousarray(a) for a in arrays)
    made = tuple(np.empty(shape, dtype) for _ in range(outputs))
    blockwise(fill, *arrays, *made, scratch=scratch)
    return made[0] if outputs == 1 else made


def product(a, b):
    """a · b, block by block: the backward of whatever kept its slope."""
    return by_blocks(lambda a, b, out: np.multiply(a, b, out=out), a, b)


# ------------------------------------------------------------------ the sigmoid family


def fill_sigmoid(x, y, beta=1.0):
    """y = 1 / (1 + 2^(-x beta LOG2E)): where the power overflows, 1/inf = 0 is right."""
    np.multiply(x, -LOG2E * beta, out=y)
    with np.errstate(over="ignore"):
        np.exp2(y, out=y)
    y += 1
    np.reciprocal(y, out=y)


def sigmoid_forward(x):
    y = by_blocks(fill_sigmoid, x)
    return y, (y,)


def sigmoid_backward(dy, saved):
    def fill(dy, y, dx):
        np.subtract(1, y, out=dx)
        dx *= y
        dx *= dy

    return by_blocks(fill, dy, *saved)


sigmoid.register(sigmoid_forward, sigmoid_backward, when=large)


def silu_forward(x, inplace=False):
    def fill(x, y):
        np.multiply(x, -LOG2E, out=y)
        with np.errstate(over="ignore"):
            np.exp2(y, out=y)
        y += 1
        np.divide(x, y, out=y)

    return by_blocks(fill, x), (x,)


def silu_backward(dy, saved):
    def fill(dy, x, dx, s):
        fill_sigmoid(x, s)
        np.subtract(1, s, out=dx)
        dx *= x
        dx += 1
        dx *= s  # s (1 + x (1 - s))
        dx *= dy

    return by_blocks(fill, dy, *saved, scratch=1)


silu.register(silu_forward, silu_backward, when=large)


def log1p_exp_of_minus_abs(x, t):
    """t = log(1 + e^-|x|)"""
    np.abs(x, out=t)
    t *= -LOG2E
    np.exp2(t, out=t)
    np.log1p(t, out=t)


def logsigmoid_forward(x):
    def fill(x, y, t):
        log1p_exp_of_minus_abs(x, t)
        np.clip(x, -np.inf, 0, out=y)
        y -= t

    y = by_blocks(fill, x, scratch=1)
    return y, (y,)


def logsigmoid_backward(dy, saved):
    def fill(dy, y, dx):
        np.expm1(y, out=dx)
        np.negative(dx, out=dx)
        dx *= dy

    return by_blocks(fill, dy, *saved)


logsigmoid.register(logsigmoid_forward, logsigmoid_backward, when=large)


# beyond these the curve rounds to the line and its slope to 1, so that a threshold there needs no care of its own
CURVE_ENDS = {"f": 18, "d": 38}


def softplus_forward(x, beta=1.0, threshold=20.0):
    def fill(x, y, z, t):
        np.multiply(x, beta, out=z)
        log1p_exp_of_minus_abs(z, t)
        if threshold < CURVE_ENDS[x.dtype.char]:
            np.less_equal(z, threshold, out=y, casting="unsafe")  # 1.0 where the curve is meant, 0.0 on the line
            t *= y
        np.clip(z, 0, np.inf, out=y)
        y += t
        if beta != 1:
            y *= 1 / beta

    return by_blocks(fill, x, scratch=2), (x, beta, threshold)


def softplus_backward(dy, saved):
    x, beta, threshold = saved

    def fill(dy, x, dx, t):
        fill_sigmoid(x, dx, beta)
        if threshold < CURVE_ENDS[x.dtype.char]:
            np.multiply(x, beta, out=t)
            np.greater(t, threshold, out=t, casting="unsafe")
            np.maximum(t, dx, out=dx)  # on the line 1, the largest a slope can be
        dx *= dy

    return by_blocks(fill, dy, x, scratch=1)


def softplus_suits(x, beta=1.0, threshold=20.0) -> bool:
    """A line that begins below 0 is left to the textbook."""
    return large(x) and threshold >= 0 and beta != 0


softplus.register(softplus_forward, softplus_backward, when=softplus_suits)


# ------------------------------------------------------------------ the tanh family


def tanh_forward(x):
    y = by_blocks(lambda x, y: np.tanh(x, out=y), x)
    return y, (y,)


def tanh_backward(dy, saved):
    def fill(dy, y, dx):
        np.multiply(y, y, out=dx)
        np.subtract(1, dx, out=dx)
        dx *= dy

    return by_blocks(fill, dy, *saved)


tanh.register(tanh_forward, tanh_backward, when=large)


def tanhshrink_forward(x):
    def fill(x, y, t):
        np.tanh(x, out=t)
        np.subtract(x, t, out=y)

    y, t = by_blocks(fill, x, outputs=2)
    return y, (t,)


def tanhshrink_backward(dy, saved):
    def fill(dy, t, dx):
        np.multiply(t, t, out=dx)
        dx *= dy

    return by_blocks(fill, dy, *saved)


tanhshrink.register(tanhshrink_forward, tanhshrink_backward, when=large)


def softsign_forward(x):
    def fill(x, y):
        np.abs(x, out=y)
        y += 1
        np.divide(x, y, out=y)

    return by_blocks(fill, x), (x,)


def softsign_backward(dy, saved):
    def fill(dy, x, dx):
        np.abs(x, out=dx)
        dx += 1
        dx *= dx
        np.divide(dy, dx, out=dx)

    return by_blocks(fill, dy, *saved)


softsign.register(softsign_forward, softsign_backward, when=large)


# ------------------------------------------------------------------ Mish, which keeps its slope instead of x


def mish_forward(x, inplace=False):
    """With e = eˣ: tanh(log(1 + e)) = n / (n + 2), n = e (e + 2). At x = 20 that is 1 already, and e² no overflow."""

    def fill(x, y, slope, e, t):
        np.clip(x, -np.inf, 20, out=e)
        e *= LOG2E
        np.exp2(e, out=e)
        np.add(e, 2, out=t)
        t *= e
        np.add(t, 2, out=y)
        t /= y
        # slope = t + x (1 - t²) e / (1 + e)
        np.add(e, 1, out=y)
        e /= y
        np.subtract(1, t, out=slope)
        slope *= e
        np.add(t, 1, out=y)
        slope *= y
        slope *= x
        slope += t
        np.multiply(x, t, out=y)

    return by_blocks(fill, x, outputs=2, scratch=2)


mish.register(mish_forward, product, when=large)


# ------------------------------------------------------------------ GELU, which keeps its slope too

# Φ(x) ≈ (1 + tanh(x P(x²))) / 2, fitted for the smallest largest error on |x| < 5.7: below 1e-7, about one rounding of
# Φ in float32. From |x| = 6 on tanh is exactly ±1 in float32.
PHI = (
    0.7978849411010742,
    0.03633308410644531,
    -3.259486402384937e-05,
    -5.530624548555352e-05,
    3.964755251217866e-06,
    -1.3226431860857701e-07,
    1.7562006293658783e-09,
)
PHI_ENDS = 6.0


def cdf_float32(x, cdf, t, u):
    """cdf = Φ(x) in float32, by Horner's rule in u = x²."""
    np.clip(x, -PHI_ENDS, PHI_ENDS, out=t)
    np.multiply(t, t, out=u)
    np.multiply(u, PHI[-1], out=cdf)
    for coefficient in PHI[-2:0:-1]:
        cdf += coefficient
        cdf *= u
    cdf += PHI[0]
    cdf *= t
    np.tanh(cdf, out=cdf)
    cdf *= 0.5
    cdf += 0.5


def gelu_exact(x, y, slope, t, u):
    """y = x Φ(x), slope = Φ(x) + x Φ'(x), Φ'(x) = e^(-x²/2) / √(2π)"""
    if x.dtype == np.float32:
        cdf_float32(x, t, y, u)
    else:
        t[...] = normal_cdf(x)
    np.multiply(x, x, out=u)
    u *= -0.5 * LOG2E
    u -= 0.5 * math.log2(2 * math.pi)
    np.exp2(u, out=u)
    u *= x
    np.add(t, u, out=slope)
    np.multiply(x, t, out=y)


def gelu_tanh(x, y, slope, t, u):
    """y = x h, slope = h + x h', h = (1 + tanh(A (x + B x³))) / 2"""
    np.multiply(x, x, out=u)
    np.multiply(u, GELU_A * GELU_B, out=t)
    t += GELU_A
    t *= x
    np.tanh(t, out=t)
    u *= 1.5 * GELU_A * GELU_B
    u += 0.5 * GELU_A
    u *= x  # x/2 times the slope of A (x + B x³)
    np.multiply(t, t, out=slope)
    np.subtract(1, slope, out=slope)
    slope *= u
    t *= 0.5
    t += 0.5
    slope += t
    np.multiply(x, t, out=y)


def gelu_forward(x, approximate="none"):
    check_approximate(approximate)
    y, slope = by_blocks(gelu_exact if approximate == "none" else gelu_tanh, x, outputs=2, scratch=2)
    return y, slope


gelu.register(gelu_forward, product, when=large)
