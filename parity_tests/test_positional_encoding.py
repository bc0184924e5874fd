"""Positional encodings by hand, and under dropout."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import scratch.models
import torch_ref.models
from parity_tests import checks
from parity_tests.pair import Case, Pair, floats
from scratch.models.positional_encoding import sinusoids


def test_the_table_is_sines_and_cosines_of_two_clock_hands():
    # d_model 4: the first hand turns by 1 a step, the second by 1 / 10000^(2/4) = 1/100
    t = np.arange(50)
    table = sinusoids(50, 4)
    for column, expected in enumerate([np.sin(t), np.cos(t), np.sin(t / 100), np.cos(t / 100)]):
        np.testing.assert_allclose(table[:, column], expected, atol=1e-14)
    np.testing.assert_array_equal(table[0], [0, 1, 0, 1])


def test_the_way_from_one_place_to_another_depends_on_their_distance_only():
    table = sinusoids(60, 8)
    near = table[:50] @ table[:50].T
    np.testing.assert_allclose(near, table[10:] @ table[10:].T, atol=1e-13)
    np.testing.assert_allclose(np.diag(near), 4)  # four hands of length 1


def test_an_odd_width_ends_in_a_sine():
    np.testing.assert_allclose(sinusoids(7, 5)[:, 4], np.sin(np.arange(7) / 10000 ** (4 / 5)), atol=1e-15)


def test_a_learned_row_gets_the_sum_over_the_batch_and_rows_behind_the_text_nothing():
    layer = scratch.models.LearnedPositionalEncoding(2, max_len=3).double()
    _, backward = layer(np.zeros((2, 2, 2)))
    dy = np.arange(8.0).reshape(2, 2, 2)
    np.testing.assert_array_equal(backward(dy), dy)
    np.testing.assert_array_equal(layer.weight.grad, [[4.0, 6.0], [8.0, 10.0], [0.0, 0.0]])


def test_the_sinusoids_are_no_part_of_the_state():
    assert not scratch.models.PositionalEncoding(4).state_dict()


@settings(max_examples=5)
@given(seed=st.integers(0, 999), name=st.sampled_from(["PositionalEncoding", "LearnedPositionalEncoding"]))
def test_the_gradient_under_dropout_is_that_of_finite_differences(seed, name):
    case = Case({"x": floats(2, 3, 4)}, {"d_model": 4, "max_len": 5, "dropout": 0.3, "rng": 5}, seed=seed)
    ours, twin = getattr(scratch.models, name), getattr(torch_ref.models, name)
    checks.matches_finite_differences(Pair(name, cases=st.just(case), ours=ours, twin=twin), replace(case, train=True))
