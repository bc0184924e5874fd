"""Double attention: examples of a batch do not influence each other, and numbers worked out by hand."""

import numpy as np
import pytest

from scratch.models import DoubleAttention


@pytest.mark.parametrize("reconstruct", [True, False])
def test_examples_of_a_batch_do_not_influence_each_other(reconstruct):
    rng = np.random.default_rng(0)
    layer = DoubleAttention(4, 3, 2, reconstruct, rng=0).double()
    x = rng.normal(size=(3, 4, 5, 5))
    y, backward = layer(x)
    for i in range(3):
        np.testing.assert_allclose(layer.predict(x[i : i + 1]), y[i : i + 1], rtol=1e-12)
    dy = rng.normal(size=y.shape)
    dy[1:] = 0
    dx = backward(dy)
    assert dx[0].all()
    assert not dx[1:].any()


def loaded(layer, **weights):
    state = {key: np.zeros_like(value) for key, value in layer.double().state_dict().items()}
    layer.load_state_dict(
        state | {f"{key}.weight": np.array(value, float)[:, :, None, None] for key, value in weights.items()}
    )
    return layer


def test_descriptors_are_gathered_over_the_places_and_handed_out():
    # one feature A = x = (8, 4) on two places; two descriptors: B_0 = softmax(0, 0) = (1/2, 1/2), B_1 = softmax of
    # ln 3 / 4 · x = (ln 9, ln 3), which is (3/4, 1/4). Gathered: 8/2 + 4/2 = 6 and 6 + 1 = 7.
    # V = softmax over the descriptors of (0, 0): each place gets (6 + 7) / 2.
    layer = loaded(DoubleAttention(1, 1, 2, reconstruct=False), convA=[[1]], convB=[[0], [np.log(3) / 4]])
    x = np.array([[[[8.0, 4.0]]]])
    np.testing.assert_allclose(layer.predict(x), [[[[6.5, 6.5]]]])
    # with V of the scores (0, ln 3 / 4 · x): the places take the second descriptor with 9/10 and 3/4
    loaded(layer, convA=[[1]], convB=[[0], [np.log(3) / 4]], convV=[[0], [np.log(3) / 4]])
    np.testing.assert_allclose(layer.predict(x), [[[[6.9, 6.75]]]])


def test_the_softmax_over_places_is_blind_to_the_bias_of_convB():
    layer = DoubleAttention(3, 2, 2, rng=0).double()
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 4))
    y = layer.predict(x)
    layer.convB.bias.data[...] = 5.0
    np.testing.assert_allclose(layer.predict(x), y, rtol=1e-12)
