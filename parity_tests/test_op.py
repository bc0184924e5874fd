"""The protocol itself: what an op and its backward promise."""

import threading

import numpy as np
import pytest

import scratch
from scratch.linear import linear, linear_backward, linear_forward
from scratch.op import Op, OpBackward, unbroadcast


def square_forward(x, scale=2.0):
    return x * x * scale, (x, scale)


def square_backward(dy, saved):
    x, scale = saved
    return 2 * scale * x * dy


square = Op(square_forward, square_backward)


def weighted_forward(x, index, weight=None, mode="sum"):
    y = x[index] if weight is None else x[index] * weight
    return y.sum(), (x, index, weight)


def weighted_backward(dy, saved):
    x, index, weight = saved
    dx = np.zeros_like(x)
    np.add.at(dx, index, dy * (1 if weight is None else weight))
    return dx, None, None


weighted = Op(weighted_forward, weighted_backward, indices=("index",), constants=("weight",))


def test_a_single_gradient_comes_alone_and_several_as_a_tuple_in_argument_order():
    x, w, b = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]), np.array([5.0])
    _, backward = linear(x, w, b)
    assert [g.tolist() for g in backward(np.array([[2.0]]))] == [[[6.0, 8.0]], [[2.0, 4.0]], [2.0]]
    _, backward = linear(x, w, None)
    assert backward(np.array([[2.0]]))[2] is None  # the bias was None
    _, backward = linear(x, w)
    assert len(backward(np.array([[2.0]]))) == 2  # one gradient for each argument that was given
    _, backward = square(x)
    assert isinstance(backward(x), np.ndarray)


def test_an_index_has_no_gradient_and_a_constant_has_none_either():
    x, index = np.array([1.0, 2.0, 3.0]), np.array([0, 0, 2])
    y, backward = weighted(x, index, np.array([1.0, 10.0, 100.0]))
    assert y == 311.0
    assert backward().tolist() == [11.0, 0.0, 100.0]  # alone: x is the only differentiable argument


def test_a_scalar_output_needs_no_dy_and_takes_a_number():
    _, backward = weighted(np.array([1.0, 2.0]), np.array([1]))
    assert backward().tolist() == [0.0, 1.0]
    assert backward(3).tolist() == [0.0, 3.0]
    _, backward = square(np.ones(2))
    with pytest.raises(ValueError, match=r"square backward: dy may be left out only for a scalar output; y has shape"):
        backward()


def test_dy_must_have_the_shape_of_y_and_is_cast_to_its_dtype():
    _, backward = square(np.ones((2, 3), np.float32))
    with pytest.raises(ValueError, match=r"square backward: dy must have the shape of y, \(2, 3\), but has \(3,\)"):
        backward(np.ones(3, np.float32))
    assert backward(np.ones((2, 3))).dtype == np.float32


def test_parameters_collect_their_gradients_and_the_others_come_back():
    weight, bias = scratch.Parameter(np.array([[3.0, 4.0]])), scratch.Parameter(np.array([5.0]))
    x = np.array([[1.0, 2.0]])
    y, backward = linear(x, weight, bias)
    dx = backward(np.array([[2.0]]))
    assert dx.tolist() == [[6.0, 8.0]]
    assert weight.grad.tolist() == [[2.0, 4.0]]
    backward(np.array([[1.0]]))
    assert weight.grad.tolist() == [[3.0, 6.0]]  # added
    assert bias.grad.tolist() == [3.0]


def test_a_frozen_parameter_gets_no_gradient():
    weight = scratch.Parameter(np.ones((1, 2)), requires_grad=False)
    _, backward = linear(np.ones((1, 2)), weight, scratch.Parameter(np.ones(1)))
    backward(np.ones((1, 1)))
    assert weight.grad is None


def test_arrays_may_be_given_by_keyword():
    x, w, b = np.ones((1, 2)), scratch.Parameter(np.ones((1, 2))), np.ones(1)
    y, backward = linear(x, bias=b, weight=w)
    dx, dbias = backward(np.ones((1, 1)))
    assert dbias.tolist() == [1.0]
    assert w.grad.shape == (1, 2)
    with pytest.raises(TypeError, match="linear: missing argument 'weight'"):
        linear(x, bias=b)


def test_needs_says_which_gradients_are_wanted():
    _, backward = linear(np.ones((1, 2)), np.ones((1, 2)), np.ones(1), needs=(False, True, False))
    dx, dweight, dbias = backward(np.ones((1, 1)))
    assert dx is None
    assert dweight is not None
    assert dbias is None


def test_no_input_gradient_is_computed_when_none_is_asked_for():
    asked = []

    def backward(dy, saved, needs=()):
        asked.append(needs)
        return linear_backward(dy, saved, needs)

    op = Op(linear_forward, backward)
    _, back = op(np.ones((1, 2)), scratch.Parameter(np.ones((1, 2))))
    assert back(np.ones((1, 1)), input_grad=False) is None
    assert asked == [(False, True, False)]


def test_saved_can_be_looked_at_and_let_go():
    x = np.ones((4, 5), np.float32)
    y, backward = square(x)
    assert backward.saved[0] is x
    assert backward.nbytes == 80
    assert "80 bytes" in repr(backward)
    backward(x, release=True)
    with pytest.raises(RuntimeError, match="square: this backward was released"):
        backward(x)


def test_a_parameter_changed_between_forward_and_backward_is_an_error_not_a_wrong_gradient():
    layer = scratch.Linear(2, 2, dtype="float64")
    y, backward = layer(np.ones((1, 2)))
    scratch.init.zeros_(layer.weight)
    with pytest.raises(RuntimeError, match=r"linear: a parameter \(2, 2\) was changed"):
        backward(y)


def test_a_changed_parameter_that_the_backward_does_not_hold_is_no_error():
    table = scratch.Embedding(5, 2, max_norm=0.5, rng=0, dtype="float64")
    _, first = table(np.array([0, 1]))
    y, second = table(np.array([2, 1]))  # shortens row 2
    first(y)
    second(y)
    assert table.weight.grad.shape == (5, 2)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.arange(3), r"square: x must be floating point, but has dtype int64; convert it with x.astype"),
        ([1.0], r"square: x must be a NumPy array, but is a builtins.list"),
        (None, r"square: x"),
    ],
)
def test_what_is_no_floating_point_array_is_refused(x, message):
    with pytest.raises(TypeError, match=message):
        square(x)


def test_two_dtypes_in_one_call_are_refused():
    with pytest.raises(
        TypeError, match="linear: floating-point arguments must have one dtype, but got x float32, weight"
    ):
        linear(np.ones((1, 2), np.float32), np.ones((1, 2)))


def test_kernels_are_used_where_they_suit_and_never_under_textbook():
    op = Op(square_forward, square_backward)
    op.register(lambda x, scale=2.0: (x * 0, x), lambda dy, saved: saved, when=lambda x, scale=2.0: x.size > 2)
    assert op(np.ones(2))[0].tolist() == [2.0, 2.0]
    y, kernel_backward = op(np.ones(3))
    assert y.tolist() == [0.0, 0.0, 0.0]
    with scratch.textbook():
        y, backward = op(np.ones(3))
        assert y.tolist() == [2.0, 2.0, 2.0]
        assert kernel_backward(y).tolist() == [1.0, 1.0, 1.0]  # the choice was made in its forward
    assert backward(np.ones(3)).tolist() == [4.0, 4.0, 4.0]


def test_textbook_is_a_matter_of_one_thread():
    op = Op(square_forward, square_backward)
    op.register(lambda x, scale=2.0: (x * 0, x), lambda dy, saved: saved, when=lambda x, scale=2.0: True)
    seen = []
    with scratch.textbook():
        thread = threading.Thread(target=lambda: seen.append(op(np.ones(1))[0].tolist()))
        thread.start()
        thread.join()
    assert seen == [[0.0]]


def test_help_and_signature_are_the_forwards():
    assert linear.__doc__.startswith("Linear map")
    assert repr(linear) == "linear(x, weight, bias=None)"
    assert isinstance(square(np.ones(1))[1], OpBackward)


def test_unbroadcast_sums_over_the_copies():
    assert unbroadcast(np.ones((2, 3)), (3,)).tolist() == [2.0, 2.0, 2.0]
    assert unbroadcast(np.ones((2, 3)), (2, 1)).tolist() == [[3.0], [3.0]]
    assert unbroadcast(np.ones((2, 3)), ()).shape == ()
    assert unbroadcast(np.ones((0, 3)), (1, 3)).tolist() == [[0.0, 0.0, 0.0]]
