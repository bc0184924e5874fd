"""Spectral normalisation: a weight matrix whose largest singular value is one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from scratch import random
from scratch.module import Module
from scratch.op import Op
from scratch.utils.reparametrization import find, reparametrize, restore, taken_out


class SpectralSaved(NamedTuple):
    """What spectral_backward needs, and nothing else."""

    weight: np.ndarray
    outer: np.ndarray  # u vᵀ in the weight's shape
    sigma: np.ndarray


def as_matrix(weight, dim: int):
    """(rows along dim, everything else)"""
    return np.moveaxis(weight, dim, 0).reshape(weight.shape[dim], -1)


def spectral_forward(weight, u, v, dim=0):
    """w = weight / σ with σ = uᵀ W v, where W is the weight as a matrix, rows along dim; u (R,) and v (C,) are fixed.

    Examples
    --------
    >>> spectral(np.array([[3.0, 0.0], [0.0, 1.0]]), np.array([1.0, 0.0]), np.array([1.0, 0.0]))[0]
    array([[1.        , 0.        ],
           [0.        , 0.33333333]])
    """
    rest = weight.shape[:dim] + weight.shape[dim + 1 :]
    outer = np.moveaxis((u[:, None] * v).reshape(weight.shape[dim], *rest), 0, dim)
    sigma = u @ (as_matrix(weight, dim) @ v)
    return weight / sigma, SpectralSaved(weight, outer, sigma)


def spectral_backward(dw, saved):
    """dw -> dweight, None, None"""
    weight, outer, sigma = saved
    # w = weight / sigma
    dsigma = -(dw * weight).sum() / sigma**2
    # sigma = uᵀ W v
    return dw / sigma + dsigma * outer, None, None


spectral = Op(spectral_forward, spectral_backward, arrays=("weight", "u", "v"), constants=("u", "v"))


class SpectralNorm:
    """Computes name from name_orig; name_u and name_v follow its largest singular vectors."""

    def __init__(self, n_power_iterations: int, eps: float, dim: int):
        self.n_power_iterations, self.eps, self.dim = n_power_iterations, eps, dim

    def weight(self, module, name, look=False):
        weight = getattr(module, f"{name}_orig")
        u, v = getattr(module, f"{name}_u"), getattr(module, f"{name}_v")
        if module.training and not look:
            matrix = as_matrix(weight.data, self.dim)
            for _ in range(self.n_power_iterations):
                v = _unit(matrix.T @ u, self.eps)
                u = _unit(matrix @ v, self.eps)
            module.__dict__[f"{name}_u"], module.__dict__[f"{name}_v"] = u, v
        return spectral(weight, u, v, self.dim)


def _unit(x, eps):
    return x / max(float(np.sqrt(x @ x)), eps)


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
    *,
    rng=None,
) -> Module:
    """Divide module.weight by its largest singular value at every forward. Returns the module.

    weight_orig is learned. In training mode each forward improves the buffers weight_u and weight_v, the singular
    vectors, by n_power_iterations steps of the power method; the gradient takes them as fixed.

    dim : the axis of the rows; None: 0, or 1 for transposed convolutions. eps : keeps the vectors' length from zero.
    The keys are torch.nn.utils.spectral_norm's.

    Source: Miyato, Kataoka, Koyama, Yoshida, "Spectral Normalization for Generative Adversarial Networks", 2018.
    """
    if n_power_iterations <= 0:
        raise ValueError(
            "spectral_norm: Expected n_power_iterations to be positive, "
            f"but got n_power_iterations={n_power_iterations}"
        )
    if dim is None:
        dim = 1 if type(module).__name__.startswith("ConvTranspose") else 0
    weight = taken_out(module, name, "spectral_norm")
    setattr(module, f"{name}_orig", weight)
    rng = random.generator(rng)
    for vector, size in zip("uv", as_matrix(weight.data, dim).shape):
        start = rng.normal(size=size).astype(weight.dtype)
        module.register_buffer(f"{name}_{vector}", _unit(start, eps))
    reparametrize(module, name, SpectralNorm(n_power_iterations, eps, dim))
    return module


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """The other way: an ordinary weight with the present value. Returns the module."""
    find(module, name, SpectralNorm, "spectral_norm")
    restore(module, name)
    del module.__dict__[f"{name}_orig"]
    for vector in "uv":
        module._buffer_names = tuple(n for n in module._buffer_names if n != f"{name}_{vector}")
        del module.__dict__[f"{name}_{vector}"]
    return module
