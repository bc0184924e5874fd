"""Fractional max pooling: hand-worked windows, and what is random in it."""

import numpy as np
import pytest

import scratch
from scratch import functional as F


def test_windows_by_hand():
    # Width 5, kernel 2, 3 windows: alpha = (5 - 2) / 2 = 1.5, starts ⌊(i + u)·1.5⌋ - ⌊u·1.5⌋ for i = 0, 1, and 3.
    # u = 0: 0, 1, 3.  u = 0.5: 0, ⌊2.25⌋ - 0 = 2, 3. The height is 1, its sample changes nothing.
    x = np.array([[[5.0, 1, 2, 3, 4]]])
    for u, maxima, dx in ((0.0, [5, 2, 4], [1, 0, 10, 0, 100]), (0.5, [5, 3, 4], [1, 0, 0, 10, 100])):
        (y, indices), backward = F.fractional_max_pool2d(
            x, (1, 2), (1, 3), return_indices=True, _random_samples=np.array([[[u, 0.9]]])
        )
        assert y.tolist() == [[maxima]]
        assert x.reshape(-1)[indices].tolist() == [[maxima]]
        assert backward((np.array([[[1.0, 10, 100]]]), None)).tolist() == [[dx]]


def test_the_same_seed_gives_the_same_windows():
    x = np.random.default_rng(0).normal(size=(2, 3, 20, 20))
    first, second, other = (scratch.FractionalMaxPool2d(2, output_ratio=0.6, rng=seed).predict(x) for seed in (1, 1, 2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_a_layer_without_a_size_is_refused_when_it_is_made():
    with pytest.raises(ValueError, match="either output_size or output_ratio"):
        scratch.FractionalMaxPool2d(2)
