"""One step of a recurrent network: the plain cell, the LSTM and the GRU.

Axes: B batch, I input features, H hidden features, P projected features (H without a projection).
The gates stand one below the other in the weights: LSTM i f g o (4H rows), GRU r z n (3H rows).
Twin: torch_ref/recurrent_cells.py. Pairs: parity_tests/pairs/recurrent_cells.py.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from scratch import init
from scratch.activations import sigmoid_of
from scratch.dtypes import as_dtype, check_device
from scratch.module import Module
from scratch.op import Op
from scratch.sums import tree_sum


def check_cell(name, gates, x, h, weight_ih, weight_hh, bias_ih, bias_hh, c=None, weight_hr=None) -> None:
    """Raise ValueError where shapes do not fit a cell with this many gates."""
    if x.ndim != 2 or weight_ih.ndim != 2 or weight_hh.ndim != 2:
        raise ValueError(
            f"{name}: x, weight_ih and weight_hh must have 2 axes, but are {x.shape}, {weight_ih.shape}, "
            f"{weight_hh.shape}"
        )
    if x.shape[1] != weight_ih.shape[1]:
        raise ValueError(
            f"{name}: weight_ih expects {weight_ih.shape[1]} input features (weight_ih {weight_ih.shape}), "
            f"but x has {x.shape[1]} (x {x.shape})"
        )
    rows, out = weight_hh.shape
    hidden = rows // gates
    expected = {
        "weight_ih": (weight_ih, (gates * hidden, x.shape[1])),
        "weight_hh": (weight_hh, (gates * hidden, hidden if weight_hr is None else out)),
        "bias_ih": (bias_ih, (gates * hidden,)),
        "bias_hh": (bias_hh, (gates * hidden,)),
        "weight_hr": (weight_hr, (out, hidden)),
        "h": (h, (len(x), out)),
        "c": (c, (len(x), hidden)),
    }
    for argument, (array, shape) in expected.items():
        if array is not None and array.shape != shape:
            raise ValueError(
                f"{name}: {argument} must be {shape} for x {x.shape} and weight_hh {weight_hh.shape}, "
                f"but is {array.shape}"
            )


def gates_of(x, weight, bias):
    """x @ weightᵀ + bias, (B, features) -> (B, gates · H)"""
    z = x @ weight.T
    return z if bias is None else z + bias


class RNNCellSaved(NamedTuple):
    """What rnn_cell_backward needs, and nothing else."""

    x: np.ndarray  # (B, I)
    h: np.ndarray  # (B, H)
    y: np.ndarray  # (B, H), the new hidden state: tanh' and relu' can be read off it
    weight_ih: np.ndarray  # (H, I)
    weight_hh: np.ndarray  # (H, H)
    nonlinearity: str


def rnn_cell_forward(x, h, weight_ih, weight_hh, bias_ih=None, bias_hh=None, nonlinearity="tanh"):
    """One step of a plain recurrent network: h' = tanh(x @ weight_ihᵀ + bias_ih + h @ weight_hhᵀ + bias_hh).

    Parameters
    ----------
    x : (B, I) floating point. h : (B, H). weight_ih : (H, I). weight_hh : (H, H). bias_ih, bias_hh : (H,) or None.
    nonlinearity : "tanh" or "relu" (whose derivative at 0 is 0).

    Returns
    -------
    h' : (B, H). backward : dh' -> dx, dh, dweight_ih, dweight_hh, dbias_ih, dbias_hh.

    Raises
    ------
    ValueError : shapes do not fit, unknown nonlinearity. TypeError : not floating point, or not all of one dtype.

    Source: Elman, 1990.
    """
    check_cell("rnn_cell", 1, x, h, weight_ih, weight_hh, bias_ih, bias_hh)
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f"rnn_cell: nonlinearity must be 'tanh' or 'relu', but is {nonlinearity!r}")
    z = gates_of(x, weight_ih, bias_ih) + gates_of(h, weight_hh, bias_hh)  # (B, H)
    y = np.tanh(z) if nonlinearity == "tanh" else np.maximum(z, 0)
    return y, RNNCellSaved(x, h, y, weight_ih, weight_hh, nonlinearity)


def rnn_cell_backward(dy, saved):
    """dh' (B, H) -> dx (B, I), dh (B, H), dweight_ih (H, I), dweight_hh (H, H), dbias_ih (H,), dbias_hh (H,)"""
    x, h, y, weight_ih, weight_hh, nonlinearity = saved
    # y = tanh(z) or relu(z)
    dz = dy * (1 - y * y) if nonlinearity == "tanh" else np.where(y <= 0, 0, dy)
    return gates_backward(dz, dz, x, h, weight_ih, weight_hh)


def gates_backward(dz_x, dz_h, x, h, weight_ih, weight_hh):
    """The backward of gates_of(x, weight_ih, bias_ih) and gates_of(h, weight_hh, bias_hh), in the cells' order."""
    dx = dz_x @ weight_ih  # (B, gates · H) @ (gates · H, I) -> (B, I)
    dh = dz_h @ weight_hh  # (B, gates · H) @ (gates · H, P) -> (B, P)
    dweight_ih = dz_x.T @ x  # (gates · H, B) @ (B, I) -> (gates · H, I)
    dweight_hh = dz_h.T @ h  # (gates · H, B) @ (B, P) -> (gates · H, P)
    return dx, dh, dweight_ih, dweight_hh, tree_sum(dz_x), tree_sum(dz_h)


rnn_cell = Op(rnn_cell_forward, rnn_cell_backward)


class LSTMCellSaved(NamedTuple):
    """What lstm_cell_backward needs, and nothing else."""

    x: np.ndarray  # (B, I)
    h: np.ndarray  # (B, P)
    c: np.ndarray  # (B, H)
    gates: tuple[np.ndarray, ...]  # i, f, g, o, each (B, H), after their nonlinearity
    tanh_c: np.ndarray  # (B, H), tanh of the new cell state
    weight_ih: np.ndarray  # (4H, I)
    weight_hh: np.ndarray  # (4H, P)
    weight_hr: np.ndarray | None  # (P, H)


def lstm_cell_forward(x, h, c, weight_ih, weight_hh, bias_ih=None, bias_hh=None, weight_hr=None):
    """One step of a long short-term memory.

    i, f, g, o = split(x @ weight_ihᵀ + bias_ih + h @ weight_hhᵀ + bias_hh), σ of i, f, o and tanh of g
    c' = f · c + i · g, h' = o · tanh(c'), or with a projection (o · tanh(c')) @ weight_hrᵀ

    Parameters
    ----------
    x : (B, I) floating point. h : (B, P). c : (B, H). weight_ih : (4H, I). weight_hh : (4H, P).
    bias_ih, bias_hh : (4H,) or None. weight_hr : (P, H), or None: P = H.

    Returns
    -------
    (h', c') : (B, P) and (B, H). backward : (dh', dc') -> dx, dh, dc, dweight_ih, dweight_hh, dbias_ih, dbias_hh,
        dweight_hr.

    Raises
    ------
    ValueError : shapes do not fit. TypeError : not floating point, or not all of one dtype.

    Source: Hochreiter and Schmidhuber, 1997; forget gate Gers et al., 2000; projection Sak et al., 2014.
    """
    check_cell("lstm_cell", 4, x, h, weight_ih, weight_hh, bias_ih, bias_hh, c, weight_hr)
    z = gates_of(x, weight_ih, bias_ih) + gates_of(h, weight_hh, bias_hh)  # (B, 4H)
    i, f, g, o = np.split(z, 4, axis=1)  # each (B, H)
    i, f, g, o = sigmoid_of(i), sigmoid_of(f), np.tanh(g), sigmoid_of(o)
    new_c = f * c + i * g
    tanh_c = np.tanh(new_c)
    new_h = o * tanh_c
    if weight_hr is not None:
        new_h = new_h @ weight_hr.T  # (B, H) @ (H, P) -> (B, P)
    return (new_h, new_c), LSTMCellSaved(x, h, c, (i, f, g, o), tanh_c, weight_ih, weight_hh, weight_hr)


def lstm_cell_backward(dy, saved):
    """(dh' (B, P), dc' (B, H)) -> dx, dh, dc, dweight_ih, dweight_hh, dbias_ih, dbias_hh, dweight_hr"""
    dh, dc = dy
    x, h, c, (i, f, g, o), tanh_c, weight_ih, weight_hh, weight_hr = saved
    dweight_hr = None
    dh = np.zeros_like(h) if dh is None else dh
    dc = np.zeros_like(c) if dc is None else dc
    if weight_hr is not None:
        # new_h = (o * tanh_c) @ weight_hr.T
        dweight_hr = dh.T @ (o * tanh_c)  # (P, B) @ (B, H) -> (P, H)
        dh = dh @ weight_hr  # (B, P) @ (P, H) -> (B, H)
    # new_h = o * tanh_c
    do = dh * tanh_c
    # tanh_c = tanh(new_c); the next step and the caller used new_c too
    dc = dc + dh * o * (1 - tanh_c * tanh_c)
    # new_c = f * c + i * g, with i, f, o = sigmoid and g = tanh of their parts of z
    parts = (dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g * g), do * o * (1 - o))
    dz = np.concatenate(parts, axis=1)  # (B, 4H)
    dx, dh, *dparameters = gates_backward(dz, dz, x, h, weight_ih, weight_hh)
    return dx, dh, dc * f, *dparameters, dweight_hr


lstm_cell = Op(lstm_cell_forward, lstm_cell_backward)


class GRUCellSaved(NamedTuple):
    """What gru_cell_backward needs, and nothing else."""

    x: np.ndarray  # (B, I)
    h: np.ndarray  # (B, H)
    gates: tuple[np.ndarray, ...]  # r, z, n, each (B, H), after their nonlinearity
    memory: np.ndarray  # (B, H), what n sees of h before it is reset
    weight_ih: np.ndarray  # (3H, I)
    weight_hh: np.ndarray  # (3H, H)


def gru_cell_forward(x, h, weight_ih, weight_hh, bias_ih=None, bias_hh=None):
    """One step of a gated recurrent unit.

    With a = x @ weight_ihᵀ + bias_ih and b = h @ weight_hhᵀ + bias_hh, each split into its r, z and n part:
    r = σ(a_r + b_r), z = σ(a_z + b_z), n = tanh(a_n + r · b_n), h' = (1 - z) · n + z · h

    Parameters
    ----------
    x : (B, I) floating point. h : (B, H). weight_ih : (3H, I). weight_hh : (3H, H). bias_ih, bias_hh : (3H,) or None.

    Returns
    -------
    h' : (B, H). backward : dh' -> dx, dh, dweight_ih, dweight_hh, dbias_ih, dbias_hh.

    Raises
    ------
    ValueError : shapes do not fit. TypeError : not floating point, or not all of one dtype.

    Source: Cho et al., 2014, with the reset gate behind the matrix product as in torch and cuDNN.
    """
    check_cell("gru_cell", 3, x, h, weight_ih, weight_hh, bias_ih, bias_hh)
    a_r, a_z, a_n = np.split(gates_of(x, weight_ih, bias_ih), 3, axis=1)  # each (B, H)
    b_r, b_z, b_n = np.split(gates_of(h, weight_hh, bias_hh), 3, axis=1)
    r, z = sigmoid_of(a_r + b_r), sigmoid_of(a_z + b_z)
    n = np.tanh(a_n + r * b_n)
    y = (1 - z) * n + z * h
    return y, GRUCellSaved(x, h, (r, z, n), b_n, weight_ih, weight_hh)


def gru_cell_backward(dy, saved):
    """dh' (B, H) -> dx (B, I), dh (B, H), dweight_ih (3H, I), dweight_hh (3H, H), dbias_ih (3H,), dbias_hh (3H,)"""
    x, h, (r, z, n), b_n, weight_ih, weight_hh = saved
    # y = (1 - z) * n + z * h, with z = sigmoid(a_z + b_z)
    dz = dy * (h - n) * z * (1 - z)
    # n = tanh(a_n + r * b_n)
    dn = dy * (1 - z) * (1 - n * n)
    # r = sigmoid(a_r + b_r)
    dr = dn * b_n * r * (1 - r)
    da = np.concatenate((dr, dz, dn), axis=1)  # (B, 3H)
    db = np.concatenate((dr, dz, dn * r), axis=1)
    dx, dh, *dparameters = gates_backward(da, db, x, h, weight_ih, weight_hh)
    return dx, dh + dy * z, *dparameters


gru_cell = Op(gru_cell_forward, gru_cell_backward)


class _Cell(Module):
    """Weights of one cell, all from U(-1/sqrt(hidden_size), 1/sqrt(hidden_size)), as torch's."""

    gates: int

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device=None, dtype=None, *, rng=None):
        check_device(device)
        dtype = as_dtype(dtype)
        self.input_size, self.hidden_size = input_size, hidden_size
        rows = self.gates * hidden_size
        self.weight_ih = init.empty(rows, input_size, dtype=dtype)
        self.weight_hh = init.empty(rows, hidden_size, dtype=dtype)
        self.bias_ih = init.empty(rows, dtype=dtype) if bias else None
        self.bias_hh = init.empty(rows, dtype=dtype) if bias else None
        self.reset_parameters(rng)

    def reset_parameters(self, rng=None) -> None:
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size else 0.0
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound, rng)

    def _initial(self, x):
        """A hidden state of zeros for x (B, I) or (I,)."""
        if np.ndim(x) not in (1, 2):
            raise ValueError(f"{type(self).__name__}: x must be (B, I) or (I,), but has shape {np.shape(x)}")
        return np.zeros_like(x, shape=(*x.shape[:-1], self.hidden_size))

    def extra_repr(self):
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias_ih is not None else ", bias=False")


def _unbatched(array):
    return None if array is None else array[None]


class _OneStateCell(_Cell):
    """RNNCell and GRUCell: forward(x, hx=None) -> h', backward: dh' -> dx, or (dx, dhx) where hx was given."""

    def _step(self, x, h):
        raise NotImplementedError

    def forward(self, x, hx=None):
        h = self._initial(x) if hx is None else hx
        single = np.ndim(x) == 1
        y, step_backward = self._step(*((x[None], h[None]) if single else (x, h)))

        def backward(dy):
            gradients = step_backward(dy[None] if single else dy)
            dx, dh = (g[0] if single else g for g in gradients[:2])
            return dx if hx is None else (dx, dh)

        return (y[0] if single else y), backward


class RNNCell(_OneStateCell):
    """One step of a plain recurrent network: `h', backward = cell(x, hx)`; see `rnn_cell`.

    x : (B, input_size) or (input_size,). hx : (B, hidden_size) or (hidden_size,), zeros if None.
    backward : dh' -> dx, or (dx, dhx) where hx was given.
    """

    gates = 1

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh",
        device=None, dtype=None, *, rng=None,
    ):  # fmt: skip
        super().__init__(input_size, hidden_size, bias, device, dtype, rng=rng)
        self.nonlinearity = nonlinearity

    def _step(self, x, h):
        return rnn_cell(x, h, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh, self.nonlinearity)

    def extra_repr(self):
        return super().extra_repr() + ("" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}")


class GRUCell(_OneStateCell):
    """One step of a gated recurrent unit: `h', backward = cell(x, hx)`; see `gru_cell`.

    x : (B, input_size) or (input_size,). hx : (B, hidden_size) or (hidden_size,), zeros if None.
    backward : dh' -> dx, or (dx, dhx) where hx was given.
    """

    gates = 3

    def _step(self, x, h):
        return gru_cell(x, h, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)


class LSTMCell(_Cell):
    """One step of a long short-term memory: `(h', c'), backward = cell(x, (h, c))`; see `lstm_cell`.

    x : (B, input_size) or (input_size,). h, c : (B, hidden_size) or (hidden_size,), zeros if no pair is given.
    backward : (dh', dc') -> dx, or (dx, (dh, dc)) where a pair was given; None for no upstream gradient.
    """

    gates = 4

    def forward(self, x, hx=None):
        zeros = self._initial(x)
        h, c = (zeros, zeros) if hx is None else hx
        single = np.ndim(x) == 1
        if single:
            x, h, c = x[None], h[None], c[None]
        y, step_backward = lstm_cell(x, h, c, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)

        def backward(dy):
            gradients = step_backward(tuple(map(_unbatched, dy)) if single else dy)
            dx, dh, dc = (g[0] if single else g for g in gradients[:3])
            return dx if hx is None else (dx, (dh, dc))

        return (tuple(part[0] for part in y) if single else y), backward
