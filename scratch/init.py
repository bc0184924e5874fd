"""Initial values, under torch.nn.init's names and with its fan rules.

Each function fills a Parameter (or an array) in place, as the trailing underscore says, and returns it.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr, ndtri

from scratch import random
from scratch.parameter import Parameter


def _fill(parameter, values):
    if isinstance(parameter, Parameter):
        parameter.data[...] = values
        parameter.changed()
    else:
        parameter[...] = values
    return parameter


def uniform_(parameter, a: float = 0.0, b: float = 1.0, rng=None):
    """Values from U(a, b)."""
    return _fill(parameter, random.generator(rng).uniform(a, b, size=parameter.shape))


def normal_(parameter, mean: float = 0.0, std: float = 1.0, rng=None):
    """Values from N(mean, std²)."""
    return _fill(parameter, random.generator(rng).normal(mean, std, size=parameter.shape))


def trunc_normal_(parameter, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, rng=None):
    """Values from N(mean, std²) kept within [a, b].

    The inverse of the distribution function, applied to uniform numbers between its values at a and b. On the side
    of the mean where its values are small, not close to 1, it stays exact far out in the tail.
    """
    if not (std > 0 and a <= b):
        raise ValueError(f"trunc_normal_: needs std > 0 and a <= b, but got std {std}, a {a}, b {b}")
    low, high = (a - mean) / std, (b - mean) / std
    mirrored = low > 0
    if mirrored:
        low, high = -high, -low
    z = ndtri(random.generator(rng).uniform(ndtr(low), ndtr(high), size=parameter.shape))
    return _fill(parameter, np.clip(mean + std * (-z if mirrored else z), a, b))


def constant_(parameter, val: float):
    """Every value is val."""
    return _fill(parameter, val)


def ones_(parameter):
    return _fill(parameter, 1.0)


def zeros_(parameter):
    return _fill(parameter, 0.0)


def eye_(parameter):
    """The identity matrix (R, C): ones where row = column."""
    if parameter.ndim != 2:
        raise ValueError(f"eye_: needs 2 dimensions, but the shape is {parameter.shape}")
    return _fill(parameter, np.eye(*parameter.shape))


def dirac_(parameter, groups: int = 1):
    """A convolution weight (F, C, *kernel) that copies input channel c of each group to its output channel c."""
    if parameter.ndim not in (3, 4, 5):
        raise ValueError(f"dirac_: needs 3, 4 or 5 dimensions, but the shape is {parameter.shape}")
    if parameter.shape[0] % groups:
        raise ValueError(f"dirac_: {parameter.shape[0]} output channels are not divisible by groups={groups}")
    values = np.zeros(parameter.shape)
    per_group = parameter.shape[0] // groups
    middle = tuple(k // 2 for k in parameter.shape[2:])
    for group in range(groups):
        for c in range(min(per_group, parameter.shape[1])):
            values[(group * per_group + c, c, *middle)] = 1
    return _fill(parameter, values)


def orthogonal_(parameter, gain: float = 1, rng=None):
    """A random (half-)orthogonal matrix times gain: rows, or the columns of a tall one, are orthonormal.

    (R, ...) counts as a matrix (R, rest). Source: Saxe, McClelland, Ganguli, 2013.
    """
    if parameter.ndim < 2:
        raise ValueError(f"orthogonal_: needs at least 2 dimensions, but the shape is {parameter.shape}")
    if math.prod(parameter.shape) == 0:
        return parameter
    rows, columns = parameter.shape[0], math.prod(parameter.shape[1:])
    tall = random.generator(rng).normal(size=(max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(tall)
    q *= np.sign(np.diag(r))  # makes every orthogonal matrix equally likely
    return _fill(parameter, gain * (q.T if rows < columns else q).reshape(parameter.shape))


def sparse_(parameter, sparsity: float, std: float = 0.01, rng=None):
    """Values from N(0, std²), but in each column of (R, C) ceil(sparsity · R) of them are zero.

    Source: Martens, "Deep learning via Hessian-free optimization", 2010.
    """
    if parameter.ndim != 2:
        raise ValueError(f"sparse_: needs 2 dimensions, but the shape is {parameter.shape}")
    rng = random.generator(rng)
    rows, columns = parameter.shape
    values = rng.normal(0.0, std, size=(rows, columns))
    for column in range(columns):
        values[rng.permutation(rows)[: math.ceil(sparsity * rows)], column] = 0
    return _fill(parameter, values)


def fans(parameter) -> tuple[int, int]:
    """(fan_in, fan_out): the inputs that feed one output, and the outputs that one input feeds.

    weight (out, in, *kernel): fan_in = in · prod(kernel), fan_out = out · prod(kernel), torch's rule.
    """
    if parameter.ndim < 2:
        raise ValueError(f"init: fan in and fan out need at least 2 dimensions, but the shape is {parameter.shape}")
    receptive = math.prod(parameter.shape[2:])
    return parameter.shape[1] * receptive, parameter.shape[0] * receptive


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor that keeps the variance through a nonlinearity, torch's table."""
    if nonlinearity in ("linear", "sigmoid", *(f"conv{t}{n}d" for t in ("", "_transpose") for n in (1, 2, 3))):
        return 1.0
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "leaky_relu":
        if isinstance(param, (bool, str)):
            raise ValueError(f"calculate_gain: the negative slope must be a number, but is {param!r}")
        return math.sqrt(2.0 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity == "selu":
        return 3.0 / 4
    raise ValueError(f"calculate_gain: unknown nonlinearity {nonlinearity!r}")


def xavier_uniform_(parameter, gain: float = 1.0, rng=None):
    """U(-a, a), a = gain · sqrt(6 / (fan_in + fan_out)). Source: Glorot and Bengio, 2010."""
    bound = gain * math.sqrt(6.0 / sum(fans(parameter)))
    return uniform_(parameter, -bound, bound, rng)


def xavier_normal_(parameter, gain: float = 1.0, rng=None):
    """N(0, std²), std = gain · sqrt(2 / (fan_in + fan_out)). Source: Glorot and Bengio, 2010."""
    return normal_(parameter, 0.0, gain * math.sqrt(2.0 / sum(fans(parameter))), rng)


def _kaiming_std(parameter, a, mode, nonlinearity):
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"init: mode must be 'fan_in' or 'fan_out', but is {mode!r}")
    fan = fans(parameter)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan) if fan else 0.0


def kaiming_uniform_(parameter, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", rng=None):
    """U(-b, b), b = gain · sqrt(3 / fan). Source: He, Zhang, Ren, Sun, 2015."""
    bound = math.sqrt(3.0) * _kaiming_std(parameter, a, mode, nonlinearity)
    return uniform_(parameter, -bound, bound, rng)


def kaiming_normal_(parameter, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", rng=None):
    """N(0, std²), std = gain / sqrt(fan). Source: He, Zhang, Ren, Sun, 2015."""
    return normal_(parameter, 0.0, _kaiming_std(parameter, a, mode, nonlinearity), rng)


def default_weight_(parameter, rng=None):
    """torch's default for linear and convolution weights: U(-1/sqrt(fan_in), 1/sqrt(fan_in))."""
    return kaiming_uniform_(parameter, a=math.sqrt(5.0), rng=rng)


def default_bias_(parameter, weight, rng=None):
    """torch's default for their biases: U(-1/sqrt(fan_in), 1/sqrt(fan_in)) with the weight's fan_in."""
    fan_in, _ = fans(weight)
    bound = 1 / math.sqrt(fan_in) if fan_in else 0.0
    return uniform_(parameter, -bound, bound, rng)


def empty(*shape: int, dtype) -> Parameter:
    """A new Parameter of zeros, for a layer to fill."""
    return Parameter(np.zeros(shape, dtype))
