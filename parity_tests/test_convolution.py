"""Convolution: numbers worked out by hand, conventions, and which kernel is taken when."""

import numpy as np
import pytest

import scratch
from scratch import Conv1d, Conv2d, Conv3d
from scratch.functional import conv1d, conv2d, conv3d
from scratch.kernels import convolution as kernels


def test_a_kernel_slides_without_being_flipped():
    # x = 1 2 4, kernel = 1 -1: y = 1 - 2, 2 - 4; each x meets the kernel elements that covered it
    y, backward = conv1d(np.array([[1.0, 2.0, 4.0]]), np.array([[[1.0, -1.0]]]), np.array([10.0]))
    assert y.tolist() == [[9.0, 8.0]]
    dx, dweight, dbias = backward(np.array([[1.0, 3.0]]))
    assert dx.tolist() == [[1.0, -1.0 + 3.0, -3.0]]
    assert dweight.tolist() == [[[1.0 * 1 + 3.0 * 2, 1.0 * 2 + 3.0 * 4]]]
    assert dbias.tolist() == [4.0]


def test_padding_puts_zeros_around_and_stride_skips():
    # 0 | 1 2 | 0, two elements a step of 2, kernel 10 1: positions 0 and 2
    x, weight = np.array([[[1.0, 2.0]]]), np.array([[[10.0, 1.0]]])
    y, _ = conv1d(x, weight, stride=2, padding=1)
    assert y.tolist() == [[[0 * 10 + 1 * 1, 2 * 10 + 0 * 1]]]


def test_dilation_spreads_the_kernel():
    y, _ = conv1d(np.array([[1.0, 2.0, 4.0, 8.0]]), np.array([[[1.0, 1.0]]]), dilation=2)
    assert y.tolist() == [[1.0 + 4.0, 2.0 + 8.0]]


def test_same_padding_of_an_even_kernel_puts_the_odd_zero_at_the_end():
    y, _ = conv1d(np.array([[1.0, 2.0, 4.0]]), np.array([[[1.0, 10.0]]]), padding="same")
    assert y.tolist() == [[1 + 20.0, 2 + 40.0, 4 + 0.0]]


def test_two_axes_and_two_channels():
    # channels are summed up: corner elements of the first, all of the second
    x = np.array([[[1.0, 2.0], [3.0, 4.0]], [[1.0, 1.0], [1.0, 1.0]]])
    weight = np.array([[[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0], [1.0, 1.0]]]])
    y, _ = conv2d(x, weight)
    assert y.tolist() == [[[1 + 4 + 4]]]


def test_groups_see_only_their_own_channels():
    x, weight = np.array([[[1.0]], [[10.0]]]), np.array([[[[2.0]]], [[[3.0]]]])
    y, backward = conv2d(x, weight, groups=2)
    assert y.tolist() == [[[2.0]], [[30.0]]]
    dx, dweight = backward(np.array([[[1.0]], [[1.0]]]))
    assert dx.tolist() == [[[2.0]], [[3.0]]]
    assert dweight.tolist() == [[[[1.0]]], [[[10.0]]]]


def test_three_axes():
    y, _ = conv3d(np.arange(8.0).reshape(1, 2, 2, 2), np.ones((1, 1, 2, 2, 2)))
    assert y.tolist() == [[[[28.0]]]]


def test_gradients_that_nobody_wants_are_not_computed():
    layer = Conv2d(3, 4, 3, rng=0)
    layer.weight.requires_grad_(False)
    x = np.ones((2, 3, 5, 5), np.float32)
    for context in (scratch.textbook(), None):
        if context:
            context.__enter__()
        y, backward = layer(x)
        if context:
            context.__exit__(None, None, None)
        backward(y, input_grad=False)
        assert layer.weight.grad is None
        assert layer.bias.grad is not None


def test_the_first_backward_of_a_border_of_copies_frees_its_memory():
    layer = Conv2d(1, 1, 3, padding=1, padding_mode="reflect", rng=0)
    y, backward = layer(np.ones((1, 1, 4, 4), np.float32))
    backward(y, release=True)
    with pytest.raises(RuntimeError, match="released"):
        backward(y)


@pytest.mark.parametrize(
    ("layer", "shown"),
    [
        (Conv2d(3, 8, 5), "Conv2d(3, 8, kernel_size=(5, 5), stride=(1, 1))"),
        (Conv1d(4, 4, 3, padding=1), "Conv1d(4, 4, kernel_size=(3,), stride=(1,), padding=(1,))"),
        (
            Conv2d(4, 4, (3, 2), 2, (1, 2), 2, 2, False, "circular"),
            "Conv2d(4, 4, kernel_size=(3, 2), stride=(2, 2), padding=(1, 2), dilation=(2, 2), groups=2, bias=False, "
            "padding_mode=circular)",
        ),
        (Conv3d(1, 2, 3, padding="same"), "Conv3d(1, 2, kernel_size=(3, 3, 3), stride=(1, 1, 1), padding=same)"),
    ],
)
def test_layers_look_as_in_torch(layer, shown):
    assert repr(layer) == shown


def test_the_default_initialisation_has_the_bound_of_its_fan_in():
    layer = Conv2d(8, 64, 5, groups=2, rng=0)
    bound = 1 / np.sqrt(4 * 25)
    for parameter in (layer.weight, layer.bias):
        assert abs(parameter.data).max() <= bound
        assert abs(parameter.data).max() > 0.9 * bound


def conv(x, weight, **options):
    return conv2d(np.ones(x, np.float32), np.ones(weight, np.float32), **options)[1].function


@pytest.mark.parametrize(
    ("kernel", "function"),
    [
        ("pointwise", lambda: conv((2, 8, 5, 5), (4, 8, 1, 1))),
        ("depthwise", lambda: conv((2, 8, 5, 5), (8, 1, 3, 3), groups=8)),
        ("windows", lambda: conv((32, 6, 12, 12), (12, 6, 5, 5))),
        ("windows", lambda: conv((2, 3, 8, 128), (8, 3, 5, 5))),
        ("patches", lambda: conv((2, 3, 12, 12), (8, 3, 5, 5), stride=2)),
        ("small", lambda: conv((2, 512, 7, 7), (512, 512, 1, 1))),
        ("rows", lambda: conv((2, 511, 7, 7), (512, 511, 1, 1), padding=1)),
        ("rows", lambda: conv((2, 512, 8, 7), (512, 512, 1, 1), padding=1)),
        ("rows", lambda: conv((2, 8, 12, 12), (8, 8, 3, 3), dilation=2)),
        ("rows", lambda: conv((2, 8, 12, 12), (8, 4, 3, 3), groups=2)),
    ],
)
def test_every_kernel_is_taken_where_it_wins(kernel, function):
    assert function().func is getattr(kernels, f"{kernel}_backward")


@pytest.mark.parametrize("bad", [np.inf, np.nan])
@pytest.mark.parametrize(
    ("x_shape", "groups"), [((2, 3, 6, 6), 1), ((2, 8, 6, 6), 1), ((20, 8, 6, 6), 1), ((2, 4, 6, 6), 4)]
)
def test_kernels_spread_inf_and_nan_no_further_than_the_textbook(bad, x_shape, groups):
    rng = np.random.default_rng(0)
    x, weight = rng.normal(size=x_shape), rng.normal(size=(4, x_shape[1] // groups, 3, 3))
    x[1, 0, 2, 3] = weight[1, -1, 0, 0] = bad
    weight[0, 0, 1, 1] = 0
    y, backward = conv2d(x, weight, padding=1, groups=groups)
    dy = rng.normal(size=y.shape)
    with scratch.textbook():
        want, textbook_backward = conv2d(x, weight, padding=1, groups=groups)
    np.testing.assert_allclose(y, want, atol=1e-12)
    for got, gradient in zip(backward(dy)[:2], textbook_backward(dy)[:2]):
        np.testing.assert_allclose(got, gradient, atol=1e-12)


LARGER = {  # several threads, several steps a thread
    "pointwise": ((3, 32, 40, 40), (64, 32, 1, 1), {}),
    "depthwise": ((3, 40, 60, 50), (40, 1, 5, 5), {"padding": (2, 1), "stride": (1, 2), "groups": 40}),
    "small": ((70, 72, 4, 5), (410, 72, 3, 3), {"padding": 1}),
    "small, strided": ((50, 65, 13, 9), (460, 65, 3, 3), {"padding": 1, "stride": 3, "dilation": (2, 1)}),
    "small, one image": ((1, 130, 5, 5), (230, 130, 3, 3), {}),
    "windows": ((300, 6, 12, 12), (12, 6, 5, 5), {"padding": 1, "dilation": 2}),
    "windows, large": ((3, 3, 60, 130), (20, 3, 5, 5), {"padding": 1, "stride": (2, 1), "dilation": (3, 1)}),
    "patches": ((5, 3, 64, 64), (40, 3, 7, 7), {"stride": 2, "padding": "valid", "dilation": 2}),
    "rows": ((5, 32, 30, 30), (40, 32, 3, 3), {"padding": 1}),
    "rows, strided": ((5, 32, 31, 30), (64, 32, 3, 3), {"padding": 1, "stride": 2}),
    "rows, in groups": ((5, 32, 30, 30), (64, 8, 3, 3), {"padding": (0, 2), "groups": 4}),
}


@pytest.mark.parametrize(("name", "case"), LARGER.items(), ids=list(LARGER))
def test_kernels_agree_with_the_textbook_on_work_for_several_threads(name, case):
    x_shape, weight_shape, options = case
    rng = np.random.default_rng(0)
    x, weight, bias = rng.normal(size=x_shape), rng.normal(size=weight_shape), rng.normal(size=weight_shape[0])
    y, backward = conv2d(x, weight, bias, **options)
    assert backward.function.func is getattr(kernels, f"{name.split(',')[0]}_backward")
    dy = rng.normal(size=y.shape)
    with scratch.textbook():
        want, textbook_backward = conv2d(x, weight, bias, **options)
    np.testing.assert_allclose(y, want, atol=1e-10)
    for got, again, gradient in zip(backward(dy), backward(dy), textbook_backward(dy)):
        np.testing.assert_allclose(got, gradient, atol=1e-10)
        np.testing.assert_array_equal(got, again)


VOLUMES = {  # kernel, padding, dilation, stride, groups
    "flipped": (2, 0, 1, 1, 1),
    "flipped, padded": (3, 1, 1, 1, 1),
    "flipped, dilated": (2, 1, 2, 1, 1),
    "flipped, padded as far as the kernel reaches": (3, 2, 1, 1, 1),
    "padded further": (2, 2, 1, 1, 1),
    "strided": (3, 1, 1, 2, 1),
    "strided and dilated": (2, 1, 2, (2, 1, 3), 1),
    "in groups": (3, 1, 1, 1, 3),
    "depthwise": (3, 1, 1, 1, 9),
    "depthwise, padded further": (2, 2, 1, 1, 9),
    "depthwise, strided": (2, 1, 2, (2, 1, 3), 9),
}


@pytest.mark.parametrize(("kernel", "padding", "dilation", "stride", "groups"), VOLUMES.values(), ids=VOLUMES)
def test_a_volumes_gradients_are_the_textbooks(kernel, padding, dilation, stride, groups):
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 9, 5, 6, 7)), rng.normal(size=(9, 9 // groups, kernel, kernel, kernel))
    options = {"padding": padding, "dilation": dilation, "stride": stride, "groups": groups}
    y, backward = conv3d(x, w, **options)
    assert backward.function.func is (kernels.depthwise_backward if groups == 9 else kernels.rows_backward)
    with scratch.textbook():
        want, textbook_backward = conv3d(x, w, **options)
    np.testing.assert_allclose(y, want, atol=1e-10)
    dy = rng.normal(size=y.shape)
    for got, want in zip(backward(dy), textbook_backward(dy)):
        np.testing.assert_allclose(got, want, atol=1e-10)


def test_volumes_with_many_weights_are_the_textbooks():
    rng = np.random.default_rng(0)
    x, w, b = rng.normal(size=(40, 100, 4, 3, 5)), rng.normal(size=(150, 100, 3, 3, 2)), rng.normal(size=150)
    y, backward = conv3d(x, w, b, padding=(1, 1, 0), stride=(2, 1, 1))
    assert backward.function.func is kernels.small_backward
    dy = rng.normal(size=y.shape)
    with scratch.textbook():
        want, textbook_backward = conv3d(x, w, b, padding=(1, 1, 0), stride=(2, 1, 1))
    np.testing.assert_allclose(y, want, atol=1e-10)
    for got, gradient in zip(backward(dy), textbook_backward(dy)):
        np.testing.assert_allclose(got, gradient, atol=1e-9)


@pytest.mark.parametrize(("stride", "groups"), [(1, 1), (2, 1), (2, 2)])
def test_images_that_go_together_may_leave_fewer_for_the_end(monkeypatch, stride, groups):
    monkeypatch.setattr(kernels, "TOGETHER", 4000)  # two or three images of those below
    rng = np.random.default_rng(0)
    x, w, b = rng.normal(size=(11, 8, 9, 7)), rng.normal(size=(6, 8 // groups, 3, 3)), rng.normal(size=6)
    options = {"stride": stride, "groups": groups, "padding": 1}
    y, backward = conv2d(x, w, b, **options)
    assert backward.function.func is kernels.rows_backward
    with scratch.textbook():
        want, textbook_backward = conv2d(x, w, b, **options)
    np.testing.assert_allclose(y, want, atol=1e-12)
    dy = rng.normal(size=y.shape)
    for got, gradient in zip(backward(dy), textbook_backward(dy)):
        np.testing.assert_allclose(got, gradient, atol=1e-12)
