"""Layer norm: numbers worked out by hand."""

import numpy as np
from numpy.testing import assert_allclose

import scratch
import scratch.functional as F


def test_layer_norm_by_hand():
    # row (1, 3): mean 2, variance 1, with eps 3: (∓1) / 2. row (0, 12): mean 6, variance 36, /sqrt(39)
    y, _ = F.layer_norm(np.array([[1.0, 3.0], [0.0, 12.0]]), (2,), np.array([2.0, 4.0]), np.array([0.0, 1.0]), 3.0)
    assert_allclose(y, [[-1.0, 3.0], [-12 / np.sqrt(39), 24 / np.sqrt(39) + 1]])


def test_layer_norm_backward_by_hand():
    # x = (-1, 1), eps = 3: rstd = 1/2, xhat = (-1/2, 1/2), weight (2, 4), dy = (1, 0)
    # dweight = dy · xhat = (-1/2, 0), dbias = (1, 0); dxhat = (2, 0): mean 1, mean of dxhat · xhat -1/2
    # dx = (dxhat - 1 + xhat / 2) / 2 = (3/8, -3/8)
    _, backward = F.layer_norm(np.array([[-1.0, 1.0]]), (2,), np.array([2.0, 4.0]), np.zeros(2), 3.0)
    dx, dweight, dbias = backward(np.array([[1.0, 0.0]]))
    assert_allclose(dx, [[0.375, -0.375]])
    assert_allclose(dweight, [-0.5, 0.0])
    assert_allclose(dbias, [1.0, 0.0])


def test_layer_norm_gradient_is_blind_to_shifts_and_stretches_of_x():
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(2, 4, 6))
    _, backward = F.layer_norm(x, (6,), eps=0.0)
    dx = backward(dy)
    assert_allclose(dx.sum(axis=1), 0, atol=1e-12)
    assert_allclose((dx * (x - x.mean(axis=1, keepdims=True))).sum(axis=1), 0, atol=1e-12)


def test_layer_norm_repr_reads_as_torchs():
    assert repr(scratch.LayerNorm(3)) == "LayerNorm((3,), eps=1e-05, elementwise_affine=True, bias=True)"
    assert repr(scratch.LayerNorm((2, 3), bias=False)).endswith("elementwise_affine=True, bias=False)")


def test_rms_norm_by_hand():
    # mean square of (1, 7) is 25, with eps = 11 / sqrt(36); weight (6, 12)
    y, backward = F.rms_norm(np.array([[1.0, 7.0]]), (2,), np.array([6.0, 12.0]), 11.0)
    assert_allclose(y, [[1.0, 14.0]])
    # dy = (1, 0): dxhat = (6, 0), xhat = (1, 7) / 6, mean of dxhat · xhat = 1/2
    # dx = (6 - 1/12, -7/12) / 6 = (71/72, -7/72); dweight = (1/6, 0)
    dx, dweight = backward(np.array([[1.0, 0.0]]))
    assert_allclose(dx, [[71 / 72, -7 / 72]])
    assert_allclose(dweight, [1 / 6, 0.0])


def test_rms_norm_takes_the_dtypes_own_epsilon():
    tiny = np.array([[1e-12, 1e-12]])
    y, _ = F.rms_norm(tiny, (2,))
    assert_allclose(y, tiny / np.sqrt(1e-24 + np.finfo(np.float64).eps))
    y, _ = F.rms_norm(tiny.astype(np.float32), (2,))
    assert_allclose(y, tiny / np.sqrt(np.finfo(np.float32).eps), rtol=1e-6)


def test_group_norm_by_hand():
    # groups (1, 3) and (10, 30): means 2 and 20, variances 1 and 100; eps = 44: / sqrt(45) and / 12
    x, weight, bias = (
        np.array([[1.0, 3.0, 10.0, 30.0]]),
        np.array([1.0, 1.0, 6.0, 12.0]),
        np.array([0.0, 0.0, 1.0, 2.0]),
    )
    y, _ = F.group_norm(x, 2, weight, bias, 44.0)
    assert_allclose(y, [[-1 / np.sqrt(45), 1 / np.sqrt(45), -4.0, 12.0]])


def test_one_group_is_a_layer_norm_and_one_channel_a_group_an_instance_norm():
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    assert_allclose(F.group_norm(x, 1)[0], F.layer_norm(x, (3, 4))[0])
    assert_allclose(F.group_norm(x, 3)[0], F.instance_norm(x)[0])
