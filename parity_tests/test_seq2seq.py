"""Encoder and decoder: padding, the context at every step, greedy decoding, and dropout."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import scratch
import scratch.functional
import scratch.models
import torch_ref.models
from parity_tests import checks
from parity_tests.pair import Case, Pair, ints

both_cells = pytest.mark.parametrize("cell", ["gru", "lstm"])


def translator(package, cell, **options):
    encoder = package.models.Seq2SeqEncoder(7, 4, 3, num_layers=2, cell=cell, bidirectional=True, **options)
    decoder = package.models.Seq2SeqDecoder(6, 4, 6, num_layers=2, cell=cell, **options)
    return package.models.Seq2Seq(encoder, decoder)


@both_cells
def test_the_padding_of_a_source_is_not_read(cell):
    model = translator(scratch, cell, rng=0).double()
    target = np.array([[1, 2, 3], [1, 4, 5]])
    source, other = np.array([[3, 4, 0, 0], [1, 2, 3, 4]]), np.array([[3, 4, 6, 6], [1, 2, 3, 4]])
    lengths = np.array([2, 4])
    logits, backward = model(source, target, lengths)
    np.testing.assert_array_equal(logits, model.predict(other, target, lengths))
    np.testing.assert_allclose(logits[:1], model.predict(source[:1, :2], target[:1]), atol=1e-14)
    backward(np.random.default_rng(0).normal(size=logits.shape))
    assert not model.encoder.embedding.weight.grad[0].any()  # token 0 stands in the padding only
    (outputs, _), _ = model.encoder(source, lengths)
    assert not outputs[0, 2:].any()


def test_the_context_reaches_every_step_and_gets_the_sum_of_their_gradients():
    decoder = scratch.models.Seq2SeqDecoder(5, 2, 3, rng=0).double()
    decoder.rnn.weight_hh_l0.data[...] = 0  # nothing is handed on but through the gate z
    decoder.rnn.bias_hh_l0.data[...] = decoder.rnn.bias_ih_l0.data[...] = 0
    decoder.rnn.weight_ih_l0.data[3:6] = 0
    decoder.rnn.bias_ih_l0.data[3:6] = -1e9  # z = 0: the state is new at every step
    context, state = np.random.default_rng(0).normal(size=(1, 3)), np.zeros((1, 1, 3))
    tokens = np.array([[2, 2, 2]])
    (logits, _), backward = decoder(tokens, context, state)
    np.testing.assert_allclose(logits, np.repeat(logits[:, :1], 3, axis=1))  # the same token and context
    dlogits = np.random.default_rng(1).normal(size=logits.shape)
    dcontext, _ = backward((dlogits, None))
    (_, _), once = decoder(tokens[:, :1], context, state)
    alone = sum(once((dlogits[:, t : t + 1], None))[0] for t in range(3))
    np.testing.assert_allclose(dcontext, alone, atol=1e-14)


@both_cells
def test_greedy_decoding_says_what_teacher_forcing_with_its_own_words_says(cell):
    model = translator(scratch, cell, rng=3).double()
    source, lengths = np.array([[3, 4, 0, 0], [1, 2, 3, 4]]), np.array([2, 4])
    words = model.greedy(source, 6, bos=1, lengths=lengths)
    assert words.shape == (2, 6)
    told = np.concatenate([np.full((2, 1), 1), words[:, :-1]], axis=1)
    np.testing.assert_array_equal(model.predict(source, told, lengths).argmax(axis=2), words)


@both_cells
def test_greedy_decoding_is_the_twins(cell):
    model, twin = translator(scratch, cell, rng=3), translator(torch_ref, cell)
    twin.load_state_dict({k: torch.tensor(v) for k, v in model.state_dict().items()})
    source = np.random.default_rng(0).integers(0, 7, size=(5, 4))
    np.testing.assert_array_equal(model.greedy(source, 6), twin.greedy(torch.tensor(source), 6).numpy())


def test_behind_the_end_a_sequence_repeats_it_and_all_ended_is_the_end():
    model = translator(scratch, "gru", rng=3)
    source = np.random.default_rng(0).integers(0, 7, size=(5, 4))
    free = model.greedy(source, 8)
    eos = int(free[0, 0])
    words = model.greedy(source, 8, eos=eos)
    for row, unended in zip(words, free):
        end = list(unended).index(eos) if eos in unended else len(unended)
        np.testing.assert_array_equal(row[: end + 1], unended[: len(row)][: end + 1])
        assert (row[end:] == eos).all()
    assert model.greedy(source[:1], 8, eos=eos).shape == (1, 1)
    with pytest.raises(ValueError, match="max_len must be at least 1"):
        model.greedy(source, 0)


def test_it_learns_to_turn_a_sequence_round():
    rng = np.random.default_rng(0)
    encoder = scratch.models.Seq2SeqEncoder(6, 16, 32, rng=1)
    model = scratch.models.Seq2Seq(encoder, scratch.models.Seq2SeqDecoder(6, 16, 32, rng=2))
    optimizer = scratch.optim.Adam(model.parameters(), lr=1e-2)
    source = rng.integers(2, 6, size=(32, 3))
    target = source[:, ::-1]
    told = np.concatenate([np.ones((32, 1), int), target[:, :-1]], axis=1)
    for _ in range(60):
        logits, backward = model(source, told)
        _, loss_backward = scratch.functional.cross_entropy(logits.reshape(-1, 6), target.reshape(-1))
        model.zero_grad()
        backward(loss_backward().reshape(logits.shape))
        optimizer.step()
    assert (model.greedy(source, 3) == target).mean() > 0.95


class UnderDropout(scratch.models.Seq2Seq):
    """With masks that come again whenever it is made again."""

    def __init__(self, cell):
        self.__dict__ |= vars(translator(scratch, cell, dropout=0.4, rng=np.random.default_rng(5)))


@settings(max_examples=4)
@given(seed=st.integers(0, 999), cell=st.sampled_from(["gru", "lstm"]))
def test_the_gradient_under_dropout_is_that_of_finite_differences(seed, cell):
    case = Case({"source": ints(2, 3, high=6), "target": ints(2, 3, high=6)}, {"cell": cell}, seed=seed)
    pair = Pair("Seq2Seq", cases=st.just(case), ours=UnderDropout, twin=lambda cell: translator(torch_ref, cell))
    checks.matches_finite_differences(pair, replace(case, train=True))
