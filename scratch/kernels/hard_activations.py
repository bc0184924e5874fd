"""Hard activations in cache-sized blocks, on all threads, with `clip` and integer masks instead of `np.where`."""

from __future__ import annotations

import math

import numpy as np

from scratch.hard_activations import (
    check_bounds,
    check_lambd,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    relu6,
    softshrink,
    threshold,
)
from scratch.kernels.activations import by_blocks, large
from scratch.kernels.rectifiers import bits, flags, let_through


def hardtanh_forward(x, min_val=-1.0, max_val=1.0, inplace=False):
    check_bounds(min_val, max_val)
    y = by_blocks(lambda x, y: np.clip(x, min_val, max_val, out=y), x)
    return y, (y, min_val, max_val)


def hardtanh_backward(dy, saved):
    y, min_val, max_val = saved

    def fill(dy, y, dx, above, below):
        above, below = flags(above), flags(below)
        np.greater(y, min_val, out=above)
        np.less(y, max_val, out=below)
        above &= below
        let_through(above, dy, dx)

    return by_blocks(fill, dy, y, scratch=2)


hardtanh.register(hardtanh_forward, hardtanh_backward, when=large)


def threshold_forward(x, threshold, value, inplace=False):
    """y = (x - value) · (1 or 0) + value in the integers that the bits spell: exact, and safe from nan and inf."""
    value = bits(np.array(value, x.dtype))

    def fill(x, y, space, rest):
        above, rest = flags(space), bits(rest)
        np.less_equal(x, threshold, out=above)
        np.logical_not(above, out=above)
        np.copyto(bits(y), above)
        np.subtract(bits(x), value, out=rest)
        rest *= bits(y)
        np.add(rest, value, out=bits(y))

    return by_blocks(fill, x, scratch=2), (x, threshold)


def threshold_backward(dy, saved):
    x, threshold = saved

    def fill(dy, x, dx, space):
        above = flags(space)
        np.less_equal(x, threshold, out=above)
        np.logical_not(above, out=above)  # of a nan too
        let_through(above, dy, dx)

    return by_blocks(fill, dy, x, scratch=1)


threshold.register(threshold_forward, threshold_backward, when=large)


def relu6_forward(x, inplace=False):
    return hardtanh_forward(x, 0.0, 6.0)


relu6.register(relu6_forward, hardtanh_backward, when=large)


def softshrink_forward(x, lambd=0.5):
    check_lambd(lambd)

    def fill(x, y):
        np.clip(x, -lambd, lambd, out=y)
        np.subtract(x, y, out=y)

    return by_blocks(fill, x), (x, lambd)


def softshrink_backward(dy, saved):
    x, lambd = saved

    def fill(dy, x, dx, space):
        outside = flags(space)
        np.abs(x, out=dx)
        np.greater(dx, lambd, out=outside)
        let_through(outside, dy, dx)

    return by_blocks(fill, dy, x, scratch=1)


softshrink.register(softshrink_forward, softshrink_backward, when=large)


def hardshrink_forward(x, lambd=0.5):
    def fill(x, y, space):
        outside = flags(space)
        np.abs(x, out=y)
        np.less_equal(y, lambd, out=outside)
        np.logical_not(outside, out=outside)  # of a nan too
        let_through(outside, x, y)

    return by_blocks(fill, x, scratch=1), (x, lambd)


hardshrink.register(hardshrink_forward, softshrink_backward, when=large)


def hardsigmoid_forward(x, inplace=False):
    def fill(x, y):
        np.add(x, 3, out=y)
        np.clip(y, 0, 6, out=y)
        y /= 6

    return by_blocks(fill, x), (x,)


def hardsigmoid_backward(dy, saved):
    def fill(dy, x, dx, space):
        inside = flags(space)
        np.abs(x, out=dx)
        np.less(dx, 3, out=inside)
        let_through(inside, dy, dx)
        dx /= 6

    return by_blocks(fill, dy, *saved, scratch=1)


hardsigmoid.register(hardsigmoid_forward, hardsigmoid_backward, when=large)


def hardswish_forward(x, inplace=False):
    def fill(x, y):
        np.add(x, 3, out=y)
        np.clip(y, 0, 6, out=y)
        y *= x
        y /= 6

    return by_blocks(fill, x), (x,)


def hardswish_backward(dy, saved):
    """With r = x/3 clipped to [-1, 1] the slope is r + 1/2, but 0 at r = -1 and 1 at r = 1: r + 1/2 - trunc(r)/2."""

    def fill(dy, x, dx, t):
        np.clip(x, -3, 3, out=dx)
        dx /= 3
        np.trunc(dx, out=t)
        t *= 0.5
        dx -= t
        dx += 0.5
        dx *= dy
        if not math.isfinite(np.einsum("i->", dx)):  # of a slope of 0 and an infinite dy, perhaps
            dx[...] = hardswish.backward(dy, (x,))

    return by_blocks(fill, dy, *saved, scratch=1)


hardswish.register(hardswish_forward, hardswish_backward, when=large)
