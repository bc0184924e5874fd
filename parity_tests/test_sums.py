"""Sums over rows in a tree: every row counts once, whatever their number, and float32 keeps PyTorch's accuracy."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scratch.sums import tree_sum


@given(n=st.integers(0, 700), width=st.integers(0, 5))
def test_every_row_counts_once(n, width):
    rows = np.random.default_rng(n).integers(-99, 99, (n, width)).astype(np.float32)  # sums without rounding
    assert np.array_equal(tree_sum(rows), rows.sum(axis=0))
    assert np.array_equal(tree_sum(rows[::-1]), rows.sum(axis=0))


@pytest.mark.parametrize("axis", [0, 1, 2, -1, (0, 1), (0, 2), (1, 2), (0, 1, 2), (-3, -1), ()])
@pytest.mark.parametrize("keepdims", [False, True])
def test_any_axes(axis, keepdims):
    a = np.random.default_rng(0).integers(-9, 9, (17, 5, 33)).astype(np.float32)
    assert np.array_equal(tree_sum(a, axis, keepdims), a.sum(axis=axis, keepdims=keepdims))


@pytest.mark.parametrize("n", [31, 1000, 8192, 100_003])
@pytest.mark.parametrize("offset", [0.0, 1.0])
def test_many_rows_are_as_exact_as_torchs(n, offset):
    rows = (np.random.default_rng(n).standard_normal((n, 64)) + offset).astype(np.float32)
    exact = rows.sum(axis=0, dtype=np.float64)
    ours, torchs = (np.abs(total - exact).max() for total in (tree_sum(rows), torch.from_numpy(rows).sum(0).numpy()))
    assert ours <= 2 * torchs


def test_what_comes_in_stays_as_it_is():
    rows = np.random.default_rng(0).standard_normal((333, 4))
    rows.flags.writeable = False
    assert np.allclose(tree_sum(rows), rows.sum(axis=0))
    assert not np.shares_memory(tree_sum(rows[:1]), rows)
    assert not np.shares_memory(tree_sum(rows, ()), rows)
