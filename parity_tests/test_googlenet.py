"""GoogLeNet: what the branches of a block see, and where the forms differ."""

import numpy as np
import pytest

from scratch.models import GoogLeNet, Inception


def test_a_block_concatenates_its_branches_in_the_papers_order():
    block = Inception(2, 1, 2, 3, 2, 4, 5, batch_norm=False, rng=0).double()
    x = np.random.default_rng(0).normal(size=(2, 2, 4, 4))
    y, _ = block(x)
    parts = [branch.predict(x) for branch in (block.branch1, block.branch2, block.branch3, block.branch4)]
    assert [p.shape[1] for p in parts] == [1, 3, 4, 5]
    np.testing.assert_array_equal(y, np.concatenate(parts, axis=1))


@pytest.mark.parametrize("batch_norm", [True, False])
def test_the_gradient_of_one_branchs_channels_reaches_that_branch_only(batch_norm):
    block = Inception(2, 1, 2, 3, 2, 4, 5, batch_norm=batch_norm, rng=0).double()
    y, backward = block(np.random.default_rng(0).normal(size=(2, 2, 4, 4)))
    dy = np.zeros_like(y)
    dy[:, 1:4] = np.random.default_rng(1).normal(size=(2, 3, 4, 4))  # branch2's
    assert backward(dy).any()
    reached = {key.split(".")[0] for key, p in block.named_parameters() if p.grad.any()}
    assert reached == {"branch2"}


def test_the_large_window_is_the_papers_without_batch_norm_and_the_checkpoints_with_it():
    assert Inception(2, 1, 1, 1, 1, 1, 1, batch_norm=False).branch3[1].conv.kernel_size == (5, 5)
    assert Inception(2, 1, 1, 1, 1, 1, 1).branch3[1].conv.kernel_size == (3, 3)


def test_weights_of_auxiliary_heads_are_left_aside_when_asked_to():
    config = {"num_classes": 2, "stem": (2, 2, 2), "stages": (((1, 1, 1, 1, 1, 1),),)}
    net = GoogLeNet(**config, rng=0)
    checkpoint = GoogLeNet(**config, rng=1).state_dict() | {"aux1.fc1.weight": np.zeros((3, 3), np.float32)}
    with pytest.raises(ValueError, match="unexpected: aux1"):
        net.load_state_dict(checkpoint)
    assert net.load_state_dict(checkpoint, strict=False).unexpected_keys == ["aux1.fc1.weight"]
    np.testing.assert_array_equal(net.fc.weight.data, checkpoint["fc.weight"])


def test_images_of_28_pixels_end_at_7_in_the_small_form():
    net = GoogLeNet(num_classes=10, in_channels=1, small_images=True, rng=0).eval()
    x = np.zeros((1, 1, 28, 28), np.float32)
    *trunk, _, _, _, _ = net.steps()
    for step in trunk:
        x = step.predict(x)
    assert x.shape == (1, 1024, 7, 7)
