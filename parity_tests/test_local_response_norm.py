"""Local response norm: numbers worked out by hand, and which way an even window leans."""

import numpy as np
from numpy.testing import assert_allclose

import scratch.functional as F


def test_an_even_window_leans_to_the_lower_channels():
    # size 2: channel c with c - 1. x = 3, 4, 0: squares 9, 9 + 16, 16 + 0; alpha = 2 makes the mean a sum; square roots
    y, _ = F.local_response_norm(np.array([3.0, 4.0, 0.0]).reshape(1, 3, 1), 2, alpha=2.0, beta=0.5, k=0.0)
    assert_allclose(y.ravel(), [3 / 3, 4 / 5, 0 / 4])


def test_backward_by_hand():
    # one channel, size 1, alpha = beta = k = 1: y = x / (1 + x²), dy/dx = (1 - x²) / (1 + x²)² = -3/25 at x = 2
    _, backward = F.local_response_norm(np.array([[[2.0]]]), 1, alpha=1.0, beta=1.0, k=1.0)
    assert_allclose(backward(np.array([[[1.0]]])), [[[-3 / 25]]])


def test_a_channel_feels_the_neighbour_it_was_counted_for():
    # size 2: y1 = x1 / (1 + (x0² + x1²)/2) with alpha = beta = k = 1; dy1/dx0 = -x1 x0 / (..)² = -2 / 3.5² at (1, 2)
    _, backward = F.local_response_norm(np.array([1.0, 2.0]).reshape(1, 2, 1), 2, alpha=1.0, beta=1.0, k=1.0)
    dx = backward(np.array([0.0, 1.0]).reshape(1, 2, 1)).ravel()
    assert_allclose(dx[0], -2 / 3.5**2)
