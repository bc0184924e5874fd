"""Rectifiers: ReLU, its leaky kin and the exponential linear units. Those with bounds are in hard_activations.py.

Every one works element by element on x of any shape, float32 or float64, and keeps shape and dtype. A kink has no
derivative; what stands in for it is said in each docstring and is what torch takes. `np.where` picks the branch, so
that an infinity in the branch not taken does no harm. None writes into x: `inplace` is accepted and ignored.

Axes: N batch, C channels.
Twin: torch_ref/rectifiers.py. Pair: parity_tests/pairs/rectifiers.py.
"""

from __future__ import annotations

import numpy as np

from scratch import random
from scratch.activations import listed
from scratch.dtypes import as_dtype, check_device
from scratch.module import Module
from scratch.op import Op, on_device_of, unbroadcast
from scratch.parameter import Parameter

# ------------------------------------------------------------------ ReLU and leaky ones


def relu_forward(x, inplace=False):
    """Rectified linear unit: y = max(x, 0). Slope 1 for x > 0, else 0, at 0 too; a nan lets dy pass.

    Examples
    --------
    >>> y, backward = relu(np.array([-2.0, 0.0, 3.0]))
    >>> y, backward(np.ones(3))
    (array([0., 0., 3.]), array([0., 0., 1.]))
    """
    y = np.maximum(x, 0)
    return y, (y,)


def relu_backward(dy, saved):
    (y,) = saved
    return np.where(y <= 0, 0, dy)


relu = Op(relu_forward, relu_backward)


def leaky_relu_forward(x, negative_slope=0.01, inplace=False):
    """Leaky ReLU: y = x for x > 0, else negative_slope · x, and slopes 1 and negative_slope alike (at 0 the second).

    Source: Maas, Hannun, Ng, 2013.
    """
    return np.where(x > 0, x, negative_slope * x), (x, negative_slope)


def leaky_relu_backward(dy, saved):
    x, negative_slope = saved
    return np.where(x > 0, dy, negative_slope * dy)


leaky_relu = Op(leaky_relu_forward, leaky_relu_backward)


def rrelu_forward(x, lower=1 / 8, upper=1 / 3, training=False, inplace=False, rng=None):
    """Randomized leaky ReLU: in training a leaky ReLU whose negative slope is drawn anew for every element.

    The slopes come from U(lower, upper); otherwise there is one, their mean (lower + upper) / 2.
    rng : numpy.random.Generator, a seed (each call with it draws the same slopes), or None for the shared generator.
    Source: Xu, Wang, Chen, Li, 2015.
    """
    if not training:
        return leaky_relu_forward(x, (lower + upper) / 2)
    slopes = random.generator(rng).uniform(lower, upper, size=x.shape).astype(x.dtype)
    return leaky_relu_forward(x, on_device_of(x, slopes))


rrelu = Op(rrelu_forward, leaky_relu_backward)


def check_slopes(x, weight):
    channels = x.shape[1] if x.ndim > 1 else 1
    if weight.ndim > 1 or (weight.size != 1 and (x.ndim == 0 or weight.size != channels)):
        raise ValueError(
            f"prelu: weight must hold one slope, or one for each of x's {channels} channels (axis 1), "
            f"but weight is {weight.shape} and x {x.shape}"
        )


def prelu_forward(x, weight):
    """Parametric ReLU: y = x for x > 0, else weight · x, the slope at 0 too. The slopes are learned.

    Parameters
    ----------
    x : (N, C, *), or any shape for one slope. weight : (C,), one slope per channel, or (1,) or () for one slope.

    Returns
    -------
    y : as x. backward : dy -> dx as x, dweight as weight.

    Raises
    ------
    ValueError : weight is no scalar or vector, or has another length than x has channels.
    Source: He, Zhang, Ren, Sun, 2015.

    Examples
    --------
    >>> y, backward = prelu(np.array([[-2.0, 3.0]]), np.array([0.5, 0.25]))
    >>> y, *backward(np.ones((1, 2)))
    (array([[-1.,  3.]]), array([[0.5, 1. ]]), array([-2.,  0.]))
    """
    check_slopes(x, weight)
    return np.where(x > 0, x, _by_channel(weight, x) * x), (x, weight)


def _by_channel(weight, x):
    """(C,) -> (C, 1, ...) or () -> (1, ...), which broadcasts against x (N, C, *)."""
    return weight.reshape((weight.size,) + (1,) * (x.ndim - 2)) if x.ndim else weight.reshape(())


def prelu_backward(dy, saved):
    x, weight = saved
    slope = _by_channel(weight, x)
    # y = x or slope x
    dx = np.where(x > 0, dy, slope * dy)
    dslope = unbroadcast(np.where(x > 0, 0, x * dy), slope.shape)  # one slope met a whole channel
    return dx, dslope.reshape(weight.shape)


prelu = Op(prelu_forward, prelu_backward)


# ------------------------------------------------------------------ exponential linear units
# At nan y and the slope are nan (torch's slope is nan or 1 there, depending on the element's place in memory).


def _elu_forward(x, alpha, scale, stretch):
    """scale · x for x > 0, else scale · alpha · (e^(stretch x) - 1)."""
    negative = np.minimum(x, 0)  # the exponential of a large x would overflow, only to be thrown away
    y = scale * np.where(x > 0, x, alpha * np.expm1(stretch * negative))
    return y, (x, alpha, scale, stretch)


def _elu_backward(dy, saved):
    x, alpha, scale, stretch = saved
    negative = np.minimum(x, 0)
    return scale * np.where(x > 0, dy, dy * (alpha * stretch) * np.exp(stretch * negative))


def elu_forward(x, alpha=1.0, inplace=False):
    """Exponential linear unit: y = x for x > 0, else alpha · (eˣ - 1). Slope 1 or alpha · eˣ; alpha at 0.

    Source: Clevert, Unterthiner, Hochreiter, 2015.
    """
    return _elu_forward(x, alpha, 1.0, 1.0)


elu = Op(elu_forward, _elu_backward)


def check_alpha(alpha):
    if alpha == 0:
        raise ValueError("celu: alpha cannot be 0, x is divided by it")


def celu_forward(x, alpha=1.0, inplace=False):
    """Continuously differentiable ELU: y = x for x > 0, else alpha · (e^(x/alpha) - 1), whose slope at 0 is 1.

    Raises ValueError for alpha = 0. Source: Barron, 2017.
    """
    check_alpha(alpha)
    return _elu_forward(x, alpha, 1.0, 1 / alpha)


celu = Op(celu_forward, _elu_backward)

# The fixed point: an input of mean 0 and variance 1 gives an output of mean 0 and variance 1.
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


def selu_forward(x, inplace=False):
    """Self-normalizing ELU: y = scale · elu(x, alpha) with scale ≈ 1.0507 and alpha ≈ 1.6733. Slope at 0 scale · alpha.

    Source: Klambauer, Unterthiner, Mayr, Hochreiter, 2017.
    """
    return _elu_forward(x, SELU_ALPHA, SELU_SCALE, 1.0)


selu = Op(selu_forward, _elu_backward)


# ------------------------------------------------------------------ modules


class ReLU(Module):
    """y = max(x, 0), element by element."""

    def __init__(self, inplace: bool = False):
        self.inplace = inplace

    def forward(self, x):
        return relu(x)

    def extra_repr(self):
        return listed(self.inplace)


class LeakyReLU(Module):
    """y = x for x > 0, else negative_slope · x, element by element."""

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False):
        self.negative_slope, self.inplace = negative_slope, inplace

    def forward(self, x):
        return leaky_relu(x, self.negative_slope)

    def extra_repr(self):
        return listed(self.inplace, f"negative_slope={self.negative_slope}")


class RReLU(Module):
    """In training a leaky ReLU with a slope from U(lower, upper) for every element; in evaluation with their mean.

    rng : a numpy.random.Generator, or a seed from which the module makes its own, once; None is the shared one.
    """

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, inplace: bool = False, *, rng=None):
        self.lower, self.upper, self.inplace = lower, upper, inplace
        self.rng = None if rng is None else random.generator(rng)

    def forward(self, x):
        return rrelu(x, self.lower, self.upper, self.training, rng=self.rng)

    def extra_repr(self):
        return listed(self.inplace, f"lower={self.lower}", f"upper={self.upper}")


class PReLU(Module):
    """y = x for x > 0, else weight · x, with num_parameters learned slopes: 1, or one per channel (axis 1 of x).

    They start from init.
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device=None, dtype=None):
        check_device(device)
        self.num_parameters, self.init = num_parameters, init
        self.weight = Parameter(np.full(num_parameters, init, as_dtype(dtype)))

    def reset_parameters(self) -> None:
        self.weight.data[...] = self.init
        self.weight.changed()

    def forward(self, x):
        return prelu(x, self.weight)

    def extra_repr(self):
        return f"num_parameters={self.num_parameters}"


class ELU(Module):
    """y = x for x > 0, else alpha · (eˣ - 1), element by element."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False):
        self.alpha, self.inplace = alpha, inplace

    def forward(self, x):
        return elu(x, self.alpha)

    def extra_repr(self):
        return listed(self.inplace, f"alpha={self.alpha}")


class CELU(Module):
    """y = x for x > 0, else alpha · (e^(x/alpha) - 1), element by element."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False):
        self.alpha, self.inplace = alpha, inplace

    def forward(self, x):
        return celu(x, self.alpha)

    def extra_repr(self):
        return listed(self.inplace, f"alpha={self.alpha}")


class SELU(Module):
    """y = 1.0507 · elu(x, 1.6733), element by element: it keeps mean 0 and variance 1."""

    def __init__(self, inplace: bool = False):
        self.inplace = inplace

    def forward(self, x):
        return selu(x)

    def extra_repr(self):
        return listed(self.inplace)
