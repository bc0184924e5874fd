"""Padding: every mode on numbers one can see through."""

import numpy as np
import pytest

import scratch
from scratch import CircularPad1d, ConstantPad2d, ReflectionPad2d, ZeroPad2d
from scratch.functional import pad

X = np.array([[1.0, 2.0, 3.0, 4.0]])


@pytest.mark.parametrize(
    ("mode", "widths", "y"),
    [
        ("constant", (2, 1), [0, 0, 1, 2, 3, 4, 0]),
        ("reflect", (2, 1), [3, 2, 1, 2, 3, 4, 3]),
        ("replicate", (2, 1), [1, 1, 1, 2, 3, 4, 4]),
        ("circular", (2, 1), [3, 4, 1, 2, 3, 4, 1]),
        ("constant", (-1, 1), [2, 3, 4, 0]),
        ("reflect", (-1, 2), [2, 3, 4, 3, 2]),
        ("reflect", (3, -4), [4, 3, 2]),  # all of x is cut off, its mirror image stays
        ("replicate", (1, -5 + 1), [1]),
        ("circular", (2, -1), [2, 3, 1, 2, 3]),  # around what is left
    ],
)
def test_one_axis(mode, widths, y):
    assert pad(X, widths, mode)[0].tolist() == [y]


@pytest.mark.parametrize(
    ("mode", "dx"),
    [  # dy = 1 10 | 100 1000 10000 100000 | 1000000: each x takes what its copies got
        ("constant", [100, 1000, 10000, 100000]),
        ("reflect", [100, 1010, 1010001, 100000]),
        ("replicate", [111, 1000, 10000, 1100000]),
        ("circular", [1000100, 1000, 10001, 100010]),
    ],
)
def test_the_gradient_of_a_copy_goes_to_its_source(mode, dx):
    _, backward = pad(X, (2, 1), mode)
    assert backward(10.0 ** np.arange(7)[None]).tolist() == [dx]


def test_corners_are_mirrored_in_both_axes():
    x = np.arange(9.0).reshape(1, 3, 3)
    y, _ = ReflectionPad2d(1)(x)
    assert y[0].tolist() == [[4, 3, 4, 5, 4], [1, 0, 1, 2, 1], [4, 3, 4, 5, 4], [7, 6, 7, 8, 7], [4, 3, 4, 5, 4]]


def test_the_first_widths_are_those_of_the_last_axis():
    assert pad(np.ones((2, 3)), (1, 0, 0, 4))[0].shape == (6, 4)


def test_a_constant_border_is_not_learned_from():
    y, backward = ConstantPad2d(1, 5.0)(np.ones((1, 1, 1)))
    assert y.tolist() == [[[5, 5, 5], [5, 1, 5], [5, 5, 5]]]
    assert backward(np.full_like(y, 2.0)).tolist() == [[[2.0]]]


def test_layers_look_as_in_torch():
    assert repr(ConstantPad2d((1, 2), 3.5)) == "ConstantPad2d(padding=(1, 2), value=3.5)"
    assert repr(ZeroPad2d(1)) == "ZeroPad2d((1, 1, 1, 1))"
    assert repr(CircularPad1d((3, 1))) == "CircularPad1d((3, 1))"


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("widths", [(1, 2, 0, 3), (2, 2, 0, 0, 1, 0), (1, 0, 0, 2, 3, 1)])
def test_the_kernel_gives_what_the_textbook_gives(mode, widths):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((5, 6, 30, 31, 32) if len(widths) == 6 else (29, 32, 31, 32)).astype(np.float32)
    y, backward = pad(x, widths, mode)
    dy = rng.standard_normal(y.shape).astype(np.float32)
    with scratch.textbook():
        expected, textbook_backward = pad(x, widths, mode)
    assert np.array_equal(y, expected)
    assert np.array_equal(backward(dy), textbook_backward(dy))


def test_the_kernel_cuts_off_too():
    x = np.random.default_rng(0).standard_normal((8, 16, 32, 32))
    y, backward = pad(x, (-1, 2, 3, -4), value=7.0)
    assert np.array_equal(y[:, :, 3:, :31], x[:, :, :28, 1:])
    assert (y[:, :, :3] == 7).all()
    assert (y[..., 31:] == 7).all()
    dx = backward(y + 1)
    assert np.array_equal(dx[:, :, :28, 1:], x[:, :, :28, 1:] + 1)
    assert not dx[:, :, 28:].any()
    assert not dx[..., 0].any()
    assert pad(x, (-16, -16, 0, 0))[0].shape == (8, 16, 32, 0)
