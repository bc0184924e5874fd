"""External attention: numbers worked out by hand, and scores that would underflow."""

import numpy as np

from scratch.models import ExternalAttention


def attention(mk, mv):
    layer = ExternalAttention(np.shape(mk)[1], np.shape(mk)[0]).double()
    layer.load_state_dict({"mk.weight": np.array(mk), "mv.weight": np.array(mv)})
    return layer


def test_is_normalized_over_the_tokens_and_then_over_the_slots():
    # one feature, keys ln 3 and 0, two tokens x = 1 and x = 0: the scores are (ln 3, 0) and (0, 0).
    # Softmax over the tokens: slot 1 has (3/4, 1/4), slot 2 (1/2, 1/2).
    # Over the slots: token 1 has (3/4, 1/2) / (5/4) = (3/5, 2/5), token 2 (1/4, 1/2) / (3/4) = (1/3, 2/3).
    # The values are 15 and 0: y = 15 · 3/5 = 9 and 15 · 1/3 = 5.
    layer = attention([[np.log(3)], [0.0]], [[15.0, 0.0]])
    y, _ = layer(np.array([[[1.0], [0.0]]]))
    np.testing.assert_allclose(y, [[[9.0], [5.0]]], rtol=1e-12)


def test_a_token_whose_weights_all_underflow_still_has_weights_that_sum_to_1():
    layer = attention([[1000.0], [1000.0]], [[1.0, 1.0]])
    y, backward = layer(np.array([[[1.0], [-1.0]]]))  # e^-2000 = 0: dividing it by its sum would be 0/0
    np.testing.assert_allclose(y, 1.0)
    assert np.isfinite(backward(np.ones_like(y))).all()


def test_more_tokens_cost_no_more_parameters():
    layer = ExternalAttention(8, S=4, rng=0)
    assert {key: value.shape for key, value in layer.state_dict().items()} == {
        "mk.weight": (4, 8),
        "mv.weight": (8, 4),
    }
    assert layer.predict(np.ones((2, 100, 8), np.float32)).shape == (2, 100, 8)


def test_starts_small():
    layer = ExternalAttention(128, rng=0)
    assert 0.0009 < layer.mk.weight.data.std() < 0.0011
    assert 0.0009 < layer.mv.weight.data.std() < 0.0011
