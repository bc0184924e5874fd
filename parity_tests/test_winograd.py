"""Winograd's convolution: equal to autograd in float64, how far off in float32, and only where it is asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import parity_tests.pairs  # noqa: F401  (fills the registry)
import scratch
from parity_tests import checks
from parity_tests.pair import REGISTRY, Case, floats
from scratch.functional import conv2d
from scratch.kernels import convolution as kernels


def taken(backward):
    return backward.function is kernels.winograd_backward


@st.composite
def cases(draw):
    padding = draw(st.sampled_from([1, 0, 2, (0, 3), "same", "valid"]))
    low = 3 if padding in (0, "valid", (0, 3)) else 1
    H, W = draw(st.integers(low, 11)), draw(st.integers(low, 11))
    N, C, F = draw(st.integers(1, 3)), draw(st.integers(1, 4)), draw(st.integers(1, 4))
    bias = floats(F) if draw(st.booleans()) else None
    return Case({"x": floats(N, C, H, W), "weight": floats(F, C, 3, 3), "bias": bias}, {"padding": padding})


@given(case=cases())
def test_it_equals_autograd_in_float64(case):
    with scratch.winograd():
        assert taken(conv2d(*case.arrays("float64").values(), **case.config)[1])
        checks.matches_autograd(REGISTRY["conv2d"], case)
        checks.computes_only_what_is_wanted(REGISTRY["conv2d"], case)
        checks.mutates_and_aliases_nothing(REGISTRY["conv2d"], case)
        checks.backward_may_be_called_again(REGISTRY["conv2d"], case)


def test_in_float32_it_loses_about_a_digit():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(4, 64, 20, 20)), rng.normal(size=(32, 64, 3, 3)) / 24
    y, backward = conv2d(x, w, padding=1)
    dy = rng.normal(size=y.shape)
    exact = y, *backward(dy)[:2]
    with scratch.winograd():
        y, backward = conv2d(x.astype("f4"), w.astype("f4"), padding=1)
    assert y.dtype == np.float32
    for got, want in zip((y, *backward(dy.astype("f4"))[:2]), exact):
        error = np.sqrt(((got - want) ** 2).mean() / (want**2).mean())
        assert error < 5e-6


@pytest.mark.parametrize(
    "options", [{"stride": 2}, {"dilation": 2}, {"groups": 2}, {"stride": (1, 2)}, {"weight": (2, 2, 3, 1)}]
)
def test_what_it_is_not_made_for_goes_another_way(options):
    shape = options.pop("weight", (2, 2 // options.get("groups", 1), 3, 3))
    with scratch.winograd():
        _, backward = conv2d(np.ones((1, 2, 8, 8)), np.ones(shape), **options)
    assert not taken(backward)


def test_it_is_taken_only_where_it_is_asked_for():
    x, w = np.ones((1, 2, 8, 8)), np.ones((2, 2, 3, 3))
    assert not taken(conv2d(x, w)[1])
    with scratch.winograd():
        inside = conv2d(x, w)[1]
        with scratch.textbook():
            assert not taken(conv2d(x, w)[1])
    assert taken(inside)  # and a backward called later belongs to its forward
    assert not taken(conv2d(x, w)[1])


def test_bad_input_is_refused_as_everywhere():
    with scratch.winograd(), pytest.raises(ValueError, match="conv2d"):
        conv2d(np.ones((1, 2, 8, 8)), np.ones((2, 3, 3, 3)))
