"""One step of a recurrent network, with and without batch axis, initial state, biases and projection."""

import numpy as np
from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats


def moderate(values):
    """Beyond this a gate is shut or open, and what float32 leaves of its slope is rounding on either side."""
    return np.clip(values, -8, 8)


GATES = {"rnn_cell": 1, "gru_cell": 3, "lstm_cell": 4}


@st.composite
def module_cases(draw, name):
    i, h = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    batch = [draw(st.integers(1, 3))] if draw(st.booleans()) else []
    config = {"input_size": i, "hidden_size": h, "bias": draw(st.booleans())}
    if name == "RNNCell":
        config["nonlinearity"] = draw(st.sampled_from(["tanh", "relu"]))
    inputs = {"x": floats(*batch, i, transform=moderate)}
    if name != "LSTMCell" and draw(st.booleans()):
        inputs["hx"] = floats(*batch, h, transform=moderate)
    return Case(inputs, config)


@st.composite
def op_cases(draw, name):
    # a gradient of one number alone, where four gates cancel, is good or bad luck in float32: two rows at least
    batch, i, h = draw(st.integers(2, 4)), draw(st.integers(1, 4)), draw(st.integers(2, 4))
    projected = draw(st.integers(1, 4)) if name == "lstm_cell" and draw(st.booleans()) else None
    out, rows = projected or h, GATES[name] * h
    biased = draw(st.booleans())
    inputs = {"x": floats(batch, i), "h": floats(batch, out)}
    if name == "lstm_cell":
        inputs["c"] = floats(batch, h)
    inputs |= {"weight_ih": floats(rows, i), "weight_hh": floats(rows, out)}
    inputs |= {bias: floats(rows) if biased else None for bias in ("bias_ih", "bias_hh")}
    if name == "lstm_cell":
        inputs["weight_hr"] = floats(projected, h) if projected else None
    options = {"nonlinearity": draw(st.sampled_from(["tanh", "relu"]))} if name == "rnn_cell" else {}
    return Case(inputs, options)


def case(*shape, i=3, h=4, **config):
    return Case({"x": floats(*shape)}, {"input_size": i, "hidden_size": h, **config})


def op_case(x, h, weight_ih, weight_hh, c=None, **options):
    shapes = {"x": x, "h": h, "c": c, "weight_ih": weight_ih, "weight_hh": weight_hh}
    return Case({name: floats(*shape) for name, shape in shapes.items() if shape is not None}, options)


for name in ("RNNCell", "LSTMCell", "GRUCell"):
    op = name.lower().replace("cell", "_cell")
    Pair(
        name,
        cases=module_cases(name),
        sizes={"32 rows, 128 to 256": case(32, 128, i=128, h=256)},
        empty=[case(0, 3)],
        bad=[
            (case(2, 4), ValueError, rf"{op}: weight_ih expects 3 input features .*, but x has 4 \(x \(2, 4\)\)"),
            (case(2, 2, 3), ValueError, rf"{name}: x must be \(B, I\) or \(I,\), but has shape \(2, 2, 3\)"),
        ],
    )

    rows = 4 * GATES[op]
    c = {"c": (2, 4)} if op == "lstm_cell" else {}
    Pair(
        op,
        cases=op_cases(op),
        # a gate that large inputs saturate has a derivative of all but nothing
        regimes=("normal", "ties", "tiny"),
        bad=[
            (op_case((2, 3), (2, 5), (rows, 3), (rows, 4), **c), ValueError, rf"{op}: h must be \(2, 4\)"),
            (op_case((2, 3), (3, 4), (rows, 3), (rows, 4), **c), ValueError, rf"{op}: h must be \(2, 4\)"),
            (op_case((2, 3), (2, 4), (rows + 1, 3), (rows, 4), **c), ValueError, rf"{op}: weight_ih must be"),
            (op_case((3,), (4,), (rows, 3), (rows, 4), **c), ValueError, rf"{op}: .* must have 2 axes"),
        ],
    )
