"""Adaptive pooling: hand-worked windows and conventions."""

import numpy as np
import pytest
import torch

import scratch
from parity_tests.tiny import tiny_blocks
from scratch import functional as F
from scratch.adaptive_pooling import adaptive_windows


def test_windows_cover_the_input_and_overlap_where_they_do_not_divide_it():
    assert adaptive_windows(6, 3) == [slice(0, 2), slice(2, 4), slice(4, 6)]
    assert adaptive_windows(5, 3) == [slice(0, 2), slice(1, 4), slice(3, 5)]  # 0..5/3, 5/3..10/3, 10/3..5 outwards
    assert adaptive_windows(2, 3) == [slice(0, 1), slice(0, 2), slice(1, 2)]


def test_adaptive_average_by_hand():
    # 1 2 6 in two windows: (1 + 2) / 2, (2 + 6) / 2
    y, backward = F.adaptive_avg_pool1d(np.array([[1.0, 2, 6]]), 2)
    assert y.tolist() == [[1.5, 4]]
    assert backward(np.array([[2.0, 10]])).tolist() == [[1, 6, 5]]


def test_adaptive_maximum_by_hand():
    (y, indices), backward = F.adaptive_max_pool1d(np.array([[1.0, 7, 6]]), 2, return_indices=True)
    assert y.tolist() == [[7, 7]]  # the middle one is in both windows
    assert indices.tolist() == [[1, 1]]
    assert backward((np.array([[2.0, 10]]), None)).tolist() == [[0, 12, 0]]


def test_of_equal_maxima_the_first_wins_and_of_several_nans_the_last():
    _, backward = F.adaptive_max_pool1d(np.array([[3.0, 3.0]]), 1)
    assert backward(np.ones((1, 1))).tolist() == [[1, 0]]
    y, backward = F.adaptive_max_pool1d(np.array([[np.nan, np.nan, 9.0]]), 1)
    assert np.isnan(y.item())
    assert backward(np.ones((1, 1))).tolist() == [[0, 1, 0]]


def test_none_keeps_an_axis():
    assert scratch.AdaptiveAvgPool2d((None, 2)).predict(np.ones((1, 5, 4))).shape == (1, 5, 2)


def test_no_window_at_all_gives_an_empty_output_and_a_zero_gradient():
    y, backward = F.adaptive_avg_pool2d(np.ones((1, 3, 3)), 0)
    assert y.shape == (1, 0, 0)
    assert not backward(y).any()


def test_reprs_are_torchs():
    for name in ("AdaptiveAvgPool2d", "AdaptiveMaxPool3d"):
        assert repr(getattr(scratch, name)((1, None))) == repr(getattr(torch.nn, name)((1, None)))


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_what_is_not_finite_stays_in_its_windows(n, value):
    x, dy = np.ones((2, 2, *[5] * n)), np.ones((2, 2, *[3] * n))
    x[0, 0].flat[-1] = dy[0, 0].flat[-1] = value  # in one window of three; from one window to two places an axis
    op, twin = getattr(F, f"adaptive_avg_pool{n}d"), getattr(torch.nn.functional, f"adaptive_avg_pool{n}d")
    tx = torch.tensor(x, requires_grad=True)
    ty = twin(tx, 3)
    ty.backward(torch.tensor(dy))
    with tiny_blocks():
        y, backward = op(x, 3)
        np.testing.assert_allclose(y, ty.detach().numpy())
        np.testing.assert_allclose(backward(dy), tx.grad.numpy())


@pytest.mark.parametrize("kind", ["avg", "max"])
@pytest.mark.parametrize(
    ("shape", "output"),
    [
        ((40, 30, 31), (7,)),
        ((40, 30, 32), (8,)),
        ((4, 8, 30, 31), (7, 5)),
        ((4, 8, 30, 32), (1, 4)),
        ((2, 4, 9, 20, 21), (4, 1, 7)),
    ],
)
def test_many_planes_at_a_time_have_the_textbooks_results(kind, shape, output):
    rng = np.random.default_rng(0)
    pool = getattr(F, f"adaptive_{kind}_pool{len(output)}d")
    x = rng.normal(size=shape)
    y, backward = pool(x, output)
    dy = rng.normal(size=y.shape)
    with scratch.textbook():
        want, textbook_backward = pool(x, output)
    assert backward.function is not textbook_backward.function
    np.testing.assert_allclose(y, want, atol=1e-13)
    np.testing.assert_allclose(backward(dy), textbook_backward(dy), atol=1e-13)
