"""TextCNN by hand, and under dropout."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import scratch.models
import torch_ref.models
from parity_tests import checks
from parity_tests.pair import Case, Pair, ints


def two_words():
    """Words of one number: 0 is 1, 1 is 2, 2 is -1. One filter, y_t = x_t + 10 x_(t+1), and fc = 3."""
    model = scratch.models.TextCNN(3, 1, 1, kernel_sizes=(2,), num_channels=1, dropout=0.0).double()
    model.load_state_dict(
        {
            "embedding.weight": np.array([[1.0], [2.0], [-1.0]]),
            "convs.0.weight": np.array([[[1.0, 10.0]]]),
            "convs.0.bias": np.zeros(1),
            "fc.weight": np.array([[3.0]]),
            "fc.bias": np.array([0.5]),
        }
    )
    return model


def test_the_largest_answer_of_a_filter_counts_and_only_its_words_learn():
    # words 1 2 -1 -1: the filter answers 1 + 20, 2 - 10, -1 - 10; the largest is 21: 3 * 21 + 0.5 = 63.5
    model = two_words()
    y, backward = model(np.array([[0, 1, 2, 2]]))
    np.testing.assert_array_equal(y, [[63.5]])
    assert backward(np.array([[2.0]])) is None
    # dy = 2 -> the filter gets 2 * 3 = 6: word 0 learns 1 * 6, word 1 10 * 6, word 2 nothing
    np.testing.assert_array_equal(model.embedding.weight.grad, [[6.0], [60.0], [0.0]])
    np.testing.assert_array_equal(model.convs[0].weight.grad, [[[6.0, 12.0]]])  # 6 times the words 1 and 2


def test_a_sentence_in_which_no_filter_answers_teaches_the_classifiers_bias_only():
    model = two_words()
    y, backward = model(np.array([[2, 2, 2]]))  # -1 - 10 everywhere: relu gives 0
    np.testing.assert_array_equal(y, [[0.5]])
    backward(np.array([[1.0]]))
    for name, parameter in model.named_parameters():
        assert parameter.grad.any() == (name == "fc.bias"), name


@settings(max_examples=5)
@given(seed=st.integers(0, 999))
def test_the_gradient_under_dropout_is_that_of_finite_differences(seed):
    config = {"vocab_size": 5, "embed_dim": 3, "num_classes": 2, "kernel_sizes": (1, 2), "num_channels": 4, "rng": 5}
    case = Case({"tokens": ints(3, 4, high=5)}, config, seed=seed)
    TextCNN = scratch.models.TextCNN
    pair = Pair("TextCNN", cases=st.just(case), ours=TextCNN, twin=torch_ref.models.TextCNN)
    checks.matches_finite_differences(pair, replace(case, train=True))
