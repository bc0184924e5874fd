"""The Transformer as a translator: padding, causality, tied tables, decoding, and dropout."""

from dataclasses import replace

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import scratch
import scratch.functional
import scratch.models
import torch_ref.models
from parity_tests import checks
from parity_tests.pair import Case, Pair, ints

SMALL = {"source_vocab": 7, "target_vocab": 6, "d_model": 6, "nhead": 2, "dim_feedforward": 5, "dropout": 0.0}
SMALL |= {"num_encoder_layers": 1, "num_decoder_layers": 1, "max_len": 9}
SOURCE = np.array([[3, 4, 0, 0], [1, 2, 3, 4]])


def small(package=scratch, **options):
    return package.models.TransformerSeq2Seq(**SMALL | options)


def test_the_padding_of_a_source_is_not_looked_at():
    model = small(rng=0).double()
    target = np.array([[1, 2, 3], [1, 4, 5]])
    logits, backward = model(SOURCE, target)
    np.testing.assert_allclose(logits[:1], model.predict(SOURCE[:1, :2], target[:1]), atol=1e-13)
    backward(np.random.default_rng(0).normal(size=logits.shape))
    assert not model.source_embedding.weight.grad[0].any()  # the padding's row
    assert model.source_embedding.weight.grad[3].any()


def test_no_place_of_the_target_sees_what_comes_behind_it():
    model = small(rng=0).double()
    target, other = np.array([[1, 2, 3, 4]] * 2), np.array([[1, 2, 5, 0]] * 2)
    np.testing.assert_array_equal(model.predict(SOURCE, target)[:, :2], model.predict(SOURCE, other)[:, :2])


def test_the_tied_table_gets_the_sum_of_both_gradients():
    tied, apart = small(tie_embeddings=True, rng=0).double(), small(rng=0).double()
    apart.load_state_dict(tied.state_dict())
    target = np.array([[1, 2, 3], [1, 4, 5]])
    logits, backward = tied(SOURCE, target)
    dlogits = np.random.default_rng(0).normal(size=logits.shape)
    backward(dlogits)
    apart(SOURCE, target)[1](dlogits)
    both = apart.target_embedding.weight.grad + apart.out.weight.grad
    np.testing.assert_allclose(tied.out.weight.grad, both, atol=1e-13)
    names = [name for name, _ in tied.named_parameters()]
    assert "target_embedding.weight" in names
    assert "out.weight" not in names


def test_words_and_positions_start_at_the_same_size():
    model = scratch.models.TransformerSeq2Seq(500, 500, d_model=64, nhead=2, max_len=50, dropout=0.0, rng=0)
    words = 8 * model.source_embedding.weight.data
    assert abs(words.std() - 1) < 0.05
    x, _ = model.embed(np.array([[5]]), model.source_embedding)
    np.testing.assert_allclose(x[0, 0], words[5] + [0, 1] * 32, atol=1e-5)


def test_greedy_decoding_says_what_teacher_forcing_with_its_own_words_says_and_is_the_twins():
    model, twin = small(rng=3), small(torch_ref).eval()
    twin.load_state_dict({k: torch.tensor(v) for k, v in model.state_dict().items()})
    words = model.greedy(SOURCE, 6)
    told = np.concatenate([np.full((2, 1), 1), words[:, :-1]], axis=1)
    np.testing.assert_array_equal(model.predict(SOURCE, told).argmax(axis=2), words)
    np.testing.assert_array_equal(twin.greedy(torch.tensor(SOURCE), 6).numpy(), words)


def test_it_learns_to_turn_a_sequence_round():
    rng = np.random.default_rng(0)
    model = small(d_model=32, dim_feedforward=64, norm_first=True, rng=1)
    optimizer = scratch.optim.Adam(model.parameters(), lr=3e-3)
    source = np.array([rng.permutation(4)[:3] + 2 for _ in range(32)])
    target = source[:, ::-1]
    told = np.concatenate([np.ones((32, 1), int), target[:, :-1]], axis=1)
    for _ in range(60):
        logits, backward = model(source, told)
        _, loss_backward = scratch.functional.cross_entropy(logits.reshape(-1, 6), target.reshape(-1))
        model.zero_grad()
        backward(loss_backward().reshape(logits.shape))
        optimizer.step()
    assert (model.greedy(source, 3) == target).mean() > 0.95


@settings(max_examples=1)
@given(seed=st.integers(0, 999))
def test_the_gradient_under_dropout_is_that_of_finite_differences(seed):
    inputs = {"source": ints(2, 3, low=1, high=7), "target": ints(2, 3, high=6)}
    case = Case(inputs, SMALL | {"dropout": 0.3, "rng": 5}, seed=seed)
    ours, twin = scratch.models.TransformerSeq2Seq, torch_ref.models.TransformerSeq2Seq
    pair = Pair("TransformerSeq2Seq", cases=st.just(case), ours=ours, twin=twin)
    checks.matches_finite_differences(pair, replace(case, train=True))
