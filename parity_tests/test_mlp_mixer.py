"""MLP-Mixer: which parts learn, and which way each of its two networks mixes."""

import numpy as np

from scratch.models import MixerBlock, MlpMixer
from scratch.optim import SGD

SMALL = {
    "num_classes": 3, "num_blocks": 2, "patch_size": 2, "tokens_hidden_dim": 5, "channels_hidden_dim": 6,
    "tokens_mlp_dim": 4, "channels_mlp_dim": 7,
}  # fmt: skip


def test_every_block_is_in_the_state_dict_and_learns():
    rng = np.random.default_rng(0)
    model = MlpMixer(**SMALL, rng=0).double()
    before = model.state_dict()
    blocks = [key for key in before if key.startswith("mlp_blocks.")]
    assert len(blocks) == 2 * 12  # two norms and four linear layers in each block, weight and bias of each
    y, backward = model(rng.normal(size=(2, 3, 4, 4)))
    backward(rng.normal(size=y.shape))
    gradients = {key: np.abs(parameter.grad).max() for key, parameter in model.named_parameters()}
    # token mixing's last bias moves all channels of a token alike, and every layer norm behind it takes that away
    without = {f"mlp_blocks.{i}.tokens_mlp_block.fc2.bias" for i in range(2)}
    assert {key for key in gradients if gradients[key] < 1e-12} == without
    SGD(model.parameters(), lr=0.1).step()
    after = model.state_dict()
    still = [key for key in before if key not in without and np.array_equal(before[key], after[key])]
    assert not still


def block(**silent):
    """A MixerBlock for 3 tokens of width 4 in which the named network gives 0."""
    mixer = MixerBlock(3, 4, 5, 6, rng=0).double()
    for name in silent:
        for parameter in getattr(mixer, name).parameters():
            parameter.data[...] = 0
    return mixer


def jacobian_pattern(module, x):
    """Which outputs depend on which inputs: (*y.shape, *x.shape) of bool, one backward for each output."""
    y, backward = module(x)
    rows = []
    for i in range(y.size):
        dy = np.zeros(y.size)
        dy[i] = 1
        rows.append(backward(dy.reshape(y.shape)) != 0)
    return np.array(rows).reshape(*y.shape, *x.shape)[0, :, :, 0]


def test_channel_mixing_stays_within_a_token():
    depends = jacobian_pattern(block(tokens_mlp_block=0), np.random.default_rng(1).normal(size=(1, 3, 4)))
    for t in range(3):
        for s in range(3):
            assert depends[t, :, s, :].all() == (t == s)
            assert depends[t, :, s, :].any() == (t == s)


def test_token_mixing_reaches_every_token():
    depends = jacobian_pattern(block(channels_mlp_block=0), np.random.default_rng(1).normal(size=(1, 3, 4)))
    assert depends.all()  # layer norm has joined the channels of a token before


def test_both_networks_silent_leave_the_way_around():
    x = np.random.default_rng(2).normal(size=(2, 3, 4))
    y, backward = block(tokens_mlp_block=0, channels_mlp_block=0)(x)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(backward(x), x)


def test_the_form_of_the_paper_has_its_number_of_parameters():
    # S/16 at 224x224 with 1000 classes: 18 million in the paper's table
    per_block = 2 * 2 * 512 + (196 * 256 + 256 + 256 * 196 + 196) + (512 * 2048 + 2048 + 2048 * 512 + 512)
    expected = (3 * 16 * 16 * 512 + 512) + 8 * per_block + 2 * 512 + (512 * 1000 + 1000)
    model = MlpMixer(1000, 8, 16, 256, 2048, 196, 512)
    assert sum(parameter.size for parameter in model.parameters()) == expected == 18_528_264
