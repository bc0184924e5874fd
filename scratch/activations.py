"""Smooth activations: sigmoid, tanh, softplus, SiLU, GELU and their kin. Those with a kink: rectifiers.py.

Every one works element by element on x of any shape, float32 or float64, and keeps shape and dtype:
dx = dy · f'(x), so each backward is one line of calculus. None writes into x: `inplace` is accepted and ignored.
Twin: torch_ref/activations.py. Pair: parity_tests/pairs/activations.py.
"""

from __future__ import annotations

import math

import numpy as np

from scratch.module import Module
from scratch.op import Op
from scratch.special import normal_cdf


def sigmoid_of(x):
    """1 / (1 + e⁻ˣ), for every formula that needs it."""
    e = np.exp(-np.abs(x))  # at most 1: never overflows
    return np.where(x < 0, e, 1) / (1 + e)  # multiplied above and below by e where x < 0


# ------------------------------------------------------------------ the sigmoid family


def sigmoid_forward(x):
    """Sigmoid: y = 1 / (1 + e⁻ˣ), with slope y (1 - y).

    Examples
    --------
    >>> y, backward = sigmoid(np.array([0.0, np.inf]))
    >>> y, backward(np.ones(2))
    (array([0.5, 1. ]), array([0.25, 0.  ]))
    """
    y = sigmoid_of(x)
    return y, (y,)


def sigmoid_backward(dy, saved):
    (y,) = saved
    return dy * y * (1 - y)


sigmoid = Op(sigmoid_forward, sigmoid_backward)


def logsigmoid_forward(x):
    """Log-sigmoid: y = log(1 / (1 + e⁻ˣ)) = min(x, 0) - log(1 + e^-|x|), exact in both tails.

    Its slope is 1 - sigmoid(x) = 1 - eʸ.
    """
    y = np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))
    return y, (y,)


def logsigmoid_backward(dy, saved):
    (y,) = saved
    return dy * -np.expm1(y)


logsigmoid = Op(logsigmoid_forward, logsigmoid_backward)


def silu_forward(x, inplace=False):
    """SiLU, also called swish: y = x · sigmoid(x).

    As in torch y is nan at -inf, where it is -inf · 0, and the slope nan at ±inf.
    Source: Elfwing, Uchibe, Doya, 2017; Ramachandran, Zoph, Le, 2017.
    """
    return x * sigmoid_of(x), (x,)


def silu_backward(dy, saved):
    (x,) = saved
    s = sigmoid_of(x)
    # y = x s and ds/dx = s (1 - s)
    return dy * s * (1 + x * (1 - s))


silu = Op(silu_forward, silu_backward)


def softplus_forward(x, beta=1.0, threshold=20.0):
    """Softplus, a smooth relu: y = log(1 + e^(beta x)) / beta; simply x where beta x > threshold, with slope 1.

    Never overflows, whatever the threshold (torch's does where threshold is above 88 in float32, 709 in float64).
    """
    z = beta * x
    return np.where(z > threshold, x, np.logaddexp(z, 0) / beta), (x, beta, threshold)


def softplus_backward(dy, saved):
    x, beta, threshold = saved
    z = beta * x
    return np.where(z > threshold, dy, dy * sigmoid_of(z))


softplus = Op(softplus_forward, softplus_backward)


def mish_forward(x, inplace=False):
    """Mish: y = x · tanh(softplus(x)), softplus(x) = log(1 + eˣ).

    As in torch y is nan at -inf, where it is -inf · 0, and the slope nan at ±inf. Source: Misra, 2019.
    """
    return x * np.tanh(np.logaddexp(x, 0)), (x,)


def mish_backward(dy, saved):
    (x,) = saved
    t = np.tanh(np.logaddexp(x, 0))
    # y = x t, and the slope of softplus is the sigmoid
    return dy * (t + x * (1 - t) * (1 + t) * sigmoid_of(x))


mish = Op(mish_forward, mish_backward)


# ------------------------------------------------------------------ the tanh family


def tanh_forward(x):
    """Hyperbolic tangent: y = tanh x, with slope 1 - y²."""
    y = np.tanh(x)
    return y, (y,)


def tanh_backward(dy, saved):
    (y,) = saved
    return dy * (1 - y) * (1 + y)  # 1 - y² would round y² before taking it from 1


tanh = Op(tanh_forward, tanh_backward)


def tanhshrink_forward(x):
    """Tanhshrink: y = x - tanh x, with slope 1 - (1 - tanh² x) = tanh² x."""
    t = np.tanh(x)
    return x - t, (t,)


def tanhshrink_backward(dy, saved):
    (t,) = saved
    return dy * t * t


tanhshrink = Op(tanhshrink_forward, tanhshrink_backward)


def softsign_forward(x):
    """Softsign, a tanh with long tails: y = x / (1 + |x|), with slope 1 / (1 + |x|)².

    At ±inf y is nan, as in torch, where it is inf / inf; the slope is its limit 0 (torch's is nan).
    """
    return x / (1 + np.abs(x)), (x,)


def softsign_backward(dy, saved):
    (x,) = saved
    return dy / (1 + np.abs(x)) ** 2


softsign = Op(softsign_forward, softsign_backward)


# ------------------------------------------------------------------ GELU

GELU_A, GELU_B = math.sqrt(2 / math.pi), 0.044715


def check_approximate(approximate):
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: approximate must be 'none' or 'tanh', but is {approximate!r}")


def gelu_forward(x, approximate="none"):
    """Gaussian error linear unit: y = x · Φ(x), Φ the standard normal's distribution function.

    approximate="tanh" takes Φ(x) ≈ (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2, whose own derivative the backward is.

    As in torch y is nan at -inf, where it is -inf · 0, and the slope nan at ±inf.
    Raises ValueError for another `approximate`. Source: Hendrycks and Gimpel, 2016.

    Examples
    --------
    >>> y, backward = gelu(np.array([0.0, 10.0]))
    >>> y, backward(np.ones(2))
    (array([ 0., 10.]), array([0.5, 1. ]))
    """
    check_approximate(approximate)
    if approximate == "none":
        cdf = normal_cdf(x)
    else:
        cdf = 0.5 * (1 + np.tanh(GELU_A * (x + GELU_B * x * x * x)))
    return x * cdf, (x, approximate)


def gelu_backward(dy, saved):
    x, approximate = saved
    if approximate == "none":
        cdf = normal_cdf(x)
        density = np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)  # Φ'
    else:
        t = np.tanh(GELU_A * (x + GELU_B * x * x * x))
        cdf = 0.5 * (1 + t)
        density = 0.5 * (1 - t * t) * (GELU_A * (1 + 3 * GELU_B * x * x))
    # y = x Φ(x)
    return dy * (cdf + x * density)


gelu = Op(gelu_forward, gelu_backward)


# ------------------------------------------------------------------ modules


def listed(inplace, *options):
    """What torch shows between the parentheses: the options, and inplace where it is true."""
    return ", ".join((*options, *(["inplace=True"] if inplace else [])))


class Sigmoid(Module):
    """y = 1 / (1 + e⁻ˣ), element by element."""

    def forward(self, x):
        return sigmoid(x)


class LogSigmoid(Module):
    """y = log(sigmoid(x)), element by element."""

    def forward(self, x):
        return logsigmoid(x)


class SiLU(Module):
    """y = x · sigmoid(x), element by element."""

    def __init__(self, inplace: bool = False):
        self.inplace = inplace

    def forward(self, x):
        return silu(x)

    def extra_repr(self):
        return listed(self.inplace)


class Mish(Module):
    """y = x · tanh(log(1 + eˣ)), element by element."""

    def __init__(self, inplace: bool = False):
        self.inplace = inplace

    def forward(self, x):
        return mish(x)

    def extra_repr(self):
        return listed(self.inplace)


class Softplus(Module):
    """y = log(1 + e^(beta x)) / beta, element by element; x where beta x > threshold."""

    def __init__(self, beta: float = 1.0, threshold: float = 20.0):
        self.beta, self.threshold = beta, threshold

    def forward(self, x):
        return softplus(x, self.beta, self.threshold)

    def extra_repr(self):
        return f"beta={self.beta}, threshold={self.threshold}"


class Tanh(Module):
    """y = tanh x, element by element."""

    def forward(self, x):
        return tanh(x)


class Tanhshrink(Module):
    """y = x - tanh x, element by element."""

    def forward(self, x):
        return tanhshrink(x)


class Softsign(Module):
    """y = x / (1 + |x|), element by element."""

    def forward(self, x):
        return softsign(x)


class GELU(Module):
    """y = x · Φ(x), element by element; approximate="tanh" for the faster formula."""

    def __init__(self, approximate: str = "none"):
        self.approximate = approximate

    def forward(self, x):
        return gelu(x, self.approximate)

    def extra_repr(self):
        return f"approximate={self.approximate!r}"
