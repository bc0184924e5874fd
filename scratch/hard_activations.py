"""Hard activations: straight lines between bounds, cheap stand-ins for the smooth ones, and the shrinks.

Every one works element by element on x of any shape, float32 or float64, and keeps shape and dtype. A kink has no
derivative; what stands in for it is said in each docstring and is what torch takes. None writes into x: `inplace` is
accepted and ignored.
Twin: torch_ref/hard_activations.py. Pair: parity_tests/pairs/hard_activations.py.
"""

from __future__ import annotations

import numpy as np

from scratch.activations import listed
from scratch.module import Module
from scratch.op import Op

# ------------------------------------------------------------------ clipped


def threshold_forward(x, threshold, value, inplace=False):
    """Threshold: y = x for x > threshold, else value. Slope 1 or 0, at the threshold 0; a nan lets dy pass."""
    return np.where(x <= threshold, value, x), (x, threshold)


def threshold_backward(dy, saved):
    x, threshold = saved
    return np.where(x <= threshold, 0, dy)


threshold = Op(threshold_forward, threshold_backward, arrays=("x",))


def check_bounds(min_val, max_val):
    if min_val > max_val:
        raise ValueError(f"hardtanh: min_val cannot be greater than max_val, but they are {min_val} and {max_val}")


def hardtanh_forward(x, min_val=-1.0, max_val=1.0, inplace=False):
    """Hardtanh: x clipped to [min_val, max_val]. Slope 1 strictly between the bounds, 0 at and beyond them.

    A nan stays nan and has slope 0 (torch gives 0 or 1 there, depending on the element's place in memory).
    Raises ValueError if min_val > max_val.
    """
    check_bounds(min_val, max_val)
    y = np.clip(x, min_val, max_val)
    return y, (y, min_val, max_val)


def hardtanh_backward(dy, saved):
    y, min_val, max_val = saved
    return np.where((min_val < y) & (y < max_val), dy, 0)


hardtanh = Op(hardtanh_forward, hardtanh_backward)


def relu6_forward(x, inplace=False):
    """ReLU6: x clipped to [0, 6], a Hardtanh. Slope 1 strictly between 0 and 6, else 0."""
    return hardtanh_forward(x, 0.0, 6.0)


relu6 = Op(relu6_forward, hardtanh_backward)


def hardsigmoid_forward(x, inplace=False):
    """Hard sigmoid: y = x/6 + 1/2 clipped to [0, 1]. Slope 1/6 strictly between -3 and 3, else 0, at nan too.

    Source: Courbariaux, Bengio, David, 2015; with these numbers Howard and others, 2019.
    """
    return np.clip(x + 3, 0, 6) / 6, (x,)


def hardsigmoid_backward(dy, saved):
    (x,) = saved
    return np.where((x > -3) & (x < 3), dy / 6, 0)


hardsigmoid = Op(hardsigmoid_forward, hardsigmoid_backward)


def hardswish_forward(x, inplace=False):
    """Hard swish: y = x · hardsigmoid(x). Slope x/3 + 1/2 strictly between -3 and 3; 0 at -3 and below, else 1.

    As in torch y is nan at -inf, where it is -inf · 0. Source: Howard and others, 2019.
    """
    return x * np.clip(x + 3, 0, 6) / 6, (x,)


def hardswish_backward(dy, saved):
    (x,) = saved
    # y = x (x + 3) / 6 between the bounds
    return np.where(x <= -3, 0, np.where(x >= 3, dy, dy * (x / 3 + 0.5)))


hardswish = Op(hardswish_forward, hardswish_backward)


# ------------------------------------------------------------------ shrinks


def check_lambd(lambd):
    if not lambd >= 0:
        raise ValueError(f"softshrink: lambd must not be negative, but is {lambd}")


def softshrink_forward(x, lambd=0.5):
    """Softshrink: x moved towards 0 by lambd, and 0 within [-lambd, lambd]. Slope 1 outside, 0 inside and at ±lambd.

    A nan stays nan and has slope 0 (torch gives 0 or 1 there, depending on the element's place in memory).
    Raises ValueError for a negative lambd.
    """
    check_lambd(lambd)
    return x - np.clip(x, -lambd, lambd), (x, lambd)


def softshrink_backward(dy, saved):
    x, lambd = saved
    return np.where(np.abs(x) > lambd, dy, 0)


softshrink = Op(softshrink_forward, softshrink_backward)


def hardshrink_forward(x, lambd=0.5):
    """Hardshrink: y = x outside [-lambd, lambd], 0 within. Slope 1 outside, 0 inside and at ±lambd.

    A nan stays nan and has slope 0 (torch gives 0 or 1 there, depending on the element's place in memory).
    """
    return np.where(np.abs(x) <= lambd, 0, x), (x, lambd)


hardshrink = Op(hardshrink_forward, softshrink_backward)


# ------------------------------------------------------------------ modules


class ReLU6(Module):
    """y = min(max(x, 0), 6), element by element."""

    def __init__(self, inplace: bool = False):
        self.inplace = inplace

    def forward(self, x):
        return relu6(x)

    def extra_repr(self):
        return listed(self.inplace)


class Hardtanh(Module):
    """x clipped to [min_val, max_val], element by element."""

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False):
        if max_val <= min_val:
            raise ValueError(f"Hardtanh: max_val must be greater than min_val, but they are {max_val} and {min_val}")
        self.min_val, self.max_val, self.inplace = min_val, max_val, inplace

    def forward(self, x):
        return hardtanh(x, self.min_val, self.max_val)

    def extra_repr(self):
        return listed(self.inplace, f"min_val={self.min_val}", f"max_val={self.max_val}")


class Softshrink(Module):
    """x moved towards 0 by lambd, element by element."""

    def __init__(self, lambd: float = 0.5):
        self.lambd = lambd

    def forward(self, x):
        return softshrink(x, self.lambd)

    def extra_repr(self):
        return str(self.lambd)


class Hardsigmoid(Module):
    """y = x/6 + 1/2 clipped to [0, 1], element by element."""

    def __init__(self, inplace: bool = False):
        self.inplace = inplace

    def forward(self, x):
        return hardsigmoid(x)


class Hardswish(Module):
    """y = x · hardsigmoid(x), element by element."""

    def __init__(self, inplace: bool = False):
        self.inplace = inplace

    def forward(self, x):
        return hardswish(x)


class Hardshrink(Module):
    """y = x outside [-lambd, lambd] and 0 within, element by element."""

    def __init__(self, lambd: float = 0.5):
        self.lambd = lambd

    def forward(self, x):
        return hardshrink(x, self.lambd)

    def extra_repr(self):
        return str(self.lambd)


class Threshold(Module):
    """y = x for x > threshold, else value, element by element."""

    def __init__(self, threshold: float, value: float, inplace: bool = False):
        self.threshold, self.value, self.inplace = threshold, value, inplace

    def forward(self, x):
        return threshold(x, self.threshold, self.value)

    def extra_repr(self):
        return listed(self.inplace, f"threshold={self.threshold}", f"value={self.value}")
