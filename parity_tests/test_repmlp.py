"""RepMLP: images stay apart, pieces keep their places, and folding changes neither the output nor what learns."""

import numpy as np
import pytest
import torch

import scratch
import torch_ref.models
from scratch.models import RepMLP
from scratch.models.repmlp import as_full_connection, cut, join
from scratch.optim import SGD

BASE = {"C": 4, "O": 6, "H": 6, "W": 4, "h": 3, "w": 2, "fc1_fc2_reduction": 2, "fc3_groups": 2}
CONFIGS = [
    BASE,
    BASE | {"repconv_kernels": [1, 3]},
    BASE | {"repconv_kernels": [3, 5], "fc3_groups": 1, "O": 4},
    BASE | {"repconv_kernels": [1, 3, 5], "H": 3, "W": 2},
]


def trained(**config):
    """A network in float64, in evaluation, with all parameters and running statistics away from where they start."""
    rng = np.random.default_rng(0)
    model = RepMLP(**config, rng=0).double().eval()
    state = {k: rng.uniform(0.5, 2, v.shape) * rng.choice([-1, 1], v.shape) for k, v in model.state_dict().items()}
    model.load_state_dict({k: abs(v) if k.endswith(("running_var", "tracked")) else v for k, v in state.items()})
    return model


def images(config, n=3):
    return np.random.default_rng(1).normal(size=(n, config["C"], config["H"], config["W"]))


def test_pieces_by_hand():
    image = np.arange(8.0).reshape(1, 1, 2, 4)  # [[0, 1, 2, 3], [4, 5, 6, 7]] in pieces of 2x2
    pieces = cut(image, 2, 2)
    np.testing.assert_array_equal(pieces[:, 0], [[[0, 1], [4, 5]], [[2, 3], [6, 7]]])
    np.testing.assert_array_equal(join(pieces, 1, 2), image)


def test_a_convolution_as_a_matrix_by_hand():
    # the kernel a b c on three pixels: y0 = b x0 + c x1, y1 = a x0 + b x1 + c x2, y2 = a x1 + b x2
    kernel = np.zeros((1, 1, 3, 3))
    kernel[0, 0, 1] = 5.0, 7.0, 11.0
    matrix = as_full_connection(kernel, 1, 3, groups=1)
    np.testing.assert_array_equal(matrix[:, :, 0, 0], [[7, 11, 0], [5, 7, 11], [0, 5, 7]])


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("k", [1, 3, 5])
def test_a_convolution_as_a_matrix_gives_what_it_gave(groups, k):
    rng = np.random.default_rng(k)
    x, weight = rng.normal(size=(2, 4, 3, 5)), rng.normal(size=(6, 4 // groups, k, k))
    want, _ = scratch.functional.conv2d(x, weight, padding=k // 2, groups=groups)
    matrix = as_full_connection(weight, 3, 5, groups)
    got, _ = scratch.functional.conv2d(x.reshape(2, 60, 1, 1), matrix, groups=groups)
    np.testing.assert_allclose(got.reshape(want.shape), want, atol=1e-12)


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("deploy", [False, True])
def test_the_images_of_a_batch_do_not_meet(config, deploy):
    model, x = trained(**config), images(config)
    if deploy:
        model.switch_to_deploy()
    y, backward = model(x)
    assert y.shape == (3, config["O"], config["H"], config["W"])
    for i in range(3):
        np.testing.assert_allclose(model.predict(x[i : i + 1])[0], y[i], atol=1e-11)
    dy = np.zeros_like(y)
    dy[1] = np.random.default_rng(2).normal(size=y.shape[1:])
    dx = backward(dy)
    assert dx[1].any()
    assert not dx[[0, 2]].any()


def test_without_the_global_perceptron_the_pieces_do_not_meet_either():
    model, x = trained(**BASE), images(BASE)
    fc2 = model.fc1_fc2["fc2"]
    fc2.weight.data[...] = 0
    y, backward = model(x)
    dy = np.zeros_like(y)
    dy[:, :, :3, 2:] = 1
    reached = backward(dy).any(axis=(0, 1))
    np.testing.assert_array_equal(reached, [[False, False, True, True]] * 3 + [[False] * 4] * 3)


@pytest.mark.parametrize("config", CONFIGS)
def test_the_folded_network_gives_what_it_gave_and_what_the_twin_folds(config):
    model, x = trained(**config), images(config)
    twin = torch_ref.models.RepMLP(**config).double().eval()
    twin.load_state_dict({k: torch.tensor(v) for k, v in model.state_dict().items()})
    y, backward = model(x)
    dy = np.random.default_rng(3).normal(size=y.shape)
    dx = backward(dy)
    model.switch_to_deploy()
    twin.switch_to_deploy()
    folded, folded_backward = model(x)
    np.testing.assert_allclose(folded, y, atol=1e-10 * abs(y).max(), rtol=0)
    np.testing.assert_allclose(folded_backward(dy), dx, atol=1e-10 * abs(dx).max(), rtol=0)
    mine, theirs = model.state_dict(), twin.state_dict()
    assert list(mine) == list(theirs) == list(RepMLP(**config | {"deploy": True}).state_dict())
    for key, value in theirs.items():
        np.testing.assert_allclose(mine[key], value.numpy(), atol=1e-11)


def test_the_folded_weights_still_learn():
    model = trained(**CONFIGS[1])
    model.switch_to_deploy()
    model.switch_to_deploy()  # once more changes nothing
    before = model.state_dict()
    y, backward = model.train()(images(CONFIGS[1]))
    backward(np.random.default_rng(4).normal(size=y.shape))
    SGD(model.parameters(), lr=0.1).step()
    for key, value in model.state_dict().items():
        assert not np.array_equal(value, before[key]), key


def test_folding_in_training_is_refused_and_changes_nothing():
    model = RepMLP(**CONFIGS[1], rng=0)
    before = model.state_dict()
    with pytest.raises(ValueError, match="evaluation mode"):
        model.switch_to_deploy()
    after = model.state_dict()
    assert list(after) == list(before)
    assert all(np.array_equal(after[key], before[key]) for key in before)
