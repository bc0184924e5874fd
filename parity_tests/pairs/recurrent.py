"""Recurrent networks: layers, directions, projection, every layout of the input, with and without initial state."""

from hypothesis import strategies as st

from parity_tests.pair import Case, Pair, floats
from parity_tests.pairs.recurrent_cells import moderate


@st.composite
def cases(draw, name):
    i, h = draw(st.integers(1, 3)), draw(st.integers(2, 3))
    steps, batch = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    config = {
        "input_size": i,
        "hidden_size": h,
        "num_layers": draw(st.integers(1, 2)),
        "bias": draw(st.booleans()),
        "batch_first": draw(st.booleans()),
        "bidirectional": draw(st.booleans()),
    }
    if config["num_layers"] > 1:  # dropout that drops everything is the one that needs no common random numbers
        config["dropout"] = draw(st.sampled_from([0.0, 1.0]))
    if name == "RNN":
        config["nonlinearity"] = draw(st.sampled_from(["tanh", "relu"]))
    if name == "LSTM":
        config["proj_size"] = draw(st.integers(0, 1))
    unbatched = draw(st.booleans())
    shape = (steps, i) if unbatched else (batch, steps, i) if config["batch_first"] else (steps, batch, i)
    inputs = {"x": floats(*shape, transform=moderate)}
    if name != "LSTM" and draw(st.booleans()):  # the LSTM's pair of states: test_recurrent.py
        count = config["num_layers"] * (2 if config["bidirectional"] else 1)
        hidden = (count, h) if unbatched else (count, batch, h)
        inputs["hx"] = floats(*hidden, transform=moderate)
    return Case(inputs, config)


def case(*shape, i=3, h=4, **config):
    return Case({"x": floats(*shape)}, {"input_size": i, "hidden_size": h, **config})


def with_state(x, hx):
    return Case({"x": floats(*x), "hx": floats(*hx)}, {"input_size": 3, "hidden_size": 4})


for name in ("RNN", "LSTM", "GRU"):
    states = [] if name == "LSTM" else [
        (with_state((5, 2, 3), (1, 3, 4)), ValueError, rf"{name}: the initial state must be \(1, 2, 4\)"),
        (with_state((5, 2, 3), (1, 4)), ValueError, rf"{name}: the initial state must be \(1, 2, 4\)"),
        (with_state((5, 3), (1, 1, 4)), ValueError, rf"{name}: the initial state must be \(1, 4\)"),
    ]  # fmt: skip
    Pair(
        name,
        cases=cases(name),
        sizes={"50 steps, 32 rows, 128 to 256": case(50, 32, 128, i=128, h=256)},
        empty=[case(5, 0, 3)],
        bad=[
            (case(3), ValueError, rf"{name}: x must be \(T, B, I\), or \(T, I\) without a batch"),
            (case(2, 2, 2, 3), ValueError, rf"{name}: x must be \(T, B, I\)"),
            (case(5, 2, 2), ValueError, rf"{name}: x must have 3 input features, but has 2"),
            (case(0, 2, 3), ValueError, rf"{name}: x must have at least one time step"),
            (case(5, 2, 3, num_layers=0), ValueError, rf"{name}: num_layers must be a positive int"),
            (case(5, 2, 3, dropout=1.5), ValueError, rf"{name}: dropout must be a probability"),
            *states,
        ],
    )
