"""GPT: what it may see, its tied matrix, generation, and dropout, which the pairs cannot compare."""

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
from parity_tests.pair import Case, Pair, floats, ints

SMALL = {"vocab_size": 7, "context": 6, "n_layer": 2, "n_head": 2, "n_embd": 6}


def small(**options):
    return scratch.models.GPT(**SMALL | options, rng=0).double()


def test_with_silent_blocks_the_logits_are_inner_products_with_the_table():
    model = small(bias=False)
    for name, parameter in model.named_parameters():
        if ".h." in name or "wpe" in name:
            parameter.data[...] = 0  # blocks give 0: only x itself runs through
    tokens = np.array([[3, 1, 5]])
    table = model.lm_head.weight.data
    x = table[tokens[0]]
    normed = (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(model.predict(tokens)[0], normed @ table.T, atol=1e-12)


def test_no_place_sees_what_comes_behind_it():
    model = small()
    tokens = np.array([[0, 1, 2, 3, 4]])
    other = np.array([[0, 1, 2, 6, 5]])
    np.testing.assert_array_equal(model.predict(tokens)[:, :3], model.predict(other)[:, :3])
    logits, backward = model(tokens)
    dlogits = np.zeros_like(logits)
    dlogits[0, 2] = np.random.default_rng(0).normal(size=7)
    backward(dlogits)
    positions = model.transformer["wpe"].weight.grad
    assert positions[:3].any(axis=1).all()
    assert not positions[3:].any()


def test_the_tied_matrix_gets_the_sum_of_both_gradients_and_one_step():
    model = small()
    tokens = np.array([[0, 1, 2]])
    logits, backward = model(tokens)
    dlogits = np.random.default_rng(0).normal(size=logits.shape)
    backward(dlogits)
    # the same with two matrices of equal values
    apart = small()
    apart.lm_head.weight = scratch.Parameter(apart.lm_head.weight.data.copy())
    apart(tokens)[1](dlogits)
    table, head = apart.transformer["wte"].weight, apart.lm_head.weight
    np.testing.assert_allclose(model.lm_head.weight.grad, table.grad + head.grad, atol=1e-14)
    before = model.lm_head.weight.data.copy()
    scratch.optim.SGD(model.parameters(), lr=0.5).step()
    np.testing.assert_allclose(model.lm_head.weight.data, before - 0.5 * model.lm_head.weight.grad, atol=1e-14)
    assert model.lm_head.weight is model.transformer["wte"].weight


def test_gpt2_has_its_published_number_of_parameters():
    with torch.device("meta"):  # shapes only; that they are scratch's own, the pair says
        twin = torch_ref.models.GPT(50257, 1024, 12, 12, 768)
    assert sum(p.numel() for p in twin.parameters()) == 124_439_808


def test_initial_matrices_are_narrow_and_those_that_end_in_the_sum_narrower():
    model = scratch.models.GPT(100, 32, n_layer=8, n_head=2, n_embd=64, rng=0)
    block = model.transformer["h"][0]
    for weight, std in ((block.mlp.c_fc.weight, 0.02), (block.mlp.c_proj.weight, 0.005), (model.lm_head.weight, 0.02)):
        assert weight.data.std() == pytest.approx(std, rel=0.05)
    assert not block.mlp.c_fc.bias.data.any()


def test_generation_without_temperature_takes_the_likeliest_and_looks_at_the_last_tokens_only():
    model = small()
    text = model.generate(np.array([[1, 2], [4, 0]]), 8, temperature=0)
    assert text.shape == (2, 10)
    for end in range(2, 10):  # step by step, with the whole forward; a context of 6
        likeliest = model.predict(text[:, max(0, end - 6) : end])[:, -1].argmax(axis=1)
        np.testing.assert_array_equal(text[:, end], likeliest)


def test_generation_draws_from_the_softmax_among_the_top_k():
    model = small()
    logits = model.predict(np.array([[1, 2]]))[0, -1]
    top = np.argsort(logits)[-3:]
    drawn = model.generate(np.tile([[1, 2]], (20_000, 1)), 1, temperature=0.5, top_k=3, rng=0)[:, 2]
    shares = np.bincount(drawn, minlength=7) / 20_000
    expected = np.zeros(7)
    expected[top] = np.exp(logits[top] / 0.5) / np.exp(logits[top] / 0.5).sum()
    np.testing.assert_allclose(shares, expected, atol=0.015)  # four standard deviations
    with pytest.raises(ValueError, match="top_k at least 1"):
        model.generate(np.array([[1]]), 1, top_k=0)


def test_a_text_is_learned_by_heart():
    model = small().float()
    optimizer = scratch.optim.AdamW(model.parameters(), lr=1e-2)
    text = np.array([[0, 1, 2, 3, 2, 1, 6]])
    for _ in range(80):
        logits, backward = model(text[:, :-1])
        loss, loss_backward = scratch.functional.cross_entropy(logits[0], text[0, 1:])
        model.zero_grad()
        scratch.pull(backward, loss_backward()[None], input_grad=False, release=True)
        optimizer.step()
    np.testing.assert_array_equal(model.generate(text[:, :1], 6, temperature=0), text)


@settings(max_examples=4)
@given(seed=st.integers(0, 999))
def test_the_gradient_under_dropout_is_that_of_finite_differences(seed):
    GPT, Block = scratch.models.GPT, scratch.models.GPTBlock
    config = {"n_head": 2, "n_embd": 4, "dropout": 0.3, "rng": 5}
    case = Case({"x": floats(2, 3, 4)}, config, seed=seed)
    pair = Pair("GPTBlock", cases=st.just(case), ours=Block, twin=torch_ref.models.GPTBlock)
    checks.matches_finite_differences(pair, replace(case, train=True))
    case = Case({"tokens": ints(2, 3, high=5)}, {"vocab_size": 5, "context": 3, "n_layer": 1} | config, seed=seed)
    pair = Pair("GPT", cases=st.just(case), ours=GPT, twin=torch_ref.models.GPT)
    checks.matches_finite_differences(pair, replace(case, train=True))
