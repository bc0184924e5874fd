"""Smooth activations: numbers worked out by hand, tails where a careless formula overflows or rounds to 0, kernels."""

import inspect
import math
from itertools import product

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

import scratch
import scratch.functional as F

LN2, LN3 = math.log(2), math.log(3)


def value_and_slope(op, x, **options):
    y, backward = op(np.array(x, dtype=np.float64), **options)
    return y, backward(np.ones_like(y))


def test_sigmoid_by_hand():
    # x = ln 3: 1 / (1 + 1/3) = 3/4, slope 3/4 · 1/4
    y, slope = value_and_slope(F.sigmoid, [LN3, -LN3])
    assert_allclose(y, [3 / 4, 1 / 4])
    assert_allclose(slope, [3 / 16, 3 / 16])


def test_sigmoid_keeps_its_left_tail_and_does_not_overflow():
    # e^-700 is still a float64; 1 / (1 + e^700) would be too, ½ (1 + tanh(-350)) is 0
    y, _ = value_and_slope(F.sigmoid, [-700.0, -1e4, 1e4])
    assert_allclose(y, [math.exp(-700), 0.0, 1.0], rtol=1e-12)


def test_logsigmoid_by_hand_and_where_the_sigmoid_is_zero():
    # log(1/4) = -2 ln 2, slope 1 - 1/4; far to the left it is x itself, slope 1
    y, slope = value_and_slope(F.logsigmoid, [-LN3, -1e4])
    assert_allclose(y, [-2 * LN2, -1e4])
    assert_allclose(slope, [3 / 4, 1.0])


def test_silu_by_hand():
    # ln 3 · 3/4; slope 3/4 + ln 3 · 3/16
    y, slope = value_and_slope(F.silu, [LN3, 0.0])
    assert_allclose(y, [0.75 * LN3, 0.0])
    assert_allclose(slope, [0.75 + LN3 * 3 / 16, 0.5])


def test_softplus_by_hand():
    # beta 2 at x = ln 3 / 2: log(1 + 3) / 2 = ln 2, slope 3/4; beyond the threshold exactly x, slope 1
    y, slope = value_and_slope(F.softplus, [LN3 / 2, 0.0, 11.0], beta=2.0)
    assert_allclose(y, [LN2, LN2 / 2, 11.0])
    assert_allclose(slope, [3 / 4, 1 / 2, 1.0])
    assert y[2] == 11.0


def test_softplus_at_the_threshold_is_still_the_curve():
    # beta x > threshold is the line: at 2.0 itself it is log(1 + e²)
    y, slope = value_and_slope(F.softplus, [2.0], threshold=2.0)
    assert_allclose(y, [2.0 + math.log1p(math.exp(-2.0))])
    assert_allclose(slope, [1 / (1 + math.exp(-2.0))])


def test_softplus_with_a_large_threshold_does_not_overflow():
    y, slope = value_and_slope(F.softplus, [1e3], threshold=1e6)
    assert_array_equal(y, [1e3])
    assert_array_equal(slope, [1.0])


def test_tanh_and_tanhshrink_by_hand():
    # tanh(ln 2) = (2 - 1/2) / (2 + 1/2) = 3/5, slope 1 - 9/25; x - 3/5, slope 9/25
    y, slope = value_and_slope(F.tanh, [LN2])
    assert_allclose([*y, *slope], [3 / 5, 16 / 25])
    y, slope = value_and_slope(F.tanhshrink, [LN2])
    assert_allclose([*y, *slope], [LN2 - 3 / 5, 9 / 25])


def test_mish_by_hand():
    # at 0: softplus ln 2, tanh(ln 2) = 3/5: y = 0, slope 3/5
    # at ln 3: softplus ln 4, tanh (4 - 1/4) / (4 + 1/4) = 15/17, sigmoid 3/4: slope 15/17 + ln 3 · (1 - 225/289) · 3/4
    y, slope = value_and_slope(F.mish, [0.0, LN3])
    assert_allclose(y, [0.0, LN3 * 15 / 17])
    assert_allclose(slope, [3 / 5, 15 / 17 + LN3 * 64 / 289 * 3 / 4])


def test_softsign_by_hand():
    # -3 / 4, slope 1 / 16; at infinity inf / inf, with the limit of the slope
    y, slope = value_and_slope(F.softsign, [-3.0, 0.0])
    assert_allclose(y, [-3 / 4, 0.0])
    assert_allclose(slope, [1 / 16, 1.0])
    y, slope = value_and_slope(F.softsign, [np.inf])
    assert np.isnan(y).all()
    assert_array_equal(slope, [0.0])


def test_glu_by_hand():
    # halves (8, 2) and (ln 3, 0): 8 · 3/4, 2 · 1/2; da = sigmoid(b), db = a s (1 - s)
    y, slope = value_and_slope(F.glu, [8.0, 2.0, LN3, 0.0])
    assert_allclose(y, [6.0, 1.0])
    assert_allclose(slope, [3 / 4, 1 / 2, 8 * 3 / 16, 2 / 4])


def test_gelu_by_hand():
    # at 0: Φ = 1/2. At 1, from a table of the normal distribution: Φ = 0.8413447461, density 0.2419707245
    y, slope = value_and_slope(F.gelu, [0.0, 1.0, -1.0])
    assert_allclose(y, [0.0, 0.8413447461, -0.1586552539], atol=1e-10)
    assert_allclose(slope, [0.5, 1.0833154706, -0.0833154706], atol=1e-10)


def test_gelu_keeps_its_left_tail():
    # Φ(-10) = 7.61985e-24, from a table; 1 + erf would have rounded to 0
    y, _ = value_and_slope(F.gelu, [-10.0])
    assert_allclose(y, [-7.61985302416e-23], rtol=1e-10)


def test_gelu_tanh_is_near_the_exact_one_with_a_slope_of_its_own():
    x = np.linspace(-4, 4, 81)
    y, slope = value_and_slope(F.gelu, x, approximate="tanh")
    exact, exact_slope = value_and_slope(F.gelu, x)
    assert 1e-4 < np.abs(y - exact).max() < 5e-4
    assert 1e-4 < np.abs(slope - exact_slope).max() < 2e-3


SMOOTH = [
    (F.sigmoid, {}),
    (F.logsigmoid, {}),
    (F.silu, {}),
    (F.softplus, {"beta": 0.5, "threshold": 3.0}),
    (F.softplus, {"beta": -2.0}),
    (F.mish, {}),
    (F.tanh, {}),
    (F.tanhshrink, {}),
    (F.gelu, {}),
    (F.gelu, {"approximate": "tanh"}),
]
KINKED = [
    (F.relu, {}),
    (F.relu6, {}),
    (F.leaky_relu, {"negative_slope": 0.1}),
    (F.leaky_relu, {"negative_slope": 0.0}),
    (F.leaky_relu, {"negative_slope": -1.5}),
    (F.hardtanh, {"min_val": -0.5, "max_val": 2.0}),
    (F.elu, {"alpha": 0.7}),
    (F.celu, {"alpha": 0.7}),
    (F.selu, {}),
    (F.softshrink, {}),
    (F.hardshrink, {}),
    (F.hardsigmoid, {}),
    (F.hardswish, {}),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("op", "options"), SMOOTH + KINKED)
def test_kernels_agree_with_the_textbook_in_every_block_and_thread(op, options, dtype):
    n = 3 * 131072 + 77  # blocks of several threads and a last one that is not full
    rng = np.random.default_rng(0)
    x = (3 * rng.normal(size=n)).astype(dtype)
    special = [np.inf, -np.inf, np.nan, 0.0, -0.0, 0.5, -0.5, 2.0, 3.0, -3.0, 6.0, 1e4, -1e4]
    x[rng.integers(n, size=400)] = rng.choice(special, size=400)
    dy = rng.normal(size=n).astype(dtype)
    dy[rng.integers(n, size=400)] = rng.choice([np.inf, -np.inf, np.nan, 0.0], size=400)
    y, backward = op(x, **options)
    dx = backward(dy)
    with scratch.textbook():
        y_plain, backward_plain = op(x, **options)
    dx_plain = backward_plain(dy)
    assert backward.function is not backward_plain.function
    assert y.dtype == dx.dtype == x.dtype
    eps = np.finfo(dtype).eps
    assert_allclose(y, y_plain, rtol=8 * eps, atol=4 * eps)
    assert_allclose(dx, dx_plain, rtol=16 * eps, atol=16 * eps)


@pytest.mark.parametrize("threads", [1, 3])
def test_kernels_do_not_depend_on_the_number_of_threads(threads):
    x = np.random.default_rng(0).normal(size=400_000).astype(np.float32)
    before = scratch.num_threads()
    results = []
    try:
        for n, op in product((before, threads), (F.gelu, F.sigmoid)):
            scratch.set_num_threads(n)
            results.append(op(x)[0])
    finally:
        scratch.set_num_threads(before)
    assert_array_equal(results[0], results[2])
    assert_array_equal(results[1], results[3])


NAMES = """ReLU ReLU6 LeakyReLU PReLU RReLU ELU CELU SELU GELU Sigmoid LogSigmoid Tanh Tanhshrink Softplus Softshrink
    Hardshrink Hardtanh Hardsigmoid Hardswish SiLU Mish Softsign Threshold GLU Softmax LogSoftmax Softmin Softmax2d
    Dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout"""


@pytest.mark.parametrize("name", NAMES.split())
def test_a_layer_prints_as_torchs_does(name):
    ours, theirs = getattr(scratch, name), getattr(torch.nn, name)
    options = {"threshold": 1.0, "value": 2.0} if name == "Threshold" else {}
    assert repr(ours(**options)) == repr(theirs(**options))
    if "inplace" in inspect.signature(theirs).parameters:
        assert repr(ours(**options, inplace=True)) == repr(theirs(**options, inplace=True))
