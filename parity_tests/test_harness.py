"""The harness finds planted errors, and says which gradient is wrong and where."""

import numpy as np
import pytest
import torch

from parity_tests.harness import check
from parity_tests.pair import Case, floats
from scratch.linear import linear


def my_linear(x, weight, bias=None, *, break_it=None):
    y, true_backward = linear(x, weight, bias)

    def backward(dy):
        dx, dweight, dbias = true_backward(dy)
        if break_it == "dweight":
            dweight.flat[0] *= 1.001
        if break_it == "dbias" and dbias is not None:
            dbias = dy.reshape(-1, dy.shape[-1]).mean(axis=0)
        if break_it == "alias":
            dx = x
        if break_it == "mutate":
            dy[...] = 0
        if break_it == "once":
            weight.flags.writeable and weight.fill(0)
        if break_it == "float64":
            dx = dx.astype(np.float64)
        return dx, dweight, dbias

    return y, backward


def broken(how):
    return lambda *arrays, **named: my_linear(*arrays, **named, break_it=how)


def test_a_right_layer_passes_every_check():
    report = check(my_linear, "linear", examples=30)
    assert report.count("cases agree") == 6


def test_a_wrong_weight_gradient_is_named_with_its_place_and_the_smallest_case():
    with pytest.raises(AssertionError) as found:
        check(broken("dweight"), "linear", examples=30)
    message = str(found.value)
    assert "dweight is wrong in 1 of" in message
    assert "most at dweight[0" in message
    assert "ulps" in message
    assert "x: float64 (1,)" in message  # shrunk: no batch axis, one feature
    assert "weight: float64 (1,)" in message


def test_finite_differences_alone_find_a_wrong_gradient():
    with pytest.raises(AssertionError, match="dweight disagrees with finite differences"):
        check(broken("dweight"), "linear", only=("finite differences",), examples=30)


def test_a_mean_for_a_sum_is_found_where_the_batch_is_larger_than_one():
    with pytest.raises(AssertionError, match="dbias is wrong"):
        check(broken("dbias"), "linear", examples=50)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("alias", "dx"),
        ("mutate", "dy was written to"),
        ("once", "was written to|second backward differs"),
        ("float64", "float64, torch's is float32"),
    ],
)
def test_bad_manners_are_found(how, message):
    with pytest.raises(AssertionError, match=message):
        check(broken(how), "linear", examples=30)


def test_an_exception_in_the_layer_is_reported_with_its_case():
    def raises(x, weight, bias=None):
        raise ZeroDivisionError("by zero")

    with pytest.raises(AssertionError, match="ZeroDivisionError: by zero"):
        check(raises, "linear", examples=5)


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, dy):
        return 3 * dy  # wrong on purpose


def test_a_torch_function_is_held_against_any_reference():
    cases = Case({"x": floats(2, 3)})
    check(lambda x: x * 2, lambda x: 2 * x, cases=cases, takes="torch", examples=5)
    with pytest.raises(AssertionError, match="dx is wrong in 6 of 6 elements"):
        check(Doubled.apply, lambda x: 2 * x, cases=cases, takes="torch", examples=5)


class TorchLinear(torch.nn.Linear):
    def forward(self, input):
        return torch.nn.functional.linear(input, self.weight, None if self.bias is None else 2 * self.bias)


def test_a_torch_module_is_held_against_a_pair():
    check(torch.nn.Linear, "Linear", takes="torch", examples=10)
    with pytest.raises(AssertionError, match="y is wrong"):
        check(TorchLinear, "Linear", takes="torch", examples=10)


def test_an_unknown_reference_is_a_clear_error():
    with pytest.raises(ValueError, match="no pair is called 'nothing'"):
        check(my_linear, "nothing")
    with pytest.raises(ValueError, match="needs cases="):
        check(my_linear, torch.nn.functional.linear)
