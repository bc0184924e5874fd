"""Recurrent networks over whole sequences: RNN, LSTM, GRU, in several layers and both directions.

Axes: T time steps, B batch, I input features, H hidden features, P projected features (H without a projection);
L layers, D directions (1 or 2).
Twin: torch_ref/recurrent.py. Pairs: parity_tests/pairs/recurrent.py.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from scratch import init, random
from scratch.dropout import dropout
from scratch.dtypes import as_dtype, check_device
from scratch.module import Module
from scratch.op import Backward, Op, learns, on_device_of, pull
from scratch.packed import PackedSequence, pad_steps, take_steps
from scratch.recurrent_cells import (
    gru_cell_backward,
    gru_cell_forward,
    lstm_cell_backward,
    lstm_cell_forward,
    rnn_cell_backward,
    rnn_cell_forward,
)

# ------------------------------------------------------------------ one layer, one direction


class OverTimeSaved(NamedTuple):
    """What back_through_time needs, and nothing else."""

    steps: tuple  # (t, rows, what the cell saved), in the order in which the steps were made
    x: np.ndarray  # (T, B, I)
    shapes: tuple  # those of the state's arrays


def over_time(step, x, state, batch_sizes=None, reverse=False):
    """The time loop of every recurrent layer: the state goes from step to step, through the same cell.

    Parameters
    ----------
    step : `step(x_t, *state) -> (new state, saved)`. x : (T, B, I). state : tuple of arrays (B, ...), the output first.
    batch_sizes : at step t only the first batch_sizes[t] sequences still run (the longest stand first); the others
        keep their state. None: all. reverse : from the last step to the first.

    Returns
    -------
    (y, *state) : all outputs (T, B, P), zeros where a sequence has ended, and the state at the end. saved
    """
    order = range(len(x))
    y = np.zeros_like(x, shape=(*x.shape[:2], state[0].shape[1]))
    steps = []
    for t in reversed(order) if reverse else order:
        rows = x.shape[1] if batch_sizes is None else int(batch_sizes[t])
        new, saved = step(x[t, :rows], *(s[:rows] for s in state))
        y[t, :rows] = new[0]
        state = with_rest(new, state)
        steps.append((t, rows, saved))
    return (y, *state), OverTimeSaved(tuple(steps), x, tuple(s.shape for s in state))


def with_rest(new, old):
    """Each new array followed by the rows of the old one that it does not have."""
    return tuple(n if len(n) == len(o) else np.concatenate((n, o[len(n) :])) for n, o in zip(new, old))


def back_through_time(cell_backward, dy, saved):
    """Backpropagation through time: the steps backwards; the weights, used at every step, add their gradients up.

    `cell_backward(dstate, saved) -> (dx_t, *dstate, *dweights)`; dy is the gradient of (y, *state), None for no part.
    """
    steps, x, shapes = saved
    dy, *dstate = dy
    dstate = [np.zeros_like(x, shape=shape) if d is None else d for d, shape in zip(dstate, shapes)]
    dx = np.zeros_like(x)
    dweights = None
    for t, rows, step_saved in reversed(steps):
        # y[t, :rows] = new[0], which went into the next step too
        dh = dstate[0][:rows] if dy is None else dstate[0][:rows] + dy[t, :rows]
        dx[t, :rows], *gradients = cell_backward((dh, *(d[:rows] for d in dstate[1:])), step_saved)
        # state = with_rest(new, state)
        dstate = with_rest(gradients[: len(dstate)], dstate)
        dstep = gradients[len(dstate) :]
        dweights = dstep if dweights is None else [a if a is None else a + b for a, b in zip(dweights, dstep)]
    return dx, *dstate, *dweights


def rnn_layer_forward(
    x, h0, weight_ih, weight_hh, bias_ih=None, bias_hh=None, nonlinearity="tanh", batch_sizes=None, reverse=False
):
    """`rnn_cell` at every step of x (T, B, I), from h0 (B, H) on -> y (T, B, H), h_n (B, H)."""

    def step(x, h):
        h, saved = rnn_cell_forward(x, h, weight_ih, weight_hh, bias_ih, bias_hh, nonlinearity)
        return (h,), saved

    return over_time(step, x, (h0,), batch_sizes, reverse)


def rnn_layer_backward(dy, saved):
    """(dy, dh_n) -> dx, dh0, dweight_ih, dweight_hh, dbias_ih, dbias_hh"""
    return back_through_time(lambda dstate, saved: rnn_cell_backward(dstate[0], saved), dy, saved)


def gru_layer_forward(
    x, h0, weight_ih, weight_hh, bias_ih=None, bias_hh=None, batch_sizes=None, reverse=False
):  # fmt: skip
    """`gru_cell` at every step of x (T, B, I), from h0 (B, H) on -> y (T, B, H), h_n (B, H)."""

    def step(x, h):
        h, saved = gru_cell_forward(x, h, weight_ih, weight_hh, bias_ih, bias_hh)
        return (h,), saved

    return over_time(step, x, (h0,), batch_sizes, reverse)


def gru_layer_backward(dy, saved):
    """(dy, dh_n) -> dx, dh0, dweight_ih, dweight_hh, dbias_ih, dbias_hh"""
    return back_through_time(lambda dstate, saved: gru_cell_backward(dstate[0], saved), dy, saved)


def lstm_layer_forward(
    x, h0, c0, weight_ih, weight_hh, bias_ih=None, bias_hh=None, weight_hr=None, batch_sizes=None, reverse=False
):
    """`lstm_cell` at every step of x (T, B, I), from h0 (B, P), c0 (B, H) on -> y (T, B, P), h_n (B, P), c_n (B, H)."""

    def step(x, h, c):
        return lstm_cell_forward(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh, weight_hr)

    return over_time(step, x, (h0, c0), batch_sizes, reverse)


def lstm_layer_backward(dy, saved):
    """(dy, dh_n, dc_n) -> dx, dh0, dc0, dweight_ih, dweight_hh, dbias_ih, dbias_hh, dweight_hr"""
    return back_through_time(lstm_cell_backward, dy, saved)


_weights = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
rnn_layer = Op(rnn_layer_forward, rnn_layer_backward, arrays=("x", "h0", *_weights))
gru_layer = Op(gru_layer_forward, gru_layer_backward, arrays=("x", "h0", *_weights))
lstm_layer = Op(lstm_layer_forward, lstm_layer_backward, arrays=("x", "h0", "c0", *_weights, "weight_hr"))


# ------------------------------------------------------------------ layers and directions


class _Recurrent(Module):
    """What RNN, LSTM and GRU share: the weights of all layers and directions, and the order in which they run."""

    gates: int

    def __init__(
        self, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size,
        device, dtype, rng,
    ):  # fmt: skip
        name = type(self).__name__
        check_device(device)
        for argument, value in (("input_size", input_size), ("hidden_size", hidden_size), ("num_layers", num_layers)):
            if not isinstance(value, (int, np.integer)) or value < 1:
                kind = ValueError if isinstance(value, (int, np.integer)) else TypeError
                raise kind(f"{name}: {argument} must be a positive int, but is {value!r}")
        if isinstance(dropout, bool) or not 0 <= dropout <= 1:
            raise ValueError(f"{name}: dropout must be a probability in [0, 1], but is {dropout!r}")
        if not 0 <= proj_size < hidden_size:
            raise ValueError(f"{name}: proj_size must be 0 or less than hidden_size {hidden_size}, but is {proj_size}")
        self.input_size, self.hidden_size, self.num_layers, self.bias = input_size, hidden_size, num_layers, bias
        self.batch_first, self.dropout, self.bidirectional = batch_first, float(dropout), bidirectional
        self.proj_size = proj_size
        self.rng = None if rng is None else random.generator(rng)  # for dropout too
        self._directions = ("", "_reverse") if bidirectional else ("",)
        dtype, rows, out = as_dtype(dtype), self.gates * hidden_size, proj_size or hidden_size
        for layer in range(num_layers):
            features = input_size if layer == 0 else out * len(self._directions)
            for direction in self._directions:
                shapes = {"weight_ih": (rows, features), "weight_hh": (rows, out)}
                if bias:
                    shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
                if proj_size:
                    shapes["weight_hr"] = (proj_size, hidden_size)
                for weight, shape in shapes.items():
                    setattr(self, f"{weight}_l{layer}{direction}", init.empty(*shape, dtype=dtype))
        self.reset_parameters(self.rng)

    def reset_parameters(self, rng=None) -> None:
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound, rng)

    def _layer(self, x, state, weights, batch_sizes, reverse):
        """One layer in one direction: (y, *state), backward."""
        raise NotImplementedError

    def _state_widths(self) -> tuple[int, ...]:
        """The width of each array of the state, the output first."""
        return (self.hidden_size,)

    def _weights(self, layer, direction):
        names = (*_weights, "weight_hr") if self.proj_size else _weights
        return {name: getattr(self, f"{name}_l{layer}{direction}", None) for name in names}

    def _run(self, x, state, batch_sizes):
        """x (T, B, I), state (L · D, B, ...) each -> y, final states, and a sweep back through all layers."""
        count = len(self._directions)
        backwards = []  # for each layer: those of its directions, and the dropout's
        final = []
        for layer in range(self.num_layers):
            outputs, layer_backwards, drop_backward = [], [], None
            for i, direction in enumerate(self._directions):
                initial = [s[layer * count + i] for s in state]
                (y, *end), backward = self._layer(
                    x, initial, self._weights(layer, direction), batch_sizes, direction == "_reverse"
                )
                outputs.append(y)
                final.append(end)
                layer_backwards.append(backward)
            x = outputs[0] if count == 1 else np.concatenate(outputs, axis=2)  # (T, B, D · P)
            if self.dropout and layer < self.num_layers - 1:
                x, drop_backward = dropout(x, self.dropout, self.training, rng=self.rng)
            backwards.append((layer_backwards, drop_backward))

        def sweep(dy, dfinal, input_grad, release):
            """dy (T, B, D · P), dfinal (L · D, B, ...) or None each -> dx (T, B, I), dstate (L · D, B, ...) each."""
            dstate = [[] for _ in state]
            for layer in reversed(range(self.num_layers)):
                layer_backwards, drop_backward = backwards[layer]
                if drop_backward is not None and dy is not None:
                    dy = drop_backward(dy)
                # x = concatenate(outputs)
                parts = (None,) * count if dy is None else np.split(dy, count, axis=2)
                wanted = input_grad or layer > 0
                dy = None
                for i in reversed(range(count)):
                    ends = (None if d is None else d[layer * count + i] for d in dfinal)
                    gradients = pull(layer_backwards[i], (parts[i], *ends), input_grad=wanted, release=release)
                    if wanted:
                        dy = gradients[0] if dy is None else dy + gradients[0]
                        for collected, d in zip(dstate, gradients[1:]):
                            collected.insert(0, d)
            return dy, tuple(np.stack(d) for d in dstate) if input_grad else None

        all_backwards = [b for layer_backwards, _ in backwards for b in layer_backwards]
        return x, tuple(np.stack(part) for part in zip(*final)), sweep, all_backwards

    def _check_state(self, state, batch, unbatched):
        """The initial states as (L · D, B, width) arrays, or ValueError."""
        count = self.num_layers * len(self._directions)
        for s, width in zip(state, self._state_widths()):
            expected = (count, width) if unbatched else (count, batch, width)
            if np.shape(s) != expected:
                raise ValueError(
                    f"{type(self).__name__}: the initial state must be {expected} "
                    f"(layers · directions{'' if unbatched else ', batch'}, features), but is {np.shape(s)}"
                )

    def forward(self, x, hx=None):
        name, packed = type(self).__name__, isinstance(x, PackedSequence)
        state = None if hx is None else self._split(hx)
        batch_sizes, unbatched = None, False
        if packed:
            packing, batch_sizes = x, tuple(int(n) for n in x.batch_sizes)
            x = pad_steps(x.data, batch_sizes)  # (T, B, I), longest sequence first
        elif np.ndim(x) not in (2, 3):
            raise ValueError(
                f"{name}: x must be (T, B, I){', with batch_first (B, T, I)' if self.batch_first else ''}, or (T, I) "
                f"without a batch, but has shape {np.shape(x)}"
            )
        elif np.ndim(x) == 2:
            unbatched, x = True, x[:, None]  # (T, I) -> (T, 1, I)
        elif self.batch_first:
            x = x.swapaxes(0, 1)  # (B, T, I) -> (T, B, I)
        if len(x) == 0:
            raise ValueError(f"{name}: x must have at least one time step")
        if x.shape[2] != self.input_size:
            raise ValueError(f"{name}: x must have {self.input_size} input features, but has {x.shape[2]}")
        count = self.num_layers * len(self._directions)
        if state is None:
            state = tuple(np.zeros_like(x, shape=(count, x.shape[1], width)) for width in self._state_widths())
        else:
            self._check_state(state, x.shape[1], unbatched)
            if unbatched:
                state = tuple(s[:, None] for s in state)
            elif packed and packing.sorted_indices is not None:
                state = tuple(s[:, on_device_of(s, packing.sorted_indices)] for s in state)
        y, final, sweep, backwards = self._run(x, state, batch_sizes)

        def outward(y):
            """(T, B, features) -> the layout in which x came."""
            if packed:
                return packing._replace(data=take_steps(y, batch_sizes))
            return y[:, 0] if unbatched else y.swapaxes(0, 1) if self.batch_first else y

        def inward(dy):
            """The reverse, for gradients."""
            if dy is None or (packed and isinstance(dy, tuple) and dy[0] is None):
                return None
            if packed:
                return pad_steps(dy[0] if isinstance(dy, tuple) else dy, batch_sizes)
            return dy[:, None] if unbatched else dy.swapaxes(0, 1) if self.batch_first else dy

        def outward_state(s):
            if packed and packing.unsorted_indices is not None:
                return s[:, on_device_of(s, packing.unsorted_indices)]
            return s[:, 0] if unbatched else s

        def inward_state(d):
            if d is not None and packed and packing.sorted_indices is not None:
                return d[:, on_device_of(d, packing.sorted_indices)]
            return d[:, None] if unbatched and d is not None else d

        def backward(dy, input_grad, release):
            dy, dfinal = (None, None) if dy is None else dy
            dfinal = (None,) * len(state) if dfinal is None else self._split(dfinal)
            dx, dstate = sweep(inward(dy), [inward_state(d) for d in dfinal], input_grad, release)
            if not input_grad:
                return None
            return outward(dx) if hx is None else (outward(dx), self._join(tuple(map(outward_state, dstate))))

        return (outward(y), self._join(tuple(map(outward_state, final)))), RecurrentBackward(backward, backwards)

    def _split(self, hx) -> tuple:
        """hx as a tuple of arrays."""
        return (hx,)

    def _join(self, state):
        """The reverse of _split."""
        return state[0]

    def extra_repr(self):
        text = f"{self.input_size}, {self.hidden_size}"
        defaults = {"proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0}
        for name, default in (defaults | {"bidirectional": False}).items():
            if (value := getattr(self, name)) != default:
                text += f", {name}={value}"
        return text


class RecurrentBackward(Backward):
    """(dy, dh_n) -> dx, or (dx, dhx) where an initial state was given; for the LSTM pairs in place of dh_n and dhx."""

    __slots__ = ("function", "backwards")

    def __init__(self, function, backwards):
        self.function, self.backwards = function, backwards

    @property
    def learns(self):
        return any(map(learns, self.backwards))

    def __call__(self, dy=None, *, input_grad: bool = True, release: bool = False):
        return self.function(dy, input_grad, release)


class RNN(_Recurrent):
    """Plain recurrent network: `(y, h_n), backward = rnn(x, h_0)`; each step is an `rnn_cell`.

    x : (T, B, I), (B, T, I) with batch_first, (T, I), or a PackedSequence. h_0 : (L · D, B, H), zeros if None.
    y : the last layer's outputs, (T, B, D · H) in x's layout. h_n : (L · D, B, H), the states at the end (of the
    reverse direction: at the first step). backward : (dy, dh_n) -> dx, or (dx, dh_0) where h_0 was given; None stands
    for no upstream gradient. `dropout` drops the outputs of all layers but the last, in training.
    All weights start from U(-1/sqrt(H), 1/sqrt(H)).
    """

    gates = 1

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: str = "tanh", bias: bool = True,
        batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False, device=None, dtype=None,
        *, rng=None,
    ):  # fmt: skip
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"RNN: nonlinearity must be 'tanh' or 'relu', but is {nonlinearity!r}")
        self.nonlinearity = nonlinearity
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype, rng
        )

    def _layer(self, x, state, weights, batch_sizes, reverse):
        return rnn_layer(
            x, *state, **weights, nonlinearity=self.nonlinearity, batch_sizes=batch_sizes, reverse=reverse
        )  # fmt: skip


class GRU(_Recurrent):
    """Gated recurrent units: `(y, h_n), backward = gru(x, h_0)`; each step is a `gru_cell`. Otherwise as `RNN`."""

    gates = 3

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
        dropout: float = 0.0, bidirectional: bool = False, device=None, dtype=None, *, rng=None,
    ):  # fmt: skip
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype, rng
        )

    def _layer(self, x, state, weights, batch_sizes, reverse):
        return gru_layer(x, *state, **weights, batch_sizes=batch_sizes, reverse=reverse)


class LSTM(_Recurrent):
    """Long short-term memory: `(y, (h_n, c_n)), backward = lstm(x, (h_0, c_0))`; each step is an `lstm_cell`.

    As `RNN`, with a pair in place of each state: h (L · D, B, P) and c (L · D, B, H), where P = proj_size, or H without
    a projection. backward : (dy, (dh_n, dc_n)) -> dx, or (dx, (dh_0, dc_0)) where a pair was given.
    """

    gates = 4

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
        dropout: float = 0.0, bidirectional: bool = False, proj_size: int = 0, device=None, dtype=None, *, rng=None,
    ):  # fmt: skip
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size,
            device, dtype, rng,
        )  # fmt: skip

    def _layer(self, x, state, weights, batch_sizes, reverse):
        return lstm_layer(x, *state, **weights, batch_sizes=batch_sizes, reverse=reverse)

    def _state_widths(self):
        return self.proj_size or self.hidden_size, self.hidden_size

    def _split(self, hx):
        if not isinstance(hx, (tuple, list)) or len(hx) != 2:
            raise ValueError(f"LSTM: the state must be a pair (h, c), but is a {type(hx).__name__}")
        return tuple(hx)

    def _join(self, state):
        return state
