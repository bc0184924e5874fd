"""Hard activations in cache-sized blocks, on all threads, with `clip` and integer masks instead of `np.where`."""

from __future__ import annotations

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
)
from scratch.kernels.activations import by_blocks, large
from scratch.kernels.rectifiers import bits


def hardtanh_forward(x, min_val=-1.0, max_val=1.0, inplace=False):
    check_bounds(min_val, max_val)
    y = by_blocks(lambda x, y: np.clip(x, min_val, max_val, out=y), x)
    return y, (y, min_val, max_val)


def hardtanh_backward(dy, saved):
    y, min_val, max_val = saved

    def fill(dy, y, dx, below):
        mask, below = bits(dx), bits(below)
        np.greater(y, min_val, out=mask, casting="unsafe")
        np.less(y, max_val, out=below, casting="unsafe")
        mask *= below
        mask *= bits(dy)

    return by_blocks(fill, dy, y, scratch=1)


hardtanh.register(hardtanh_forward, hardtanh_backward, when=large)


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

    def fill(dy, x, dx, t):
        mask = bits(dx)
        np.abs(x, out=t)
        np.greater(t, lambd, out=mask, casting="unsafe")
        mask *= bits(dy)

    return by_blocks(fill, dy, x, scratch=1)


softshrink.register(softshrink_forward, softshrink_backward, when=large)


def hardshrink_forward(x, lambd=0.5):
    def fill(x, y, t):
        mask = bits(y)
        np.abs(x, out=t)
        np.less_equal(t, lambd, out=mask, casting="unsafe")
        mask -= 1  # 1 -> 0, no bit; 0 -> -1, all bits: of a nan too
        mask &= bits(x)

    return by_blocks(fill, x, scratch=1), (x, lambd)


hardshrink.register(hardshrink_forward, softshrink_backward, when=large)


def hardsigmoid_forward(x, inplace=False):
    def fill(x, y):
        np.add(x, 3, out=y)
        np.clip(y, 0, 6, out=y)
        y /= 6

    return by_blocks(fill, x), (x,)


def hardsigmoid_backward(dy, saved):
    def fill(dy, x, dx, t):
        mask = bits(dx)
        np.abs(x, out=t)
        np.less(t, 3, out=mask, casting="unsafe")
        mask *= bits(dy)
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
    def fill(dy, x, dx, t):
        # the slope's three pieces: x/3 + 1/2 where |x| < 3 ...
        np.abs(x, out=t)
        np.less(t, 3, out=t, casting="unsafe")
        np.clip(x, -3, 3, out=dx)
        dx *= 1 / 3
        dx += 0.5
        dx *= t
        # ... 1 from 3 on ...
        np.greater_equal(x, 3, out=t, casting="unsafe")
        dx += t
        dx *= dy
        # ... and 0 up to -3, whatever dy
        mask = bits(t)
        np.less_equal(x, -3, out=mask, casting="unsafe")
        mask -= 1
        gradient = bits(dx)
        gradient &= mask

    return by_blocks(fill, dy, *saved, scratch=1)


hardswish.register(hardswish_forward, hardswish_backward, when=large)
