"""grid_sample and affine_grid: hand-worked numbers and the borders."""

import numpy as np
import pytest
import torch

from scratch import functional as F

X = np.array([[[[1.0, 2.0], [3.0, 4.0]]]])


def at(x, y):
    return np.array([[[[x, y]]]])


def test_bilinear_in_the_middle_by_hand():
    y, backward = F.grid_sample(X, at(0.0, 0.0), align_corners=True)
    assert y.item() == 2.5
    dx, dgrid = backward(np.array([[[[4.0]]]]))
    assert dx.tolist() == [[[[1, 1], [1, 1]]]]
    # to the right the image rises by 1 a place, down by 2; the grid's unit is half a place; times dy = 4
    assert dgrid.tolist() == [[[[2, 4]]]]


def test_the_first_coordinate_is_the_innermost_axis():
    assert F.grid_sample(X, at(1.0, -1.0), align_corners=True)[0].item() == 2


def test_corners_are_pixel_middles_or_outer_edges():
    assert F.grid_sample(X, at(-1.0, -1.0), align_corners=True)[0].item() == 1
    # at the outer corner three of the four neighbours are zeros
    assert F.grid_sample(X, at(-1.0, -1.0), align_corners=False)[0].item() == 0.25


@pytest.mark.parametrize(("padding_mode", "value"), [("zeros", 0), ("border", 2), ("reflection", 1)])
def test_far_outside(padding_mode, value):
    # x = 3 is place 2 of 0, 1 (aligned): nothing, the last pixel, or reflected at place 1 to place 0; y is row 0
    y, _ = F.grid_sample(X, at(3.0, -1.0), padding_mode=padding_mode, align_corners=True)
    assert y.item() == value


def test_nearest_has_no_gradient_for_the_grid_and_takes_the_even_place_halfway():
    y, backward = F.grid_sample(X, at(0.0, -1.0), mode="nearest", align_corners=True)  # place 1/2
    assert y.item() == 1
    dx, dgrid = backward(np.array([[[[5.0]]]]))
    assert dx.tolist() == [[[[5, 0], [0, 0]]]]
    assert not dgrid.any()


def test_the_identity_map_samples_the_image_itself():
    theta = np.array([[[1.0, 0, 0], [0, 1, 0]]])
    x = np.random.default_rng(0).normal(size=(1, 2, 3, 4))
    for align_corners in (False, True):
        grid, _ = F.affine_grid(theta, x.shape, align_corners)
        np.testing.assert_allclose(F.grid_sample(x, grid, align_corners=align_corners)[0], x)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("padding_mode", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_gradients_at_borders_and_on_pixels_are_torchs(mode, padding_mode, align_corners):
    places = np.array([-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0])
    grid = np.stack(np.meshgrid(places, places), axis=-1)[None]
    x = np.random.default_rng(0).normal(size=(1, 2, 4, 5))
    options = {"mode": mode, "padding_mode": padding_mode, "align_corners": align_corners}
    tensors = [torch.tensor(a, requires_grad=True) for a in (x, grid)]
    want = torch.nn.functional.grid_sample(*tensors, **options)
    y, backward = F.grid_sample(x, grid, **options)
    dy = np.random.default_rng(1).normal(size=y.shape)
    want.backward(torch.tensor(dy))
    np.testing.assert_allclose(y, want.detach(), atol=1e-12)
    for gradient, tensor in zip(backward(dy), tensors):
        np.testing.assert_allclose(gradient, tensor.grad, atol=1e-12)
