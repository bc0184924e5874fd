"""Recurrent networks: numbers worked out by hand, the LSTM's pair of states, packed sequences, dropout."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import scratch
import scratch.functional as F
import torch_ref
from parity_tests import checks
from parity_tests.pair import Case, Pair, floats
from scratch.kernels import lstm
from scratch.recurrent import lstm_layer
from scratch.utils.rnn import pack_padded_sequence, pack_sequence, pad_packed_sequence, pad_sequence

# ------------------------------------------------------------------ by hand


def test_rnn_cell_by_hand():
    # z = 2 · 3 + 1 · (-5) + 0.5 + 0.5 = 2, relu passes it on; dz = 1: dx = 3, dh = -5, dweight_ih = 2, dweight_hh = 1
    one = [np.array(a) for a in ([[2.0]], [[1.0]], [[3.0]], [[-5.0]], [0.5], [0.5])]
    y, backward = F.rnn_cell(*one, nonlinearity="relu")
    assert_allclose(y, [[2.0]])
    assert [float(g.item()) for g in backward(np.array([[1.0]]))] == [3.0, -5.0, 2.0, 1.0, 1.0, 1.0]


def test_lstm_cell_by_hand():
    # all gates at z = 0: i = f = o = 1/2, g = 0. c = 4: c' = 2, h' = tanh(2)/2
    # dh' = 1, dc' = 0: dc = (1 - tanh²2)/2 ; dz_i = dc·g·(1/4) = 0, dz_f = dc·4/4, dz_g = dc/2, dz_o = tanh(2)/4
    zeros = np.zeros((4, 1))
    x, h, c = np.array([[1.0]]), np.array([[0.0]]), np.array([[4.0]])
    (new_h, new_c), backward = F.lstm_cell(x, h, c, zeros, zeros)
    assert_allclose(new_c, [[2.0]])
    assert_allclose(new_h, [[np.tanh(2) / 2]])
    _, _, dc, dweight_ih, *_ = backward((np.array([[1.0]]), None))
    slope = (1 - np.tanh(2) ** 2) / 2
    assert_allclose(dc, [[slope / 2]])
    assert_allclose(dweight_ih[:, 0], [0, slope, slope / 2, np.tanh(2) / 4])


def test_gru_cell_by_hand():
    # all zeros but h = 6: r = z = 1/2, n = 0, h' = 3; dh' = 1: dz = (h - n)/4 = 1.5, dn = 1/2, dh = z = 1/2
    x, h, zeros = np.array([[1.0]]), np.array([[6.0]]), np.zeros((3, 1))
    y, backward = F.gru_cell(x, h, zeros, zeros)
    assert_allclose(y, [[3.0]])
    dx, dh, dweight_ih, dweight_hh, *_ = backward(np.array([[1.0]]))
    assert_allclose(dx, [[0.0]])
    assert_allclose(dh, [[0.5]])
    assert_allclose(dweight_ih[:, 0], [0, 1.5, 0.5])
    assert_allclose(dweight_hh[:, 0], [0, 9.0, 1.5])  # n sees r · h: 6 · 1/2 · 1/2


def test_the_weights_of_a_sequence_add_up_over_its_steps():
    # h = relu(x + h): 1, then 1 + 2 = 3. dy = (1, 1): dz_2 = 1, dz_1 = 1 + 1 = 2.
    # dweight_ih = dz_1 · 1 + dz_2 · 2 = 4, dweight_hh = dz_2 · 1
    rnn = scratch.RNN(1, 1, nonlinearity="relu", bias=False).double()
    rnn.weight_ih_l0.data[...] = rnn.weight_hh_l0.data[...] = 1.0
    (y, h_n), backward = rnn(np.array([[1.0], [2.0]]))
    assert y.ravel().tolist() == [1.0, 3.0]
    assert h_n.ravel().tolist() == [3.0]
    assert backward((np.ones((2, 1)), None)).ravel().tolist() == [2.0, 1.0]
    assert rnn.weight_ih_l0.grad.item() == 4.0
    assert rnn.weight_hh_l0.grad.item() == 1.0


# ------------------------------------------------------------------ the LSTM's pair of states


class OurStates:
    """h0 and c0 as two arguments, as a Case names them."""

    def forward(self, x, h0, c0):
        y, backward = super().forward(x, (h0, c0))

        def flat(dy):
            dx, (dh0, dc0) = backward(dy)
            return dx, dh0, dc0

        return y, flat


class TheirStates:
    def forward(self, x, h0, c0):
        return super().forward(x, (h0, c0))


class OurLSTM(OurStates, scratch.LSTM):
    pass


class TheirLSTM(TheirStates, torch_ref.LSTM):
    pass


class OurLSTMCell(OurStates, scratch.LSTMCell):
    pass


class TheirLSTMCell(TheirStates, torch_ref.LSTMCell):
    pass


@st.composite
def lstm_cases(draw):
    h, layers, directions = draw(st.integers(2, 3)), draw(st.integers(1, 2)), draw(st.integers(1, 2))
    batch = [draw(st.integers(1, 3))] if draw(st.booleans()) else []
    proj_size = draw(st.integers(0, 1))
    config = {
        "input_size": 2,
        "hidden_size": h,
        "num_layers": layers,
        "bidirectional": directions == 2,
        "proj_size": proj_size,
    }
    states = {"h0": floats(layers * directions, *batch, proj_size or h), "c0": floats(layers * directions, *batch, h)}
    return Case({"x": floats(draw(st.integers(1, 3)), *batch, 2), **states}, config)


@st.composite
def lstm_cell_cases(draw):
    batch = [draw(st.integers(1, 3))] if draw(st.booleans()) else []
    inputs = {"x": floats(*batch, 2), "h0": floats(*batch, 3), "c0": floats(*batch, 3)}
    return Case(inputs, {"input_size": 2, "hidden_size": 3})


lstm_with_states = Pair("LSTM with states", cases=lstm_cases(), ours=OurLSTM, twin=TheirLSTM)
cell_with_states = Pair("LSTMCell with states", cases=lstm_cell_cases(), ours=OurLSTMCell, twin=TheirLSTMCell)


@pytest.mark.parametrize("pair", [lstm_with_states, cell_with_states], ids=repr)
@given(data=st.data())
def test_gradients_reach_the_initial_states_of_an_lstm(pair, data):
    case = data.draw(pair.drawn())
    checks.matches_autograd(pair, case)
    checks.takes_any_layout(pair, case)
    checks.mutates_and_aliases_nothing(pair, case)


@pytest.mark.parametrize("hx", [np.zeros((1, 2, 4)), (np.zeros((1, 2, 4)), np.zeros((1, 2, 3)))])
def test_an_lstm_refuses_a_state_that_is_no_pair_of_the_right_shapes(hx):
    with pytest.raises(ValueError, match=r"LSTM: the (state must be a pair|initial state must be \(1, 2, 4\))"):
        scratch.LSTM(3, 4).double()(np.zeros((5, 2, 3)), hx)


# ------------------------------------------------------------------ what is not differentiable stays away


def test_no_upstream_gradient_for_a_part_of_the_output():
    rng = np.random.default_rng(0)
    lstm = scratch.LSTM(3, 4, bidirectional=True).double()
    x, dy, dh = rng.normal(size=(5, 2, 3)), rng.normal(size=(5, 2, 8)), rng.normal(size=(2, 2, 4))
    _, backward = lstm(x)
    whole = backward((dy, (dh, None)))
    assert_allclose(backward((dy, None)) + backward((None, (dh, None))), whole)


def test_the_gradient_of_the_input_is_not_computed_when_nobody_wants_it():
    gru = scratch.GRU(3, 4, num_layers=2).double()
    _, backward = gru(np.ones((5, 2, 3)))
    assert scratch.pull(backward, (np.ones((5, 2, 4)), None), input_grad=False) is None
    assert all(p.grad is not None for p in gru.parameters())


def test_dropout_between_layers_drops_in_training_only():
    x = np.random.default_rng(0).normal(size=(5, 2, 3))
    lstm = scratch.LSTM(3, 8, num_layers=2, dropout=0.5, rng=0).double()
    first, second = lstm.predict(x)[0], lstm.predict(x)[0]
    assert not np.array_equal(first, second)
    lstm.eval()
    assert np.array_equal(lstm.predict(x)[0], lstm.predict(x)[0])


# ------------------------------------------------------------------ packed sequences


def modules(name, **config):
    theirs = getattr(torch_ref, name)(3, 4, **config).double()
    ours = getattr(scratch, name)(3, 4, **config).double()
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize("lengths", [(4, 3, 1), (2, 4, 1), (3, 3, 3)])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_packed_sequences_run_as_torchs(name, lengths, bidirectional):
    rng = np.random.default_rng(0)
    ours, theirs = modules(name, num_layers=2, bidirectional=bidirectional)
    x, count = rng.normal(size=(max(lengths), 3, 3)), 4 if bidirectional else 2
    state = [rng.normal(size=(count, 3, 4)) for _ in range(2 if name == "LSTM" else 1)]
    tensors = [torch.tensor(a, requires_grad=True) for a in (x, *state)]
    hx = tuple(tensors[1:]) if name == "LSTM" else tensors[1]
    packed = torch.nn.utils.rnn.pack_padded_sequence(tensors[0], torch.tensor(lengths), enforce_sorted=False)
    y, final = theirs(packed, hx)
    y, their_lengths = torch.nn.utils.rnn.pad_packed_sequence(y)
    final = final if name == "LSTM" else (final,)
    dy, dfinal = rng.normal(size=tuple(y.shape)), [rng.normal(size=(count, 3, 4)) for _ in final]
    torch.autograd.backward([y, *final], [torch.tensor(d) for d in (dy, *dfinal)])

    our_packed, pack_backward = pack_padded_sequence(x, lengths, enforce_sorted=False)
    assert np.array_equal(our_packed.data, packed.data.detach())
    assert np.array_equal(our_packed.batch_sizes, packed.batch_sizes)
    (our_y, our_final), backward = ours(our_packed, tuple(state) if name == "LSTM" else state[0])
    (our_y, our_lengths), pad_backward = pad_packed_sequence(our_y)
    our_final = our_final if name == "LSTM" else (our_final,)
    assert_allclose(our_y, y.detach(), atol=1e-12)
    assert np.array_equal(our_lengths, their_lengths)
    for a, b in zip(our_final, final):
        assert_allclose(a, b.detach(), atol=1e-12)
    dpacked, dstate = backward((pad_backward(dy), tuple(dfinal) if name == "LSTM" else dfinal[0]))
    assert_allclose(pack_backward(dpacked), tensors[0].grad, atol=1e-12)
    for a, tensor in zip(dstate if name == "LSTM" else (dstate,), tensors[1:]):
        assert_allclose(a, tensor.grad, atol=1e-12)
    for parameter_name, parameter in theirs.named_parameters():
        assert_allclose(ours.get_parameter(parameter_name).grad, parameter.grad, atol=1e-12)


def test_packing_by_hand():
    # sequences (1, 2), (3, 4, 5), (6): sorted by length 1, 0, 2; steps 3 1 6 | 4 2 | 5
    padded, _ = pad_sequence([np.array([1.0, 2.0]), np.array([3.0, 4.0, 5.0]), np.array([6.0])])
    assert padded.T.tolist() == [[1, 2, 0], [3, 4, 5], [6, 0, 0]]
    packed, backward = pack_padded_sequence(padded, [2, 3, 1], enforce_sorted=False)
    assert packed.data.tolist() == [3, 1, 6, 4, 2, 5]
    assert packed.batch_sizes.tolist() == [3, 2, 1]
    assert packed.sorted_indices.tolist() == [1, 0, 2]
    assert backward(packed).T.tolist() == padded.T.tolist()
    (back, lengths), _ = pad_packed_sequence(packed, batch_first=True, padding_value=-1.0, total_length=4)
    assert back.tolist() == [[1, 2, -1, -1], [3, 4, 5, -1], [6, -1, -1, -1]]
    assert lengths.tolist() == [2, 3, 1]


def test_packing_a_list_gives_its_gradients_as_a_list():
    packed, backward = pack_sequence([np.array([3.0, 4.0]), np.array([6.0])])
    assert packed.data.tolist() == [3, 6, 4]
    assert [d.tolist() for d in backward(packed)] == [[3, 4], [6]]


@pytest.mark.parametrize(
    ("lengths", "message"),
    [([2], "one entry for each"), ([2, 0], "from 1 to 4"), ([2, 5], "from 1 to 4"), ([2, 3], "must not increase")],
)
def test_packing_refuses_lengths_that_do_not_fit(lengths, message):
    with pytest.raises(ValueError, match=message):
        pack_padded_sequence(np.zeros((4, 2, 3)), lengths)


def test_repr_reads_as_torchs():
    for config in ({"num_layers": 2, "bidirectional": True}, {"bias": False, "batch_first": True}):
        for name in ("RNN", "GRU", "LSTM"):
            ours, theirs = modules(name, **config)
            assert repr(ours) == repr(theirs)
    assert repr(scratch.LSTM(3, 4, proj_size=2)) == "LSTM(3, 4, proj_size=2)"
    assert repr(scratch.RNNCell(3, 4, nonlinearity="relu")) == "RNNCell(3, 4, nonlinearity=relu)"


# ------------------------------------------------------------------ the kernel's weights in pieces


@pytest.mark.parametrize("reverse", [False, True])
def test_an_lstm_with_its_weights_in_pieces_is_the_textbooks(monkeypatch, reverse):
    rng = np.random.default_rng(0)
    steps, batch, features, hidden = 4, 3, 30, 48
    shapes = [(steps, batch, features), (batch, hidden), (batch, hidden), (4 * hidden, features), (4 * hidden, hidden)]
    arrays = [rng.normal(size=shape) / 4 for shape in [*shapes, (4 * hidden,), (4 * hidden,)]]
    monkeypatch.setattr(lstm, "has_small_kernels", lambda: True)
    monkeypatch.setattr(lstm, "UNPACKED", batch * 4 * hidden * 16)
    assert len(lstm.in_pieces(arrays[4], batch)) == 3  # (4H, H), for dh
    assert len(lstm.in_pieces(np.ones((features + hidden + 1, hidden)), batch)) == 2  # of a gate, for z
    (y, *last), backward = lstm_layer(*arrays, reverse=reverse)
    with scratch.textbook():
        (want, *want_last), textbook_backward = lstm_layer(*arrays, reverse=reverse)
    for got, expected in zip((y, *last), (want, *want_last)):
        assert_allclose(got, expected, atol=1e-13)
    dy = tuple(rng.normal(size=a.shape) for a in (y, *last))
    assert backward.function is not textbook_backward.function
    for got, expected in zip(backward(dy), textbook_backward(dy)):
        if expected is not None:
            assert_allclose(got, expected, atol=1e-12)
