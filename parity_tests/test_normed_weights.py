"""Weight and spectral normalisation: torch's outputs, gradients, keys and buffers."""

import copy

import numpy as np
import pytest
import torch

import scratch
from scratch import utils
from scratch.op import pull

pytestmark = pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated:FutureWarning")

LAYERS = [
    ("Linear", (4, 3), (5, 4)),
    ("Conv1d", (4, 6, 3), (2, 4, 7)),
    ("Conv2d", (4, 3, 2), (2, 4, 5, 5)),
    ("ConvTranspose2d", (4, 3, 2), (2, 4, 3, 3)),
]


def both(name, arguments, norm, **options):
    torch.manual_seed(0)
    twin = getattr(torch.nn, name)(*arguments, dtype=torch.float64)
    ours = getattr(scratch, name)(*arguments, dtype="float64")
    ours.load_state_dict(twin.state_dict())
    return getattr(utils, norm)(ours, **options), getattr(torch.nn.utils, norm)(twin, **options)


def assert_same_step(ours, twin, shape, seed=0):
    """The same output and the same gradients of x and of all parameters."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape)
    t = torch.tensor(x, requires_grad=True)
    want = twin(t)
    dy = rng.normal(size=tuple(want.shape))
    twin.zero_grad()
    want.backward(torch.tensor(dy))
    ours.zero_grad()
    y, backward = ours(x)
    dx = backward(dy)
    np.testing.assert_allclose(y, want.detach().numpy(), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(dx, t.grad.numpy(), rtol=1e-10, atol=1e-12)
    gradients = {key: p.grad for key, p in ours.named_parameters()}
    assert gradients.keys() == {key for key, _ in twin.named_parameters()}
    for key, p in twin.named_parameters():
        np.testing.assert_allclose(gradients[key], p.grad.numpy(), rtol=1e-9, atol=1e-11, err_msg=key)


@pytest.mark.parametrize("dim", [0, 1, -1, None])
@pytest.mark.parametrize(("name", "arguments", "shape"), LAYERS)
def test_weight_norm_is_torchs(name, arguments, shape, dim):
    ours, twin = both(name, arguments, "weight_norm", dim=dim)
    assert list(ours.state_dict()) == list(twin.state_dict())
    for key, value in twin.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[key], value.numpy(), rtol=1e-12, err_msg=key)
    rng = np.random.default_rng(3)
    moved = {key: np.asarray(rng.normal(size=tuple(value.shape))) for key, value in twin.state_dict().items()}
    ours.load_state_dict(moved)
    twin.load_state_dict({key: torch.tensor(value) for key, value in moved.items()})
    assert_same_step(ours, twin, shape)


@pytest.mark.parametrize("options", [{}, {"n_power_iterations": 3}, {"dim": 1}, {"dim": 0, "eps": 0.1}])
@pytest.mark.parametrize(("name", "arguments", "shape"), LAYERS)
def test_spectral_norm_is_torchs_in_training_and_evaluation(name, arguments, shape, options):
    ours, twin = both(name, arguments, "spectral_norm", **options)
    assert sorted(ours.state_dict()) == sorted(twin.state_dict())
    state = {key: value.clone() for key, value in twin.state_dict().items()}
    ours.load_state_dict(state)
    for seed in range(3):
        assert_same_step(ours, twin, shape, seed)
        for key, value in twin.state_dict().items():
            np.testing.assert_allclose(ours.state_dict()[key], value.numpy(), rtol=1e-10, atol=1e-12, err_msg=key)
    ours.eval()
    twin.eval()
    before = ours.state_dict()
    assert_same_step(ours, twin, shape)
    np.testing.assert_array_equal(ours.state_dict()["weight_u"], before["weight_u"])


def test_the_spectral_norm_becomes_one():
    layer = utils.spectral_norm(scratch.Linear(6, 5, dtype="float64"), n_power_iterations=200, rng=0)
    layer.predict(np.zeros((1, 6)))
    assert np.linalg.norm(layer.weight, 2) == pytest.approx(1, rel=1e-6)


def test_two_forwards_before_their_backwards_keep_their_own_vectors():
    layer = utils.spectral_norm(scratch.Linear(4, 3, dtype="float64"), rng=0)
    x, dy = np.ones((2, 4)), np.ones((2, 3))
    _, first = layer(x)
    first(dy)
    want = layer.weight_orig.grad.copy()
    layer.zero_grad()
    layer(2 * x)  # moves the vectors on
    first(dy)
    np.testing.assert_array_equal(layer.weight_orig.grad, want)


@pytest.mark.parametrize("norm", ["weight_norm", "spectral_norm"])
def test_removed_it_leaves_the_weight_it_had(norm):
    layer = scratch.Conv2d(2, 3, 2, dtype="float64")
    kind = type(layer)
    getattr(utils, norm)(layer)
    assert type(layer).__name__ == "Conv2d"
    x = np.random.default_rng(0).normal(size=(1, 2, 4, 4))
    want = layer.eval().predict(x)
    getattr(utils, f"remove_{norm}")(layer)
    assert type(layer) is kind
    assert sorted(layer.state_dict()) == ["bias", "weight"]
    np.testing.assert_allclose(layer.predict(x), want, rtol=1e-12)
    with pytest.raises(ValueError, match=f"{norm} of 'weight' not found"):
        getattr(utils, f"remove_{norm}")(layer)


def test_several_weights_of_one_module_may_be_normed():
    twin = torch.nn.RNNCell(3, 4).double()
    ours = scratch.RNNCell(3, 4, dtype="float64")
    ours.load_state_dict(twin.state_dict())
    for name in ("weight_ih", "weight_hh"):
        utils.weight_norm(ours, name)
        torch.nn.utils.weight_norm(twin, name)
    assert sorted(ours.state_dict()) == sorted(twin.state_dict())
    assert_same_step(ours, twin, (2, 3))
    utils.remove_weight_norm(ours, "weight_hh")
    torch.nn.utils.remove_weight_norm(twin, "weight_hh")
    assert sorted(ours.state_dict()) == sorted(twin.state_dict())
    assert_same_step(ours, twin, (2, 3), seed=1)


def test_a_copy_is_independent():
    layer = utils.weight_norm(scratch.Linear(3, 2, dtype="float64"))
    other = copy.deepcopy(layer)
    other.weight_g.data[...] = 0
    assert layer.predict(np.ones((1, 3))).any()
    assert (other.predict(np.zeros((1, 3))) == other.bias.data).all()


def test_only_the_wanted_gradients_are_computed_and_memory_is_released():
    layer = utils.weight_norm(scratch.Linear(3, 2, dtype="float64"))
    y, backward = layer(np.ones((1, 3)))
    assert pull(backward, np.ones_like(y), input_grad=False, release=True) is None
    assert layer.weight_g.grad is not None
    with pytest.raises(RuntimeError, match="released"):
        backward(np.ones_like(y))


def test_a_frozen_weight_stays_frozen():
    layer = scratch.Linear(3, 2, dtype="float64").requires_grad_(False)
    utils.weight_norm(layer)
    y, backward = layer(np.ones((1, 3)))
    backward(np.ones_like(y))
    assert layer.weight_g.grad is None
    assert layer.weight_v.grad is None


def test_in_a_network_it_trains():
    scratch.manual_seed(0)
    net = scratch.Sequential(
        utils.weight_norm(scratch.Linear(2, 8)), scratch.Tanh(), utils.spectral_norm(scratch.Linear(8, 2))
    )
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2)).astype("f4")
    y = (x[:, 0] > x[:, 1]).astype(int)
    optimizer = scratch.optim.Adam(net.parameters(), lr=0.05)
    history = scratch.training.fit(net, scratch.CrossEntropyLoss(), optimizer, (x, y), 10, 20, rng=0)
    assert history["loss"][-1] < 0.7 * history["loss"][0]


@pytest.mark.parametrize("norm", ["weight_norm", "spectral_norm"])
def test_what_cannot_be_normed_is_refused(norm):
    layer = scratch.Linear(3, 2)
    with pytest.raises(ValueError, match="has no parameter 'kernel'"):
        getattr(utils, norm)(layer, "kernel")
    getattr(utils, norm)(layer)
    with pytest.raises(RuntimeError, match="computed already"):
        getattr(utils, norm)(layer)
    with pytest.raises(ValueError, match="n_power_iterations"):
        utils.spectral_norm(scratch.Linear(3, 2), n_power_iterations=0)
    assert "weight" in scratch.Linear(3, 2).state_dict()
