"""ResMLP: that patches are patches, that they meet, and that everything learns."""

import numpy as np
import pytest

from scratch.models import Affine, ResMLP, ResMLPBlock

SMALL = {"dim": 5, "image_size": 6, "patch_size": 2, "expansion_factor": 2, "depth": 2, "class_num": 3}


def without(model, part):
    """The model with one of its two mixings scaled to 0 in every block."""
    for block in model.mlp:
        getattr(block, part).weight.data[...] = 0
    return model


def images(n=1, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 3, 6, 6))


def moved_patches(x, order):
    """The 2x2 patches of 6x6 images in another order, each unchanged inside."""
    patches = x.reshape(-1, 3, 3, 2, 3, 2).transpose(0, 2, 4, 1, 3, 5).reshape(-1, 9, 3, 2, 2)[:, order]
    return patches.reshape(-1, 3, 3, 3, 2, 2).transpose(0, 3, 1, 4, 2, 5).reshape(-1, 3, 6, 6)


def test_affine_by_hand():
    # y = x · [2, 3] + [1, 0]; dweight sums dy · x over the rows: [1·1 + 2·3, 1·2 + 0·4] = [7, 2], dbias sums dy: [3, 1]
    layer = Affine(2).double()
    np.testing.assert_array_equal(layer(np.array([5.0, 7.0]))[0], [5, 7])  # it starts as the identity
    layer.weight.data[...], layer.bias.data[...] = (2, 3), (1, 0)
    y, backward = layer(np.array([[1.0, 2.0], [3.0, 4.0]]))
    np.testing.assert_array_equal(y, [[3, 6], [7, 12]])
    np.testing.assert_array_equal(backward(np.array([[1.0, 1.0], [2.0, 0.0]])), [[2, 3], [4, 0]])
    np.testing.assert_array_equal(layer.weight.grad, [7, 2])
    np.testing.assert_array_equal(layer.bias.grad, [3, 1])


def test_both_mixings_of_every_block_are_there_and_learn():
    model = ResMLP(**SMALL, rng=0).double()
    y, backward = model(images(2))
    backward(np.random.default_rng(1).normal(size=y.shape))
    names = dict(model.named_parameters())
    for i in range(2):
        assert names[f"mlp.{i}.patches.weight"].shape == (9, 9)
        assert names[f"mlp.{i}.channels.fc1.weight"].shape == (10, 5)
    silent = [name for name, parameter in names.items() if parameter.grad is None or not parameter.grad.any()]
    assert not silent


@pytest.mark.parametrize(("part", "meet"), [("scale1", False), ("scale2", True)])
def test_patches_meet_in_the_linear_map_over_them_and_nowhere_else(part, meet):
    block = ResMLPBlock(4, 3, rng=0).double()
    getattr(block, part).weight.data[...] = 0
    _, backward = block(np.random.default_rng(0).normal(size=(1, 3, 4)))
    dy = np.zeros((1, 3, 4))
    dy[0, 1] = 1, -2, 3, 0.5
    dx = backward(dy)
    assert dx[0, 1].any()
    assert bool(dx[0, [0, 2]].any()) == meet


def test_a_patch_is_a_square_of_the_image():
    # without token mixing the scores are a mean over patches, so that the patches' order does not count...
    x, order = images(2), np.random.default_rng(1).permutation(9)
    alone = without(ResMLP(**SMALL, rng=0).double(), "scale1")
    np.testing.assert_allclose(alone.predict(moved_patches(x, order)), alone.predict(x), atol=1e-12)
    # ... but what is where inside a patch does: swapped here are two pixels of the patch in the corner
    swapped = x.copy()
    swapped[:, :, 0, :2] = x[:, :, 0, 1::-1]
    assert np.abs(alone.predict(swapped) - alone.predict(x)).min() > 1e-6
    # with token mixing the order of the patches counts too
    whole = ResMLP(**SMALL, rng=0).double()
    assert np.abs(whole.predict(moved_patches(x, order)) - whole.predict(x)).min() > 1e-6


def test_patches_keep_their_places():
    # the embedding takes the mean of each patch, blocks and affine do nothing, and the token in row 1, column 2 is read
    model = ResMLP(dim=1, image_size=6, patch_size=2, depth=0).double()
    model.embedding.weight.data[...], model.embedding.bias.data[...] = 1 / 12, 0
    x = images()
    y, _ = model.embedding(x)
    np.testing.assert_allclose(y[0, 0, 1, 2], x[0, :, 2:4, 4:6].mean())


def test_deep_networks_start_closer_to_the_identity():
    for depth, value in ((18, 0.1), (24, 1e-5), (25, 1e-6)):
        model = ResMLP(dim=1, image_size=1, patch_size=1, depth=depth, class_num=1)
        assert {float(block.scale1.weight.data[0]) for block in model.mlp} == {float(np.float32(value))}


def test_s12_has_as_many_parameters_as_the_paper_says():
    # 15.4 million in the paper's table: 384 channels, 12 blocks, 196 patches
    block = 2 * 2 * 384 + 2 * 384 + 196 * 196 + 196 + (384 * 1536 + 1536) + (1536 * 384 + 384)
    expected = (3 * 16 * 16 * 384 + 384) + 12 * block + 2 * 384 + (384 * 1000 + 1000)
    model = ResMLP(384, 224, 16, 4, 12, 1000)
    assert sum(parameter.size for parameter in model.parameters()) == expected == 15_350_872
