"""Activations with a kink: ReLU and its kin, the exponential linear units, Hardtanh and the shrinks.

Every one works element by element on x of any shape, float32 or float64, and keeps shape and dtype. A kink has no
derivative; what stands in for it is said in each docstring and is what torch takes. `np.where` picks the branch, so
that an infinity in the branch not taken does no harm. None writes into x: `inplace` is accepted and ignored.

Axes: N batch, C channels.
Twin: torch_ref/rectifiers.py. Pair: parity_tests/pairs/rectifiers.py.
"""

from __future__ import annotations

import numpy as np

from scratch.dtypes import as_dtype, check_device
from scratch.module import Module
from scratch.op import Op, unbroadcast
from scratch.parameter import Parameter

# ------------------------------------------------------------------ ReLU, leaky and clipped


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
    channels = x.shape[1] if x.ndim > 1 else 1
    if weight.ndim > 1 or (weight.size != 1 and (x.ndim == 0 or weight.size != channels)):
        raise ValueError(
            f"prelu: weight must hold one slope, or one for each of x's {channels} channels (axis 1), "
            f"but weight is {weight.shape} and x {x.shape}"
        )
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


# ------------------------------------------------------------------ modules


def _listed(inplace, *options):
    """What torch shows between the parentheses: the options, and inplace where it is true."""
    return ", ".join((*options, *(["inplace=True"] if inplace else [])))


class ReLU(Module):
    """y = max(x, 0), element by element."""

    def __init__(self, inplace: bool = False):
        self.inplace = inplace

    def forward(self, x):
        return relu(x)

    def extra_repr(self):
        return _listed(self.inplace)


class ReLU6(Module):
    """y = min(max(x, 0), 6), element by element."""

    def __init__(self, inplace: bool = False):
        self.inplace = inplace

    def forward(self, x):
        return relu6(x)

    def extra_repr(self):
        return _listed(self.inplace)


class LeakyReLU(Module):
    """y = x for x > 0, else negative_slope · x, element by element."""

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False):
        self.negative_slope, self.inplace = negative_slope, inplace

    def forward(self, x):
        return leaky_relu(x, self.negative_slope)

    def extra_repr(self):
        return _listed(self.inplace, f"negative_slope={self.negative_slope}")


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


class Hardtanh(Module):
    """x clipped to [min_val, max_val], element by element."""

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False):
        if max_val <= min_val:
            raise ValueError(f"Hardtanh: max_val must be greater than min_val, but they are {max_val} and {min_val}")
        self.min_val, self.max_val, self.inplace = min_val, max_val, inplace

    def forward(self, x):
        return hardtanh(x, self.min_val, self.max_val)

    def extra_repr(self):
        return _listed(self.inplace, f"min_val={self.min_val}", f"max_val={self.max_val}")


class ELU(Module):
    """y = x for x > 0, else alpha · (eˣ - 1), element by element."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False):
        self.alpha, self.inplace = alpha, inplace

    def forward(self, x):
        return elu(x, self.alpha)

    def extra_repr(self):
        return _listed(self.inplace, f"alpha={self.alpha}")


class CELU(Module):
    """y = x for x > 0, else alpha · (e^(x/alpha) - 1), element by element."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False):
        self.alpha, self.inplace = alpha, inplace

    def forward(self, x):
        return celu(x, self.alpha)

    def extra_repr(self):
        return _listed(self.inplace, f"alpha={self.alpha}")


class SELU(Module):
    """y = 1.0507 · elu(x, 1.6733), element by element: it keeps mean 0 and variance 1."""

    def __init__(self, inplace: bool = False):
        self.inplace = inplace

    def forward(self, x):
        return selu(x)

    def extra_repr(self):
        return _listed(self.inplace)


class Softshrink(Module):
    """x moved towards 0 by lambd, element by element."""

    def __init__(self, lambd: float = 0.5):
        self.lambd = lambd

    def forward(self, x):
        return softshrink(x, self.lambd)

    def extra_repr(self):
        return str(self.lambd)
