"""Pyramid squeeze attention: x stays as it is, every branch learns, and numbers worked out by hand."""

import numpy as np

from scratch.models import PSA


def run(layer):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, layer.channel, 5, 5))
    before = x.copy()
    y, backward = layer.double()(x)
    return x, before, y, backward(rng.normal(size=y.shape))


def test_the_input_is_not_written_to():
    x, before, y, dx = run(PSA(8, 1, 2, rng=0))
    np.testing.assert_array_equal(x, before)
    assert not np.shares_memory(x, y)
    assert not np.shares_memory(x, dx)


def test_every_branch_is_registered_and_learns():
    layer = PSA(8, 1, 2, rng=0)
    run(layer)
    keys = [f"convs.{i}.{kind}" for i in range(2) for kind in ("weight", "bias")]
    keys += [f"se_blocks.{i}.{j}.weight" for i in range(2) for j in (1, 3)]
    assert list(layer.state_dict()) == keys
    assert [name for name, _ in layer.named_parameters()] == keys
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name


def test_kernels_grow_by_two_from_group_to_group():
    assert [conv.kernel_size for conv in PSA(16, 1, 4).convs] == [(3, 3), (5, 5), (7, 7), (9, 9)]


def test_groups_are_weighted_by_a_softmax_of_their_squeezed_means():
    # two groups of one channel; convolutions that keep (times 1 and 2), so f = 1 and 2 for x = 1.
    # se_0 is sigmoid(0) = 1/2, se_1 is sigmoid(ln 3 / 2 · 2) = 3/4: weights e^(1/2) : e^(3/4)
    layer = PSA(2, 1, 2).double()
    state = {key: np.zeros_like(value) for key, value in layer.state_dict().items()}
    state["convs.0.weight"][..., 1, 1], state["convs.1.weight"][..., 2, 2] = 1, 2
    state["se_blocks.1.1.weight"][...], state["se_blocks.1.3.weight"][...] = 1, np.log(3) / 2
    layer.load_state_dict(state)
    share = 1 / (1 + np.exp(0.25))
    np.testing.assert_allclose(layer.predict(np.ones((1, 2, 1, 1))).ravel(), [share, 2 * (1 - share)])
