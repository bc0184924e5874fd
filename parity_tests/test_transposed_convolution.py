"""Transposed convolution: numbers worked out by hand, and the convolution it transposes."""

import numpy as np
import pytest

import scratch
from scratch import ConvTranspose1d, ConvTranspose2d
from scratch.functional import conv2d, conv_transpose1d, conv_transpose2d
from scratch.kernels import transposed_convolution as kernels


def test_every_input_lays_down_a_copy_of_the_kernel():
    # 1 * (1 2 3) at 0, 10 * (1 2 3) at 2: they overlap in the middle
    y, backward = conv_transpose1d(np.array([[1.0, 10.0]]), np.array([[[1.0, 2.0, 3.0]]]), np.array([0.5]), stride=2)
    assert y.tolist() == [[1.5, 2.5, 3 + 10 + 0.5, 20.5, 30.5]]
    dx, dweight, dbias = backward(np.array([[1.0, 0.0, 1.0, 0.0, 100.0]]))
    assert dx.tolist() == [[1 * 1 + 3 * 1, 1 * 1 + 3 * 100]]
    assert dweight.tolist() == [[[1 * 1 + 10 * 1, 0, 1 * 1 + 10 * 100]]]
    assert dbias.tolist() == [102.0]


def test_padding_cuts_off_and_output_padding_adds_at_the_end():
    x, weight = np.array([[1.0, 10.0]]), np.array([[[1.0, 2.0, 3.0]]])
    assert conv_transpose1d(x, weight, stride=2, padding=1)[0].tolist() == [[2, 13, 20]]
    assert conv_transpose1d(x, weight, stride=2, padding=1, output_padding=1)[0].tolist() == [[2, 13, 20, 30]]
    assert conv_transpose1d(x, weight, stride=2, output_padding=1)[0].tolist() == [[1, 2, 13, 20, 30, 0]]


@pytest.mark.parametrize("options", [{"stride": 2, "padding": 1}, {"dilation": 2}, {"groups": 2, "stride": (1, 4)}])
def test_it_is_what_a_convolution_does_to_its_upstream_gradient(options):
    rng = np.random.default_rng(0)
    x, weight = rng.normal(size=(2, 4, 7, 7)), rng.normal(size=(6, 4 // options.get("groups", 1), 3, 3))
    y, conv_backward = conv2d(x, weight, **options)
    dy = rng.normal(size=y.shape)
    np.testing.assert_allclose(conv_transpose2d(dy, weight, **options)[0], conv_backward(dy)[0], atol=1e-12)


def test_the_wanted_size_stands_in_for_output_padding():
    layer = ConvTranspose2d(2, 3, 3, stride=2, rng=0)
    x = np.ones((1, 2, 4, 4), np.float32)
    assert layer(x)[0].shape == (1, 3, 9, 9)
    assert layer(x, output_size=(10, 9))[0].shape == (1, 3, 10, 9)
    assert layer(x, (1, 3, 9, 10))[0].shape == (1, 3, 9, 10)


@pytest.mark.parametrize("op", [conv_transpose1d, conv_transpose2d])
def test_the_kernel_agrees_with_the_textbook_on_work_for_several_threads(op):
    rng = np.random.default_rng(0)
    sizes, kernel = ((400,), (5,)) if op is conv_transpose1d else ((20, 21), (4, 3))
    x, weight, bias = rng.normal(size=(5, 24, *sizes)), rng.normal(size=(24, 40, *kernel)), rng.normal(size=40)
    y, backward = op(x, weight, bias, stride=2, padding=1, output_padding=1)
    assert backward.function.func is kernels.patches_backward
    dy = rng.normal(size=y.shape)
    with scratch.textbook():
        want, textbook_backward = op(x, weight, bias, stride=2, padding=1, output_padding=1)
    np.testing.assert_allclose(y, want, atol=1e-10)
    for got, again, gradient in zip(backward(dy), backward(dy), textbook_backward(dy)):
        np.testing.assert_allclose(got, gradient, atol=1e-10)
        np.testing.assert_array_equal(got, again)


def test_layers_look_as_in_torch():
    assert repr(ConvTranspose2d(3, 4, 3, 2, 1, 1, bias=False, dilation=2)) == (
        "ConvTranspose2d(3, 4, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), dilation=(2, 2), "
        "output_padding=(1, 1), bias=False)"
    )
    assert repr(ConvTranspose1d(3, 4, 3)) == "ConvTranspose1d(3, 4, kernel_size=(3,), stride=(1,))"
