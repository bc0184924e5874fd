"""Decoders with attention: what they look at, the way of the gradient to the source, decoding, and dropout."""

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

both_decoders = pytest.mark.parametrize("name", ["BahdanauDecoder", "LuongDecoder"])
both_cells = pytest.mark.parametrize("cell", ["gru", "lstm"])


def translator(package, name, cell, **options):
    widths = {"memory_size": 6, "attention_size": 5} if name == "BahdanauDecoder" else {}
    encoder = package.models.Seq2SeqEncoder(7, 4, 3, cell=cell, bidirectional=True, **options)
    decoder = getattr(package.models, name)(6, 4, 6, cell=cell, **widths, **options)
    return package.models.AttentionSeq2Seq(encoder, decoder)


@both_decoders
@both_cells
def test_the_padding_of_a_source_is_neither_read_nor_looked_at(name, cell):
    model = translator(scratch, name, cell, rng=0).double()
    target = np.array([[1, 2, 3], [1, 4, 5]])
    source, other = np.array([[3, 4, 0, 0], [1, 2, 3, 4]]), np.array([[3, 4, 6, 6], [1, 2, 3, 4]])
    lengths = np.array([2, 4])
    logits, backward = model(source, target, lengths)
    np.testing.assert_array_equal(logits, model.predict(other, target, lengths))
    np.testing.assert_allclose(logits[:1], model.predict(source[:1, :2], target[:1]), atol=1e-14)
    backward(np.random.default_rng(0).normal(size=logits.shape))
    assert not model.encoder.embedding.weight.grad[0].any()  # token 0 stands in the padding only
    _, weights = model.greedy(source, 5, lengths=lengths)
    assert weights.shape == (2, 5, 4)
    assert not weights[0, :, 2:].any()
    np.testing.assert_allclose(weights.sum(axis=2), 1)


def test_bahdanau_with_equal_scores_sees_the_mean_of_the_memory():
    decoder = scratch.models.BahdanauDecoder(5, 2, 3, memory_size=2).double()
    decoder.attention.w_v.weight.data[...] = 0
    decoder.out.weight.data[...] = 0
    decoder.out.bias.data[...] = 0
    decoder.out.weight.data[:2, -2:] = np.eye(2)  # the first two logits are the context
    memory = np.array([[[1.0, 2.0], [3.0, 6.0], [8.0, 7.0]]])
    (logits, weights, _), backward = decoder(np.array([[1, 2]]), memory, np.zeros((1, 1, 3)))
    np.testing.assert_allclose(weights, np.full((1, 2, 3), 1 / 3))
    np.testing.assert_allclose(logits[0, :, :2], [[4.0, 5.0], [4.0, 5.0]])
    decoder.cell.weight_ih.data[...] = 0  # the context reaches the output on no other way
    _, backward = decoder(np.array([[1, 2]]), memory, np.zeros((1, 1, 3)))
    dmemory, _ = backward((np.array([[[3.0, 0, 0, 0, 0], [6.0, 9.0, 0, 0, 0]]]), None, None))
    np.testing.assert_allclose(dmemory, [[[3.0, 3.0]] * 3])  # (3 + 6) / 3 and 9 / 3 to each of the three


def test_the_first_query_is_the_state_before_for_bahdanau_and_the_state_after_for_luong():
    rng = np.random.default_rng(0)
    memory, state = rng.normal(size=(1, 4, 3)), rng.normal(size=(1, 1, 3))
    one, other = np.array([[1]]), np.array([[2]])
    bahdanau = scratch.models.BahdanauDecoder(5, 2, 3, rng=0).double()
    np.testing.assert_array_equal(bahdanau(one, memory, state)[0][1], bahdanau(other, memory, state)[0][1])
    luong = scratch.models.LuongDecoder(5, 2, 3, rng=0).double()
    assert (luong(one, memory, state)[0][1] != luong(other, memory, state)[0][1]).all()


@both_decoders
@both_cells
def test_any_of_the_three_outputs_may_have_no_upstream_gradient(name, cell):
    rng = np.random.default_rng(0)
    model = translator(scratch, name, cell, rng=0).double()
    (memory, state), _ = model.encoder(np.array([[1, 2, 3]]))
    (logits, weights, end), backward = model.decoder(np.array([[1, 2]]), memory, state)
    dlogits, dweights = rng.normal(size=logits.shape), rng.normal(size=weights.shape)
    dend = tuple(rng.normal(size=s.shape) for s in end) if cell == "lstm" else rng.normal(size=end.shape)
    full, _ = backward((dlogits, dweights, dend))
    parts = [backward((dlogits, None, None)), backward((None, dweights, None)), backward((None, None, dend))]
    np.testing.assert_allclose(full, sum(dmemory for dmemory, _ in parts), atol=1e-13)


@both_decoders
@both_cells
def test_greedy_decoding_says_what_teacher_forcing_with_its_own_words_says(name, cell):
    model = translator(scratch, name, cell, rng=3).double()
    source, lengths = np.array([[3, 4, 0, 0], [1, 2, 3, 4]]), np.array([2, 4])
    words, weights = model.greedy(source, 6, bos=1, lengths=lengths)
    told = np.concatenate([np.full((2, 1), 1), words[:, :-1]], axis=1)
    np.testing.assert_array_equal(model.predict(source, told, lengths).argmax(axis=2), words)
    memory, state = model.encoder.predict(source, lengths)
    np.testing.assert_allclose(model.decoder.predict(told, memory, state, lengths)[1], weights, atol=1e-13)


@both_decoders
@both_cells
def test_greedy_decoding_is_the_twins(name, cell):
    model, twin = translator(scratch, name, cell, rng=3), translator(torch_ref, name, cell)
    twin.load_state_dict({k: torch.tensor(v) for k, v in model.state_dict().items()})
    source, lengths = np.random.default_rng(0).integers(0, 7, size=(5, 4)), np.array([4, 1, 3, 2, 4])
    for eos in (None, 2):
        words, weights = model.greedy(source, 6, eos=eos, lengths=lengths)
        theirs = twin.greedy(torch.tensor(source), 6, eos=eos, lengths=torch.tensor(lengths))
        np.testing.assert_array_equal(words, theirs[0].numpy())
        np.testing.assert_allclose(weights, theirs[1].numpy(), atol=1e-6)


@both_decoders
def test_it_learns_to_turn_a_sequence_round_and_where_to_look(name):
    rng = np.random.default_rng(0)
    encoder = scratch.models.Seq2SeqEncoder(8, 16, 16, bidirectional=True, rng=1)
    model = scratch.models.AttentionSeq2Seq(encoder, getattr(scratch.models, name)(8, 16, 32, rng=2))
    optimizer = scratch.optim.Adam(model.parameters(), lr=1e-2)
    source = np.array([rng.permutation(6)[:5] + 2 for _ in range(64)])
    target = source[:, ::-1]
    told = np.concatenate([np.ones((64, 1), int), target[:, :-1]], axis=1)
    for _ in range(80):
        logits, backward = model(source, told)
        _, loss_backward = scratch.functional.cross_entropy(logits.reshape(-1, 8), target.reshape(-1))
        model.zero_grad()
        backward(loss_backward().reshape(logits.shape))
        optimizer.step()
    words, weights = model.greedy(source, 5)
    assert (words == target).mean() > 0.95
    assert (weights.argmax(axis=2)[:, :4] == [4, 3, 2, 1]).mean() > 0.5  # by chance a fifth


class UnderDropout(scratch.models.AttentionSeq2Seq):
    """With masks that come again whenever it is made again."""

    def __init__(self, name, cell):
        self.__dict__ |= vars(translator(scratch, name, cell, dropout=0.4, rng=np.random.default_rng(5)))


@settings(max_examples=3)
@given(seed=st.integers(0, 999), cell=st.sampled_from(["gru", "lstm"]))
@both_decoders
def test_the_gradient_under_dropout_is_that_of_finite_differences(name, seed, cell):
    inputs = {"source": ints(2, 3, high=6), "target": ints(2, 3, high=6)}
    case = Case(inputs, {"name": name, "cell": cell}, seed=seed)
    pair = Pair(
        "AttentionSeq2Seq",
        cases=st.just(case),
        ours=UnderDropout,
        twin=lambda name, cell: translator(torch_ref, name, cell),
    )
    checks.matches_finite_differences(pair, replace(case, train=True))
