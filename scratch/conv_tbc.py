"""Convolution of sequences laid out time first.

Axes: T time, B batch, C channels, F filters, R kernel, P output time.
Twin: torch_ref/conv_tbc.py. Pair: parity_tests/pairs/conv_tbc.py.
"""

from __future__ import annotations

from scratch.convolution import conv1d_backward, conv1d_forward
from scratch.op import Op


def conv_tbc_forward(x, weight, bias, pad=0):
    """conv1d with the axes in another order: y[p, b, f] = Σ_r,c x[p + r - pad, b, c] * weight[r, c, f] + bias[f].

    Parameters
    ----------
    x : (T, B, C) floating point. weight : (R, C, F). bias : (F,). pad : zeros put before and behind the time.

    Returns
    -------
    y : (P, B, F), P = T + 2 * pad - R + 1. backward : dy -> dx, dweight, dbias.

    Raises
    ------
    ValueError : shapes do not fit, or the kernel is longer than the padded time.

    Examples
    --------
    >>> import numpy as np
    >>> conv_tbc(np.array([[[1.0]], [[2.0]]]), np.array([[[1.0]], [[10.0]]]), np.array([0.5]))[0]
    array([[[21.5]]])
    """
    if x.ndim != 3 or weight.ndim != 3 or x.shape[2] != weight.shape[1] or bias.shape != weight.shape[2:]:
        raise ValueError(
            f"conv_tbc: x must be (T, B, C), weight (R, C, F) and bias (F,), "
            f"but got x {x.shape}, weight {weight.shape}, bias {bias.shape}"
        )
    # (T, B, C) -> (B, C, T); (R, C, F) -> (F, C, R)
    y, saved = conv1d_forward(x.transpose(1, 2, 0), weight.transpose(2, 1, 0), bias, padding=pad)
    return y.transpose(2, 0, 1).copy(), saved  # (B, F, P) -> (P, B, F)


def conv_tbc_backward(dy, saved, needs=(True, True, True)):
    """dy (P, B, F) -> dx (T, B, C), dweight (R, C, F), dbias (F,)"""
    dx, dweight, dbias = conv1d_backward(dy.transpose(1, 2, 0), saved, needs)
    dx = None if dx is None else dx.transpose(2, 0, 1)  # (B, C, T) -> (T, B, C)
    dweight = None if dweight is None else dweight.transpose(2, 1, 0)  # (F, C, R) -> (R, C, F)
    return dx, dweight, dbias


conv_tbc = Op(conv_tbc_forward, conv_tbc_backward)
