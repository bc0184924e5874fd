"""Hard activations in cache-sized blocks, on all threads, with `clip` and integer masks instead of `np.where`."""

from __future__ import annotations

import numpy as np

from scratch.hard_activations import check_bounds, check_lambd, hardtanh, relu6, softshrink
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
