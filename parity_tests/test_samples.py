import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import scratch
import scratch.functional as F
from scratch.kernels import samples

pytestmark = pytest.mark.usefixtures("two_threads")

RNG = np.random.default_rng(0)


def floats(*shape, low=-1.0):
    return RNG.uniform(low, 1, shape).astype(np.float32)


def whole(*shape, high):
    return RNG.integers(high, size=shape)


ROWS = 700, 1000
SIGNS = np.where(RNG.random(ROWS) < 0.5, -1, 1)
CASES = {
    "interpolate": (F.interpolate, (floats(9, 32, 44, 44),), {"scale_factor": 1.5, "mode": "bilinear"}),
    "max_unpool2d": (F.max_unpool2d, (floats(9, 64, 32, 32), whole(9, 64, 32, 32, high=64 * 64), 2), {}),
    "pixel_shuffle": (F.pixel_shuffle, (floats(9, 64, 32, 32), 2), {}),
    "pixel_unshuffle": (F.pixel_unshuffle, (floats(9, 64, 32, 32), 2), {}),
    "unfold": (F.unfold, (floats(9, 64, 32, 32), 3), {"padding": 1}),
    "fold": (F.fold, (floats(9, 9 * 16, 22 * 22), (24, 24), 3), {}),
    "local_response_norm": (F.local_response_norm, (floats(9, 64, 32, 32), 3), {}),
    "lp_pool2d": (F.lp_pool2d, (floats(9, 64, 32, 32, low=0.1), 2, 3), {}),
    "rms_norm": (F.rms_norm, (floats(*ROWS),), {"normalized_shape": (1000,), "weight": floats(1000)}),
    "normalize": (F.normalize, (floats(*ROWS),), {}),
    "cosine_similarity": (F.cosine_similarity, (floats(*ROWS), floats(*ROWS)), {}),
    "hinge_embedding_loss": (F.hinge_embedding_loss, (floats(*ROWS), SIGNS), {"reduction": "sum"}),
    "margin_ranking_loss": (F.margin_ranking_loss, (floats(*ROWS), floats(*ROWS), SIGNS, 0.1), {}),
    "multi_margin_loss": (F.multi_margin_loss, (floats(*ROWS), whole(700, high=1000)), {"weight": floats(1000, low=0)}),
    "poisson_nll_loss": (F.poisson_nll_loss, (floats(*ROWS), whole(*ROWS, high=9)), {"full": True}),
    "gaussian_nll_loss": (F.gaussian_nll_loss, (floats(*ROWS), floats(*ROWS), floats(*ROWS, low=0.1)), {}),
    "kl_div": (F.kl_div, (floats(*ROWS), floats(*ROWS, low=0.1)), {"reduction": "batchmean"}),
    "binary_cross_entropy": (
        F.binary_cross_entropy,
        (floats(*ROWS, low=0), floats(*ROWS, low=0)),
        {"reduction": "none"},
    ),
}


def in_parts(backward):
    """Whether a backward is one of the kernels that take the textbook in parts."""
    return isinstance(backward.saved, samples.SamplesSaved)


@pytest.mark.parametrize("name", CASES)
def test_parts_of_the_samples_give_what_all_of_them_give(name):
    op, arguments, options = CASES[name]
    y, backward = op(*arguments, **options)
    with scratch.textbook():
        y_plain, backward_plain = op(*arguments, **options)
    assert in_parts(backward)
    assert len(backward.saved.parts) > 2
    assert not in_parts(backward_plain)
    assert y.dtype == y_plain.dtype
    assert y.shape == y_plain.shape
    assert_allclose(y, y_plain, rtol=1e-5 if y.ndim == 0 else 1e-6)
    dy = np.random.default_rng(1).normal(size=y.shape).astype(y.dtype)
    gradients, plain = (g if isinstance(g, tuple) else (g,) for g in (backward(dy), backward_plain(dy)))
    assert len(gradients) == len(plain)
    for gradient, expected in zip(gradients, plain):
        if expected is None:
            assert gradient is None
        else:
            assert gradient.dtype == expected.dtype
            assert_allclose(gradient, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())


def test_a_sum_of_parts_is_the_same_every_time():
    x, dy, weight = floats(*ROWS), floats(*ROWS), floats(1000)
    found = [F.rms_norm(x, (1000,), weight)[1](dy)[1] for _ in range(5)]
    for again in found[1:]:
        assert_array_equal(found[0], again)


def test_infinite_losses_of_both_signs_add_up_to_nan():
    x = np.zeros(ROWS, np.float32)
    x[0, 0], x[-1, -1] = np.inf, -np.inf
    with np.errstate(invalid="ignore"):
        y, backward = F.hinge_embedding_loss(x, np.ones(ROWS, int))
    assert in_parts(backward)
    assert np.isnan(y)


@pytest.mark.parametrize("op", [F.kl_div, F.hinge_embedding_loss, F.poisson_nll_loss])
def test_a_target_that_is_broadcast_along_the_samples_is_not_cut(op):
    x, target = floats(800, 800), floats(800, low=0.1)  # as long as there are samples, but its axis is the last
    y, backward = op(x, target, reduction="sum")
    assert not in_parts(backward)
    assert_allclose(y, op(x, np.broadcast_to(target, x.shape).copy(), reduction="sum")[0], rtol=1e-5)


def test_an_error_is_about_all_samples():
    x = floats(9, 64, 32, 32)
    with pytest.raises(ValueError, match=r"but is \(9, 64, 32, 32\)"):
        F.pixel_shuffle(x, 5)
    indices = np.zeros(x.shape, int)
    indices[0, 0, 0, 0], indices[-1, 0, 0, 0] = -7, 10_000
    with pytest.raises(ValueError, match="but go from -7 to 10000"):
        F.max_unpool2d(x, indices, 2)
    with pytest.raises(ValueError, match="reduction must be one of 'none', 'mean', 'sum', but is 'batchmean'"):
        F.hinge_embedding_loss(np.ones(ROWS), np.ones(ROWS), reduction="batchmean")


def test_the_mean_of_a_divergence_still_warns_once():
    with pytest.warns(UserWarning, match="batchmean") as found:
        F.kl_div(floats(*ROWS), floats(*ROWS, low=0.1))
    assert [warning.filename for warning in found] == [__file__]  # once, and where it was called


def test_one_thread_keeps_the_textbook():
    op, arguments, options = CASES["unfold"]
    before = scratch.num_threads()
    scratch.set_num_threads(1)
    try:
        _, backward = op(*arguments, **options)
    finally:
        scratch.set_num_threads(before)
    assert not in_parts(backward)
