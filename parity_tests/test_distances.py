"""Distances: numbers worked out by hand, distances of 0, ties of the largest entry."""

import numpy as np
import pytest

from parity_tests.tiny import tiny_blocks
from scratch import textbook
from scratch.functional import cdist, cosine_similarity, normalize, pairwise_distance, pdist


@pytest.mark.parametrize(
    ("p", "distance", "slope"),
    [
        (2.0, 5.0, [0.6, -0.8]),
        (1.0, 7.0, [1.0, -1.0]),
        (np.inf, 4.0, [0.0, -1.0]),
        (0.0, 2.0, [0.0, 0.0]),
        (-np.inf, 3.0, [1.0, 0.0]),
    ],
)
def test_pairwise_distance_by_hand(p, distance, slope):
    y, backward = pairwise_distance(np.array([3.0, 0.0]), np.array([0.0, 4.0]), p=p, eps=0.0)
    assert y == distance
    dx1, dx2 = backward()
    np.testing.assert_allclose(dx1, slope)
    np.testing.assert_allclose(dx2, np.negative(slope))


def test_the_cubic_norm_by_hand():
    # (1 + 8)^(1/3); slope (|d| / norm)²
    y, backward = pairwise_distance(np.array([1.0, -2.0]), np.zeros(2), p=3.0, eps=0.0)
    np.testing.assert_allclose(y, 9 ** (1 / 3))
    np.testing.assert_allclose(backward()[0], [1 / 9 ** (2 / 3), -4 / 9 ** (2 / 3)])


@pytest.mark.parametrize("p", [0.5, 1.0, 1.5, 2.0, 3.0, np.inf])
def test_a_distance_of_0_has_gradient_0(p):
    x = np.array([[1.0, 2.0]])
    for y, backward in (pairwise_distance(x, x, p=p, eps=0.0), cdist(x, x, p=p), pdist(np.concatenate([x, x]), p=p)):
        gradients = backward(np.ones(y.shape))
        for gradient in gradients if isinstance(gradients, tuple) else (gradients,):
            np.testing.assert_array_equal(gradient, np.zeros(gradient.shape))


def test_entries_that_tie_share_the_gradient_in_pairwise_distance_but_not_in_cdist():
    x, zero = np.array([[2.0, -2.0, 1.0]]), np.zeros((1, 3))
    _, backward = pairwise_distance(x, zero, p=np.inf, eps=0.0)
    np.testing.assert_array_equal(backward(np.ones(1))[0], [[0.5, -0.5, 0.0]])
    _, backward = cdist(x, zero, p=np.inf)
    np.testing.assert_array_equal(backward(np.ones((1, 1)))[0], [[1.0, -1.0, 0.0]])


def test_cosine_similarity_by_hand():
    # (3, 4) against (2, 0): 6 / (5 · 2); dx1 = (unit2 - cos · unit1) / 5 = ((1, 0) - 0.6 (0.6, 0.8)) / 5
    y, backward = cosine_similarity(np.array([[3.0, 4.0]]), np.array([[2.0, 0.0]]))
    dx1, dx2 = backward(np.ones(1))
    np.testing.assert_allclose(y, [0.6])
    np.testing.assert_allclose(dx1, [[0.128, -0.096]])
    np.testing.assert_allclose(dx2, [[0.0, 0.4]], atol=1e-15)


def test_cosine_similarity_with_a_vector_of_zeros_is_0():
    y, backward = cosine_similarity(np.zeros((1, 2)), np.array([[3.0, 4.0]]), eps=0.1)
    dx1, dx2 = backward(np.ones(1))
    assert y == 0
    np.testing.assert_allclose(dx1, [[6.0, 8.0]])
    np.testing.assert_array_equal(dx2, [[0.0, 0.0]])


def test_cdist_and_pdist_by_hand():
    x = np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])
    y, backward = pdist(x)
    np.testing.assert_allclose(y, [5.0, 1.0, np.sqrt(18)])
    np.testing.assert_allclose(backward(np.array([1.0, 10.0, 0.0])), [[-0.6, -10.8], [0.6, 0.8], [0.0, 10.0]])
    np.testing.assert_allclose(cdist(x, x)[0][np.triu_indices(3, 1)], y)


def test_pdist_of_no_rows_is_empty():
    y, backward = pdist(np.zeros((0, 3)))
    assert y.shape == (0,)
    assert backward(y).shape == (0, 3)


def test_normalize_by_hand():
    # dx = (dy - y (y · dy)) / 5 for y = (0.6, 0.8) and dy = (1, 0)
    y, backward = normalize(np.array([[3.0, 4.0]]))
    np.testing.assert_allclose(y, [[0.6, 0.8]])
    np.testing.assert_allclose(backward(np.array([[1.0, 0.0]])), [[0.128, -0.096]])


def test_normalize_of_a_short_vector_divides_by_eps():
    y, backward = normalize(np.array([[0.3, 0.4]]), eps=2.0)
    np.testing.assert_allclose(y, [[0.15, 0.2]])
    np.testing.assert_allclose(backward(np.array([[1.0, 0.0]])), [[0.5, 0.0]])


def test_at_a_length_of_eps_normalize_has_the_slope_of_the_longer_side():
    _, backward = normalize(np.array([[3.0, 4.0]]), eps=5.0)
    np.testing.assert_allclose(backward(np.array([[1.0, 0.0]])), [[0.128, -0.096]])


def test_of_equal_near_and_distant_vectors_the_products_give_what_differences_give():
    rng = np.random.default_rng(0)
    x = 3 + rng.normal(size=(7, 3))
    x[4], x[5] = x[0], x[1] + 1e-9  # the formula of products has no digit of the one and few of the other
    dy, dabove = -rng.random((7, 7)), -rng.random(21)
    results = []
    for mode in (tiny_blocks, textbook):
        with mode():
            y, backward = cdist(x, x)
            above, above_backward = pdist(x)
            results.append((y, *backward(dy), above, above_backward(dabove)))
    for fast, plain in zip(*results):
        np.testing.assert_allclose(fast, plain, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("place", [1e7, 1.9e7, 3.1e7])
def test_near_vectors_far_from_the_others_are_found(place):
    x1, x2 = np.arange(200.0)[:, None], np.arange(0.5, 200)[:, None]
    x1[:2, 0], x2[:2, 0] = (place, -place), (place + 1e-3, -place - 3)  # their square: 1e-6, by products 0.06
    np.testing.assert_allclose(cdist(x1, x2)[0][0, 0], 1e-3, rtol=1e-4)


def test_vectors_that_are_near_for_their_size_have_the_gradient_of_their_difference():
    x1, x2 = 1e18 * np.random.default_rng(0).normal(size=(2, 5, 3))
    x2[0] = x1[0] + 1e12
    with tiny_blocks():
        _, backward = cdist(x1, x2)
        dx1, dx2 = backward(np.eye(5))  # of the pair, and of four others
    with textbook():
        _, backward = cdist(x1, x2)
        want1, want2 = backward(np.eye(5))
    np.testing.assert_allclose(dx1, want1, rtol=1e-13)
    np.testing.assert_allclose(dx2, want2, rtol=1e-13)
