"""The generic checks over every pair."""

import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import parity_tests.pairs  # noqa: F401  (fills the registry)
from parity_tests import checks
from parity_tests.pair import REGISTRY
from parity_tests.tiny import tiny_blocks

every_pair = pytest.mark.parametrize("pair", REGISTRY.values(), ids=list(REGISTRY))
# a whole network at full size is left out: one ReLU that rounding tips over is worth more than all other errors
sizes = [
    (pair, size)
    for pair in REGISTRY.values()
    if "Transformer" not in pair.name and not checks.is_model(pair)
    for size in pair.sizes
]
refusals = [(pair, i) for pair in REGISTRY.values() for i in range(len(pair.bad))]
empties = [(pair, i) for pair in REGISTRY.values() for i in range(len(pair.empty))]


def in_either_mode(data, pair, regimes=None):
    case = data.draw(pair.drawn(regimes))
    return replace(case, train=data.draw(st.booleans())) if checks.is_module(pair) and case.train else case


@every_pair
@given(data=st.data())
def test_matches_autograd_in_float64(pair, data):
    checks.matches_autograd(pair, in_either_mode(data, pair))


@every_pair
@given(data=st.data())
def test_float32_is_as_accurate_as_torch(pair, data):
    checks.is_as_accurate_as_torch(pair, in_either_mode(data, pair))


@pytest.mark.skipif(os.environ.get("HYPOTHESIS_PROFILE") != "thorough", reason="takes minutes: `make fuzz` runs it")
@pytest.mark.parametrize(("pair", "size"), sizes, ids=[f"{pair.name}-{size}" for pair, size in sizes])
def test_float32_is_as_accurate_as_torch_at_full_size(pair, size):
    checks.is_as_accurate_as_torch(pair, pair.sizes[size])


@every_pair
@given(data=st.data())
def test_matches_finite_differences(pair, data):
    if pair.smooth:
        checks.matches_finite_differences(pair, in_either_mode(data, pair, pair.smooth))


@every_pair
@given(data=st.data())
def test_backward_may_be_called_again(pair, data):
    checks.backward_may_be_called_again(pair, in_either_mode(data, pair))


@every_pair
@given(data=st.data())
def test_mutates_and_aliases_nothing(pair, data):
    checks.mutates_and_aliases_nothing(pair, in_either_mode(data, pair))


@every_pair
@given(data=st.data())
def test_computes_only_what_is_wanted(pair, data):
    checks.computes_only_what_is_wanted(pair, in_either_mode(data, pair))


@every_pair
@given(data=st.data())
def test_takes_any_layout(pair, data):
    checks.takes_any_layout(pair, in_either_mode(data, pair, pair.smooth or pair.regimes))


@every_pair
@given(data=st.data())
def test_textbook_agrees_with_kernel(pair, data):
    checks.textbook_agrees_with_kernel(pair, in_either_mode(data, pair))


@every_pair
@given(data=st.data())
def test_kernels_are_right_for_any_size_and_block(pair, data):
    case = in_either_mode(data, pair)
    with tiny_blocks():
        checks.matches_autograd(pair, case)
        if not checks.is_model(pair):
            checks.computes_only_what_is_wanted(pair, case)


@every_pair
@given(data=st.data())
def test_weights_travel_both_ways(pair, data):
    checks.weights_travel_both_ways(pair, in_either_mode(data, pair))


@every_pair
@given(data=st.data())
def test_runs_on_a_device(pair, data):
    checks.runs_on_a_device(pair, in_either_mode(data, pair, pair.smooth or pair.regimes))


@pytest.mark.parametrize(("pair", "i"), refusals, ids=[f"{pair.name}-{i}" for pair, i in refusals])
def test_refuses_bad_input(pair, i):
    checks.refuses(pair, *pair.bad[i])


@pytest.mark.parametrize(("pair", "i"), empties, ids=[f"{pair.name}-{i}" for pair, i in empties])
def test_zero_size_axes(pair, i):
    for train in (True, False):
        checks.matches_autograd(pair, replace(pair.empty[i], train=train))
        checks.is_as_accurate_as_torch(pair, replace(pair.empty[i], train=train))


@pytest.mark.parametrize(("pair", "i"), empties, ids=[f"{pair.name}-{i}" for pair, i in empties])
def test_kernels_are_right_for_zero_size_axes(pair, i):
    for train in (True, False):
        with tiny_blocks():
            checks.matches_autograd(pair, replace(pair.empty[i], train=train))
