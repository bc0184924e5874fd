"""Recurrent layers with everything that does not wait for the step before it done for all steps at once.

Axes: T time steps, B batch, I input features, H hidden features.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from scratch.kernels.activations import LOG2E
from scratch.recurrent import gru_layer, rnn_layer
from scratch.recurrent_cells import check_cell
from scratch.sums import tree_sum


class RecurrentKernelSaved(NamedTuple):
    """All steps at once; what the arrays hold is said in each forward."""

    x: np.ndarray  # (T, B, I), in the order in which the steps are made
    states: np.ndarray  # (T + 1, B, H), the hidden states, the initial one first
    gates: np.ndarray  # (T, B, gates · H)
    more: tuple[np.ndarray, ...]
    weight_ih: np.ndarray  # (gates · H, I)
    weight_hh: np.ndarray  # (gates · H, H)
    reverse: bool


def suits(x, batch_sizes) -> bool:
    return x.dtype.char in "fd" and x.ndim == 3 and x.size > 0 and batch_sizes is None


def suits_rnn(
    x, h0, weight_ih, weight_hh, bias_ih=None, bias_hh=None, nonlinearity="tanh", batch_sizes=None, reverse=False
):
    return nonlinearity == "tanh" and suits(x, batch_sizes)


def suits_gru(x, h0, weight_ih, weight_hh, bias_ih=None, bias_hh=None, batch_sizes=None, reverse=False):
    return suits(x, batch_sizes)


def in_order(array, reverse):
    """The steps in the order in which they are made, and back again."""
    return array[::-1] if reverse else array


def all_steps(x, weight, bias):
    """x @ weightᵀ + bias for all steps in one product, (T, B, I) -> (T, B, gates · H)"""
    z = x.reshape(-1, x.shape[2]) @ weight.T
    if bias is not None:
        z += bias
    return z.reshape(*x.shape[:2], -1)


def sigmoid_(z) -> None:
    """σ in place. ½ + ½ tanh(z/2) would be faster, but 0 where a gate is closed and its small slope still counts."""
    z *= -LOG2E
    with np.errstate(over="ignore"):  # 1 / inf is the 0 it should be
        np.exp2(z, out=z)  # in half the time of exp
    z += 1
    np.divide(1, z, out=z)  # faster than reciprocal


def both_biases(bias_ih, bias_hh):
    """Their sum, where they are only ever added."""
    given = [b for b in (bias_ih, bias_hh) if b is not None]
    return sum(given) if given else None


def weight_gradients(dx_gates, dh_gates, saved):
    """dx and the gradients of the weights: one product each for all steps; a gate's gradient by x's and by h's side."""
    x, states, weight_ih = saved.x, saved.states, saved.weight_ih
    rows = x.shape[0] * x.shape[1]
    from_x, from_h = dx_gates.reshape(rows, -1), dh_gates.reshape(rows, -1)
    dx = (from_x @ weight_ih).reshape(x.shape)
    dweight_ih = from_x.T @ x.reshape(rows, -1)
    dweight_hh = from_h.T @ states[:-1].reshape(rows, -1)
    dbias_ih = tree_sum(from_x)
    dbias_hh = dbias_ih.copy() if dx_gates is dh_gates else tree_sum(from_h)
    return in_order(dx, saved.reverse), dweight_ih, dweight_hh, dbias_ih, dbias_hh


def initial_gradient(d, like):
    return np.zeros_like(like) if d is None else d.copy()


def rnn_kernel_forward(
    x, h0, weight_ih, weight_hh, bias_ih=None, bias_hh=None, nonlinearity="tanh", batch_sizes=None, reverse=False
):
    """Fast because the input's part of all steps is one product, as are the gradients of the weights."""
    check_cell("rnn_cell", 1, x[0], h0, weight_ih, weight_hh, bias_ih, bias_hh)
    x = np.ascontiguousarray(in_order(x, reverse))
    gates = all_steps(x, weight_ih, both_biases(bias_ih, bias_hh))
    weight = np.ascontiguousarray(weight_hh.T)
    states = np.empty((len(x) + 1, *h0.shape), x.dtype)
    states[0] = h0
    for t in range(len(x)):
        h = np.matmul(states[t], weight, out=states[t + 1])
        h += gates[t]
        np.tanh(h, out=h)
    saved = RecurrentKernelSaved(x, states, states[1:], (), weight_ih, weight_hh, reverse)
    return (in_order(states[1:], reverse).copy(), states[-1].copy()), saved


def rnn_kernel_backward(dy, saved):
    """tanh' for all steps at once; the loop only scales it."""
    dy, dh = dy
    dz = 1 - saved.gates * saved.gates
    dh = initial_gradient(dh, saved.states[0])
    dy = None if dy is None else in_order(dy, saved.reverse)
    for t in reversed(range(len(dz))):
        if dy is not None:
            dh += dy[t]
        dz[t] *= dh
        dh = dz[t] @ saved.weight_hh
    dx, *dweights = weight_gradients(dz, dz, saved)
    return dx, dh, *dweights


rnn_layer.register(rnn_kernel_forward, rnn_kernel_backward, when=suits_rnn)


def gru_kernel_forward(x, h0, weight_ih, weight_hh, bias_ih=None, bias_hh=None, batch_sizes=None, reverse=False):
    """Fast because the input's part of all steps is one product, as are the gradients of the weights.

    Saved: gates r z n after their nonlinearity; more = (what n sees of h before the reset, (T, B, H),).
    """
    check_cell("gru_cell", 3, x[0], h0, weight_ih, weight_hh, bias_ih, bias_hh)
    steps, batch, hidden = *x.shape[:2], h0.shape[1]
    x = np.ascontiguousarray(in_order(x, reverse))
    gates = all_steps(x, weight_ih, bias_ih)
    weight = np.ascontiguousarray(weight_hh.T)
    states, memory = np.empty((steps + 1, batch, hidden), x.dtype), np.empty((steps, batch, hidden), x.dtype)
    states[0] = h0
    recurrent = np.empty((batch, 3 * hidden), x.dtype)
    for t in range(steps):
        np.matmul(states[t], weight, out=recurrent)
        if bias_hh is not None:
            recurrent += bias_hh
        rz, n = gates[t, :, : 2 * hidden], gates[t, :, 2 * hidden :]
        rz += recurrent[:, : 2 * hidden]
        sigmoid_(rz)
        memory[t] = recurrent[:, 2 * hidden :]
        n += rz[:, :hidden] * memory[t]
        np.tanh(n, out=n)
        h = np.subtract(states[t], n, out=states[t + 1])  # h' = n + z · (h - n)
        h *= rz[:, hidden:]
        h += n
    saved = RecurrentKernelSaved(x, states, gates, (memory,), weight_ih, weight_hh, reverse)
    return (in_order(states[1:], reverse).copy(), states[-1].copy()), saved


def gru_kernel_backward(dy, saved):
    """What does not depend on the step after it is multiplied for all steps at once; the loop only scales it."""
    dy, dh = dy
    (memory,) = saved.more
    steps, batch, hidden = memory.shape
    r, z, n = (saved.gates[..., k * hidden : (k + 1) * hidden] for k in range(3))
    from_h = np.empty((steps, batch, 3 * hidden), memory.dtype)
    dr, dz, dn_h = (from_h[..., k * hidden : (k + 1) * hidden] for k in range(3))
    dn = (1 - z) * (1 - n * n)
    np.multiply(saved.states[:-1] - n, z * (1 - z), out=dz)
    np.multiply(memory, r * (1 - r), out=dr)
    dh = initial_gradient(dh, saved.states[0])
    dy = None if dy is None else in_order(dy, saved.reverse)
    for t in reversed(range(steps)):
        if dy is not None:
            dh += dy[t]
        dn[t] *= dh
        dz[t] *= dh
        dr[t] *= dn[t]
        np.multiply(dn[t], r[t], out=dn_h[t])
        dh *= z[t]
        dh += from_h[t] @ saved.weight_hh
    from_x = from_h.copy()
    from_x[..., 2 * hidden :] = dn
    dx, *dweights = weight_gradients(from_x, from_h, saved)
    return dx, dh, *dweights


gru_layer.register(gru_kernel_forward, gru_kernel_backward, when=suits_gru)
