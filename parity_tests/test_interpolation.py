"""Interpolation: hand-worked numbers and where the modes differ."""

import numpy as np
import pytest
import torch

import scratch
from scratch import functional as F

X = np.array([[[0.0, 4.0]]])  # one signal of two places


def test_nearest_repeats_and_its_backward_adds():
    y, backward = F.interpolate(X, scale_factor=2.0)
    assert y.tolist() == [[[0, 0, 4, 4]]]
    assert backward(np.array([[[1.0, 10, 100, 1000]]])).tolist() == [[[11, 1100]]]


def test_nearest_takes_the_left_edge_and_nearest_exact_the_middle():
    x = np.arange(5.0)[None, None]
    assert F.interpolate(x, 2)[0].tolist() == [[[0, 2]]]  # ⌊0⌋, ⌊2.5⌋
    assert F.interpolate(x, 2, mode="nearest-exact")[0].tolist() == [[[1, 3]]]  # ⌊1.25⌋, ⌊3.75⌋


def test_linear_with_and_without_aligned_corners():
    y, backward = F.interpolate(X, 3, mode="linear", align_corners=True)  # places 0, 1/2, 1
    assert y.tolist() == [[[0, 2, 4]]]
    assert backward(np.array([[[1.0, 10, 100]]])).tolist() == [[[6, 105]]]
    # places (p + 1/2) / 2 - 1/2 = -1/4, 1/4, 3/4, 5/4; the outer two are held at the ends
    assert F.interpolate(X, 4, mode="linear")[0].tolist() == [[[0, 1, 3, 4]]]


def test_cubic_halfway_by_hand():
    # Keys at distance 1/2: 1.25/8 - 2.25/4 + 1 = 0.59375; at 3/2: -0.75·(27/8 - 45/4 + 12 - 4) = -0.09375
    x = np.array([0.0, 0, 1, 0])[None, None, None]
    y, _ = F.interpolate(x, (1, 7), mode="bicubic", align_corners=True)  # every second place halfway
    np.testing.assert_allclose(y.reshape(-1)[[1, 3]], [-0.09375, 0.59375])


def test_antialias_averages_what_plain_bilinear_skips():
    x = np.array([1.0, 0, 0, 0, 0, 0, 0, 0])[None, None, None]
    plain, _ = F.interpolate(x, (1, 2), mode="bilinear")  # places 1.5 and 5.5: the 1 is not seen
    smooth, _ = F.interpolate(x, (1, 2), mode="bilinear", antialias=True)
    assert plain[0, 0, 0, 0] == 0
    # A triangle of half-width 4 around 2 has 1 - 1.5/4 = 5/8 at place 0 (middle 1/2), and sums to
    # (5 + 7 + 7 + 5 + 3 + 1) / 8 over places 0 ... 5.
    np.testing.assert_allclose(smooth[0, 0, 0, 0], 5 / 28)


def test_recomputing_the_factor_changes_the_places():
    # ⌊5 · 0.7⌋ = 3 outputs: places ⌊p / 0.7⌋ = 0, 1, 2, or ⌊p · 5 / 3⌋ = 0, 1, 3
    x = np.arange(5.0)[None, None]
    assert F.interpolate(x, scale_factor=0.7)[0].tolist() == [[[0, 1, 2]]]
    assert F.interpolate(x, scale_factor=0.7, recompute_scale_factor=True)[0].tolist() == [[[0, 1, 3]]]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact"])
def test_nearest_rounds_as_torch_for_many_sizes(mode, dtype):
    for length in (7, 30, 49, 224):
        x = np.arange(length, dtype=dtype)[None, None]
        for size in range(1, 120, 7):
            want = torch.nn.functional.interpolate(torch.tensor(x), size, mode=mode)
            assert np.array_equal(F.interpolate(x, size, mode=mode)[0], want)


def test_reprs_are_torchs():
    for options in ({"scale_factor": 2, "mode": "bilinear"}, {"size": (3, 4)}, {"scale_factor": (2, 3)}):
        assert repr(scratch.Upsample(**options)) == repr(torch.nn.Upsample(**options))
    assert repr(scratch.UpsamplingBilinear2d(scale_factor=2)) == repr(torch.nn.UpsamplingBilinear2d(scale_factor=2))


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "bilinear", "bicubic"])
def test_a_factor_that_keeps_or_doubles_the_length_is_taken_as_torch_takes_it(mode, channels_last):
    # 2 · 1.3 -> 2 and 2 · 2.3 -> 4, 3 · 1.2 -> 3 and 3 · 2.1 -> 6: copied or doubled in some modes, sampled in others
    x = np.random.default_rng(0).normal(size=(1, 2, 2, 3))
    tensor = torch.tensor(x).contiguous(memory_format=torch.channels_last if channels_last else torch.contiguous_format)
    for factors in ((1.3, 1.2), (2.3, 1.2), (1.3, 2.1), (2.3, 2.1)):
        options = {"scale_factor": factors, "mode": mode, "recompute_scale_factor": False}
        want = torch.nn.functional.interpolate(tensor, **options).numpy()
        np.testing.assert_allclose(F.interpolate(x, **options)[0], want, atol=1e-12)


def test_antialiasing_reads_every_pixel_of_an_image_one_pixel_wide():
    # from 2 rows to 3: the middle one lies between them
    x = np.array([[[[1.0], [4.0]]]])
    assert F.interpolate(x, (3, 1), mode="bilinear", antialias=True)[0].ravel().tolist() == [1, 2.5, 4]
