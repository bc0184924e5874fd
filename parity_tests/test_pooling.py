"""Pooling: hand-worked numbers and the conventions at ties, nans and borders."""

import numpy as np
import pytest
import torch

import scratch
from scratch import functional as F

INF, NAN = np.inf, np.nan


@pytest.fixture(params=["kernel", "textbook"], autouse=True)
def _version(request):
    if request.param == "kernel":
        yield
    else:
        with scratch.textbook():
            yield


def test_max_pool2d_by_hand():
    # Windows 2x2, stride 1, of  1 5 2   maxima  5 5   the 5 wins two windows, the 4 and the 6 ...
    #                            4 3 6           4 6  of the lower windows: max(4,3,0,1)=4, max(3,6,1,0)=6
    #                            0 1 0
    x = np.array([[[1.0, 5, 2], [4, 3, 6], [0, 1, 0]]])
    (y, indices), backward = F.max_pool2d(x, 2, stride=1, return_indices=True)
    assert y.tolist() == [[[5, 6], [4, 6]]]
    assert indices.tolist() == [[[1, 5], [3, 5]]]  # row-major places in 3x3
    dx = backward((np.array([[[1.0, 10], [100, 1000]]]), None))
    assert dx.tolist() == [[[0, 1, 0], [100, 0, 1010], [0, 0, 0]]]  # the 6 won two windows: 10 + 1000


def test_of_equal_maxima_the_first_in_row_major_order_wins():
    y, backward = F.max_pool2d(np.full((1, 2, 2), 7.0), 2)
    assert y.item() == 7
    assert backward(np.ones((1, 1, 1))).tolist() == [[[1, 0], [0, 0]]]


def test_nan_wins_and_of_several_nans_the_last():
    x = np.array([[[NAN, 9.0], [NAN, 1.0]]])
    y, backward = F.max_pool2d(x, 2)
    assert np.isnan(y).all()
    assert backward(np.ones((1, 1, 1))).tolist() == [[[0, 0], [1, 0]]]


def test_padding_never_wins_not_even_over_minus_infinity():
    x = np.full((1, 1), -INF)
    (y, indices), backward = F.max_pool1d(x, 2, stride=1, padding=1, return_indices=True)  # windows (pad, x), (x, pad)
    assert y.tolist() == [[-INF, -INF]]
    assert indices.tolist() == [[0, 0]]
    assert backward((np.array([[2.0, 3.0]]), None)).tolist() == [[5]]


def test_a_window_of_nothing_but_padding_gives_minus_infinity_and_no_gradient():
    # dilation 3 steps from place -1 to place 2, over both elements; torch's gradient is undefined here
    (y, indices), backward = F.max_pool1d(np.ones((1, 2)), 2, padding=1, dilation=3, return_indices=True)
    assert y.tolist() == [[-INF]]
    assert indices.tolist() == [[-1]]
    assert backward((np.ones((1, 1)), None)).tolist() == [[0, 0]]


def test_an_infinite_upstream_gradient_stays_with_its_maximum():
    _, backward = F.max_pool1d(np.array([[1.0, 2.0]]), 2)
    assert backward(np.array([[INF]])).tolist() == [[0, INF]]


@pytest.mark.parametrize(("length", "outputs"), [(5, 3), (4, 2)])
def test_ceil_mode_keeps_a_last_window_that_starts_inside(length, outputs):
    # kernel 2, stride 2: in 5 places the third window starts at place 4 and holds one element; in 4 none is left
    y, _ = F.max_pool1d(np.arange(length)[None] * 1.0, 2, ceil_mode=True)
    assert y.shape == (1, outputs)
    assert y[0, -1] == length - 1


def test_ceil_mode_leaves_out_a_window_that_starts_in_the_right_padding():
    # length 3, padding 1, kernel 2, stride 2: windows start at -1, 1 and 3; 3 is padding
    assert F.max_pool1d(np.ones((1, 3)), 2, padding=1, ceil_mode=True)[0].shape == (1, 2)


def test_avg_pool2d_by_hand():
    # (1 + 2 + 3 + 6) / 4 = 3; each of the four gets dy / 4
    y, backward = F.avg_pool2d(np.array([[[1.0, 2], [3, 6]]]), 2)
    assert y.tolist() == [[[3]]]
    assert backward(np.array([[[8.0]]])).tolist() == [[[2, 2], [2, 2]]]


def test_what_an_average_is_divided_by():
    # x = 6 12 18, kernel 2, stride 2, padding 1, ceil_mode: windows (pad 6) (12 18)
    x = np.array([[6.0, 12, 18]])
    assert F.avg_pool1d(x, 2, padding=1)[0].tolist() == [[3, 15]]  # 6/2, 30/2
    assert F.avg_pool1d(x, 2, padding=1, count_include_pad=False)[0].tolist() == [[6, 15]]  # 6/1
    # without padding the second window (18, nothing) reaches beyond the input: it has one tap in either mode
    assert F.avg_pool1d(x, 2, ceil_mode=True)[0].tolist() == [[9, 18]]
    y, backward = F.avg_pool2d(x[None], (1, 3), divisor_override=6)
    assert y.tolist() == [[[6]]]  # 36/6
    assert backward(np.array([[[6.0]]])).tolist() == [[[1, 1, 1]]]


def test_overlapping_averages_add_their_gradients():
    _, backward = F.avg_pool1d(np.zeros((1, 3)), 2, stride=1)
    assert backward(np.array([[2.0, 4]])).tolist() == [[1, 3, 2]]  # 2/2, 2/2 + 4/2, 4/2


def test_kernels_agree_with_torch_on_large_inputs_in_several_threads():
    x = np.random.default_rng(0).normal(size=(8, 16, 57, 55)).astype(np.float32)
    x[3, 2, 10:13, 20:23] = NAN
    x[4] = -INF
    for options in ((2,), (3, 2, 1), (3, 1, 1), ((2, 3), (3, 2), (1, 0))):
        tensor = torch.tensor(x, requires_grad=True)
        want = torch.nn.functional.max_pool2d(tensor, *options, return_indices=True)
        (y, indices), backward = F.max_pool2d(x, *options, return_indices=True)
        dy = np.random.default_rng(1).integers(-9, 9, size=y.shape).astype(np.float32)
        want[0].backward(torch.tensor(dy))
        np.testing.assert_array_equal(y, want[0].detach())
        np.testing.assert_array_equal(indices, want[1])
        np.testing.assert_array_equal(backward((dy, None)), tensor.grad)


def test_reprs_are_torchs():
    for name, options in (("MaxPool2d", (3, 2, 1)), ("AvgPool1d", (3, 2)), ("AvgPool3d", ((1, 2, 3),))):
        assert repr(getattr(scratch, name)(*options)) == repr(getattr(torch.nn, name)(*options))
