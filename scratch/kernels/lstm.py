"""The LSTM over whole sequences, one product a step.

Axes: T time steps, B batch, I input features, H hidden features; a weight's rows K and columns N.
"""

from __future__ import annotations

import numpy as np

from scratch.kernels.products import UNPACKED, has_small_kernels
from scratch.kernels.recurrent import (
    RecurrentKernelSaved,
    both_biases,
    in_order,
    initial_gradient,
    sigmoid_,
    suits,
    weight_gradients,
)
from scratch.recurrent import lstm_layer
from scratch.recurrent_cells import check_cell


def suits_lstm(
    x, h0, c0, weight_ih, weight_hh, bias_ih=None, bias_hh=None, weight_hr=None, batch_sizes=None, reverse=False
):
    return weight_hr is None and suits(x, batch_sizes)


def in_pieces(weight, rows):
    """weight (..., K, N) cut into columns, (..., pieces, K, N / pieces), for products with few rows.

    BLAS packs a weight anew for each product with it, which takes as long as multiplying 32 rows; see products.py.
    Pieces of less than 16 columns, a vector's width, would be slower than packing.
    """
    *_, k, n = weight.shape
    most = UNPACKED if has_small_kernels() else 0
    width = max((w for w in range(16, n + 1) if n % w == 0 and rows * k * w <= most), default=n)
    return np.ascontiguousarray(weight.reshape(*weight.shape[:-1], -1, width).swapaxes(-3, -2))


def times(a, pieces, out):
    """out (..., rows, N) = a (rows, K) @ the weight that was cut into these pieces"""
    np.matmul(a, pieces, out=out.reshape(*out.shape[:-1], pieces.shape[-3], -1, copy=False).swapaxes(-3, -2))
    return out


def lstm_kernel_forward(
    x, h0, c0, weight_ih, weight_hh, bias_ih=None, bias_hh=None, weight_hr=None, batch_sizes=None, reverse=False
):
    """Fast because x, h and a 1 for the bias stand side by side: one product a step, of a weight BLAS need not pack.

    Saved: gates i f g o after their nonlinearity, (T, 4, B, H), each of them contiguous, which is twice as fast in
    what follows the product; more = (cell states (T + 1, B, H),).
    """
    check_cell("lstm_cell", 4, x[0], h0, weight_ih, weight_hh, bias_ih, bias_hh, c0)
    steps, batch, features = x.shape
    hidden, dtype = h0.shape[1], x.dtype
    x = np.ascontiguousarray(in_order(x, reverse))
    gates = np.empty((steps, 4, batch, hidden), dtype)
    states, cells = np.empty((2, steps + 1, batch, hidden), dtype)
    states[0], cells[0] = h0, c0
    bias = both_biases(bias_ih, bias_hh)
    bias = np.zeros(4 * hidden, dtype) if bias is None else bias
    weight = np.concatenate((weight_ih, weight_hh, bias[:, None]), axis=1)  # (4H, I + H + 1)
    weight = in_pieces(weight.reshape(4, hidden, -1).swapaxes(1, 2), batch)

    xh1 = np.ones((batch, features + hidden + 1), dtype)
    space = np.empty((batch, hidden), dtype)
    for t in range(steps):
        xh1[:, :features], xh1[:, features:-1] = x[t], states[t]
        z = times(xh1, weight, out=gates[t])
        i, f, g, o = z
        sigmoid_(z[:2])  # i and f
        np.tanh(g, out=g)
        sigmoid_(o)
        c = np.multiply(f, cells[t], out=cells[t + 1])
        c += np.multiply(i, g, out=space)
        np.multiply(o, np.tanh(c, out=space), out=states[t + 1])
    saved = RecurrentKernelSaved(x, states, gates, (cells,), weight_ih, weight_hh, reverse)
    return (in_order(states[1:], reverse).copy(), states[-1].copy(), cells[-1].copy()), saved


def lstm_kernel_backward(dy, saved):
    """A step uses what it has just computed while the cache holds it; the weights' gradients wait for the end."""
    dy, dh_n, dc_n = dy
    (cells,) = saved.more
    gates, states, dtype = saved.gates, saved.states, cells.dtype
    steps, _, batch, hidden = gates.shape
    weight = in_pieces(saved.weight_hh, batch)
    dz = np.empty((steps, batch, 4, hidden), dtype)
    dh, dc = initial_gradient(dh_n, states[0]), initial_gradient(dc_n, cells[0])
    dy = None if dy is None else in_order(dy, saved.reverse)

    slopes, space = np.empty((4, batch, hidden), dtype), np.empty((batch, hidden), dtype)
    for t in reversed(range(steps)):
        z, c, h = gates[t], cells[t], states[t + 1]
        i, f, g, o = z
        if dy is not None:
            dh += dy[t]
        # h = o * tanh(c')
        tanh = np.tanh(cells[t + 1], out=space)
        np.multiply(tanh, tanh, out=space)
        np.subtract(1, space, out=space)
        space *= o
        space *= dh
        dc += space
        # c' = f * c + i * g; each gate's slope times what it is multiplied with
        np.subtract(1, z, out=slopes)
        slopes[:2] *= z[:2]  # i (1 - i), f (1 - f)
        slopes[2] *= np.add(1, g, out=space)  # 1 - g²
        slopes[0] *= g
        slopes[1] *= c
        slopes[2] *= i
        slopes[3] *= h  # o (1 - o) tanh(c')
        slopes[:3] *= dc
        slopes[3] *= dh
        dz[t] = slopes.swapaxes(0, 1)
        dc *= f
        times(dz[t].reshape(batch, -1), weight, out=dh)
    dx, *dweights = weight_gradients(dz, dz, saved)
    return dx, dh, dc, *dweights, None


lstm_layer.register(lstm_kernel_forward, lstm_kernel_backward, when=suits_lstm)
