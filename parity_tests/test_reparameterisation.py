"""Folding branches into one convolution: by hand, equal in evaluation, as the twin does it, and still able to learn."""

import numpy as np
import pytest
import torch

import torch_ref.models
from scratch.models import ACNet, RepBlock
from scratch.models.reparameterisation import add_kernels, pad_kernel
from scratch.optim import SGD

BLOCKS = (RepBlock, ACNet)
CONFIGS = [
    {"input_channel": 4, "output_channel": 4},
    {"input_channel": 4, "output_channel": 6, "kernel_size": 5, "groups": 2},
    {"input_channel": 4, "output_channel": 4, "groups": 2, "stride": 2},
    {"input_channel": 4, "output_channel": 4, "groups": 4, "kernel_size": 1},
]


def trained(block, **config):
    """A block in float64, in evaluation, with all parameters and running statistics away from where they start."""
    rng = np.random.default_rng(0)
    module = block(**config, rng=0).double().eval()
    state = {k: rng.uniform(0.5, 2, v.shape) * rng.choice([-1, 1], v.shape) for k, v in module.state_dict().items()}
    module.load_state_dict({k: abs(v) if k.endswith(("running_var", "tracked")) else v for k, v in state.items()})
    return module


def images():
    return np.random.default_rng(1).normal(size=(3, 4, 7, 6))


def test_kernels_by_hand():
    small = np.array([[[[5.0]]]])
    np.testing.assert_array_equal(pad_kernel(small, (1, 3))[0, 0], [[0, 5, 0]])
    np.testing.assert_array_equal(pad_kernel(small, (3, 3))[0, 0], [[0, 0, 0], [0, 5, 0], [0, 0, 0]])
    weight, bias = add_kernels((small, np.array([1.0])), (small, np.array([2.0])), (small, np.array([3.0])))
    np.testing.assert_array_equal(weight, [[[[15]]]])
    np.testing.assert_array_equal(bias, [6])
    for size in ((1, 2), (0, 1)):
        with pytest.raises(ValueError, match="no place in the middle"):
            pad_kernel(small, size)


def test_a_fresh_repvgg_block_folds_into_its_three_kernels():
    # at first batch norm only divides by sqrt(1 + eps): 3x3 kernel + 1x1 kernel and identity in the middle, over that
    block = RepBlock(1, 1, rng=0).double().eval()
    expected = block.brb_kxk[0].weight.data.copy()
    expected[0, 0, 1, 1] += block.brb_1x1[0].weight.data[0, 0, 0, 0] + 1
    block.switch_to_deploy()
    np.testing.assert_allclose(block.reparam.weight.data, expected / np.sqrt(1 + 1e-5), atol=1e-15)
    np.testing.assert_array_equal(block.reparam.bias.data, [0])


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("config", CONFIGS)
def test_the_folded_block_gives_what_the_branches_gave(block, config):
    module, x = trained(block, **config), images()
    y, backward = module(x)
    dy = np.random.default_rng(2).normal(size=y.shape)
    dx = backward(dy)
    module.switch_to_deploy()
    assert list(module.state_dict()) == ["reparam.weight", "reparam.bias"]
    folded, folded_backward = module(x)
    np.testing.assert_allclose(folded, y, atol=1e-10, rtol=0)
    np.testing.assert_allclose(folded_backward(dy), dx, atol=1e-10, rtol=0)
    module.switch_to_deploy()  # once more changes nothing
    np.testing.assert_array_equal(module.predict(x), folded)


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("config", CONFIGS)
def test_the_twin_folds_into_the_same_kernel(block, config):
    module = trained(block, **config)
    twin = getattr(torch_ref.models, block.__name__)(**config).double().eval()
    twin.load_state_dict({k: torch.tensor(v) for k, v in module.state_dict().items()})
    module.switch_to_deploy()
    twin.switch_to_deploy()
    for key, value in twin.state_dict().items():
        np.testing.assert_allclose(module.state_dict()[key], value.numpy(), atol=1e-12)
    fresh = block(**config, deploy=True).double()  # what is folded loads into a block that was made so
    fresh.load_state_dict(module.state_dict())
    np.testing.assert_array_equal(fresh.predict(images()), module.predict(images()))


@pytest.mark.parametrize("block", BLOCKS)
def test_the_folded_weights_still_learn(block):
    module = trained(block, **CONFIGS[0])
    module.switch_to_deploy()
    assert all(parameter.requires_grad for parameter in module.parameters())
    before = module.state_dict()
    y, backward = module.train()(images())
    backward(np.random.default_rng(3).normal(size=y.shape))
    SGD(module.parameters(), lr=0.1).step()
    for key, value in module.state_dict().items():
        assert not np.array_equal(value, before[key]), key


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("deploy", [False, True])
def test_stride_is_respected(block, deploy):
    x = np.zeros((2, 4, 7, 6))
    assert block(4, 4, stride=2, deploy=deploy).double().predict(x).shape == (2, 4, 4, 3)
    assert block(4, 4, stride=1, deploy=deploy).double().predict(x).shape == (2, 4, 7, 6)


def test_the_identity_branch_is_there_where_shapes_allow():
    assert RepBlock(4, 4).brb_identity is not None
    assert RepBlock(4, 4, stride=2).brb_identity is None
    assert RepBlock(4, 6).brb_identity is None


@pytest.mark.parametrize("block", BLOCKS)
def test_folding_in_training_is_refused_and_changes_nothing(block):
    module = block(4, 4, rng=0).double()
    before = module.state_dict()
    with pytest.raises(ValueError, match="evaluation mode"):
        module.switch_to_deploy()
    assert list(module.state_dict()) == list(before)
    assert not module.deploy
