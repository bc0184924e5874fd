"""CTC: paths counted by hand, the gradient behind a log_softmax, inputs too short for their targets."""

import contextlib
import itertools

import numpy as np
import pytest
import torch

from scratch import textbook
from scratch.ctc import CTCSaved
from scratch.functional import ctc_loss, log_softmax


def spelled(path, blank=0):
    """Repeats merged, then blanks removed."""
    return [c for c, _ in itertools.groupby(path) if c != blank]


@pytest.mark.parametrize("target", [[], [1], [1, 2], [1, 1], [2, 1, 2]])
def test_ctc_loss_is_the_sum_over_all_paths_that_spell_the_target(target):
    steps, classes = 4, 3
    log_probs = log_softmax(np.random.default_rng(0).normal(size=(steps, classes)), 1)[0]
    total = sum(
        np.exp(sum(log_probs[t, c] for t, c in enumerate(path)))
        for path in itertools.product(range(classes), repeat=steps)
        if spelled(path) == target
    )
    y, _ = ctc_loss(log_probs, np.array(target, dtype=np.int64), (steps,), (len(target),), reduction="sum")
    np.testing.assert_allclose(np.exp(-y), total)


def test_ctc_loss_by_hand():
    # of the 4 paths over (blank, a) in two steps, blank-a, a-blank and a-a spell a: 3 / 4.
    # after step 1 two of the three are in a, so that p - posterior = (1/2 - 1/3, 1/2 - 2/3)
    half = np.log(np.full((2, 1, 2), 0.5))
    y, backward = ctc_loss(half, np.array([[1]]), (2,), (1,))
    np.testing.assert_allclose(y, -np.log(0.75))
    np.testing.assert_allclose(backward()[:, 0], [[1 / 6, -1 / 6]] * 2)


def test_the_mean_divides_each_loss_by_the_length_of_its_target_first():
    log_probs = log_softmax(np.random.default_rng(0).normal(size=(6, 2, 4)), 2)[0]
    arguments = log_probs, np.array([[1, 2, 3], [3, 0, 0]]), (6, 5), (3, 1)
    losses, backward = ctc_loss(*arguments, reduction="none")
    y, mean_backward = ctc_loss(*arguments)
    np.testing.assert_allclose(y, (losses[0] / 3 + losses[1]) / 2)
    np.testing.assert_allclose(mean_backward(), backward(np.array([1 / 6, 1 / 2])))


def test_behind_log_softmax_the_gradient_agrees_with_finite_differences():
    rng = np.random.default_rng(0)
    logits, direction = rng.normal(size=(2, 6, 2, 4))
    targets, lengths = np.array([[1, 1, 3], [2, 3, 0]]), ((6, 4), (3, 2))

    def loss(logits):
        return ctc_loss(log_softmax(logits, 2)[0], targets, *lengths)[0]

    log_probs, softmax_backward = log_softmax(logits, 2)
    dlogits = softmax_backward(ctc_loss(log_probs, targets, *lengths)[1]())
    slope = (loss(logits + 1e-6 * direction) - loss(logits - 1e-6 * direction)) / 2e-6
    np.testing.assert_allclose((dlogits * direction).sum(), slope, rtol=1e-7)


def test_an_input_too_short_for_its_target_has_an_infinite_loss_or_with_zero_infinity_none():
    log_probs = np.log(np.full((2, 1, 3), 1 / 3))
    y, _ = ctc_loss(log_probs, np.array([[1, 1]]), (2,), (2,))  # a, blank, a needs three steps
    assert y == np.inf
    y, backward = ctc_loss(log_probs, np.array([[1, 1]]), (2,), (2,), zero_infinity=True)
    assert y == 0
    np.testing.assert_array_equal(backward(), np.zeros((2, 1, 3)))


def test_lengths_that_are_no_integers_are_refused():
    with pytest.raises(TypeError, match="input_lengths must be integers"):
        ctc_loss(np.zeros((2, 1, 3)), np.array([[1]]), np.array([2.0]), (1,))


def of_torch(log_probs, *arguments, **options):
    """Losses and the gradient of their sum."""
    x = torch.tensor(log_probs, requires_grad=True)
    losses = torch.nn.functional.ctc_loss(x, *map(torch.tensor, arguments), reduction="none", **options)
    losses.sum().backward()
    return losses.detach().numpy(), x.grad.numpy()


@pytest.mark.parametrize("spread", [0.1, 1, 10, 30, 100, 300, 1000])
def test_long_inputs_agree_with_torch_however_small_the_probabilities_of_their_paths(spread):
    rng = np.random.default_rng(0)
    log_probs = log_softmax(spread * rng.normal(size=(300, 4, 5)), 2)[0]
    arguments = rng.integers(1, 5, size=(4, 100)), (300, 250, 160, 300), (100, 99, 100, 1)
    y, backward = ctc_loss(log_probs, *arguments, reduction="none")
    losses, gradient = of_torch(log_probs, *arguments)
    np.testing.assert_allclose(y, losses, rtol=1e-12)
    np.testing.assert_allclose(backward(np.ones(4)), gradient, atol=1e-8)


def test_a_path_through_a_probability_that_float64_rounds_to_0_counts_beside_one_that_it_can_hold():
    # label then blank: e^-760, of which a float64 keeps nothing; blank then label: e^-700 e^-70, in steps that it keeps
    log_probs = np.array([[[-700.0, -760.0, 0.0]], [[0.0, -70.0, -np.log(2)]]])
    y, backward = ctc_loss(log_probs, np.array([[1]]), (2,), (1,), reduction="none")
    losses, gradient = of_torch(log_probs, np.array([[1]]), (2,), (1,))
    np.testing.assert_allclose(y, losses, rtol=1e-12)
    np.testing.assert_allclose(y, [760], rtol=1e-6)
    np.testing.assert_allclose(backward(np.ones(1)), gradient, atol=1e-9)


@pytest.mark.parametrize("mode", [contextlib.nullcontext, textbook])
def test_a_class_of_probability_0_has_torchs_gradient_nan_there_alone(mode):
    logits = np.random.default_rng(0).normal(size=(4, 2, 4))
    logits[1, 0, 1] = logits[2, 0, 3] = logits[3, 1, 2] = -np.inf
    log_probs = log_softmax(logits, 2)[0]
    arguments = np.array([[1, 2], [3, 1]]), (4, 3), (2, 1)  # the last one lies behind the end of its input
    with mode(), np.errstate(invalid="raise"):
        y, backward = ctc_loss(log_probs, *arguments, reduction="none")
        dlog_probs = backward(np.ones(2))
    losses, gradient = of_torch(log_probs, *arguments)
    np.testing.assert_allclose(y, losses)
    np.testing.assert_allclose(dlog_probs, gradient)
    assert np.isnan(gradient).sum() == 2


def test_nan_behind_the_end_of_an_input_is_not_looked_at():
    log_probs = log_softmax(np.random.default_rng(0).normal(size=(4, 2, 3)), 2)[0]
    arguments = np.array([[1, 2], [2, 1]]), (4, 3), (2, 1)
    want, want_backward = ctc_loss(log_probs, *arguments)
    log_probs[3, 1] = np.nan
    y, backward = ctc_loss(log_probs, *arguments)
    np.testing.assert_array_equal(y, want)
    np.testing.assert_array_equal(backward(), want_backward())


def test_only_what_float64_cannot_hold_goes_to_the_textbook():
    log_probs = log_softmax(np.random.default_rng(0).normal(size=(4, 3, 3)), 2)[0]
    targets, lengths = np.array([[1, 1, 1], [1, 2, 1], [2, 2, 0]]), ((4, 4, 3), (3, 3, 2))
    y, backward = ctc_loss(log_probs, targets, *lengths, reduction="none")
    assert list(np.isinf(y)) == [True, False, False]  # 1 1 1 takes five steps, 2 2 takes three
    assert not isinstance(backward.saved, CTCSaved)
    log_probs[0, 0] = np.nan
    y, backward = ctc_loss(log_probs, targets, *lengths, reduction="none")
    assert isinstance(backward.saved, CTCSaved)
    with textbook():
        np.testing.assert_array_equal(y, ctc_loss(log_probs, targets, *lengths, reduction="none")[0])
