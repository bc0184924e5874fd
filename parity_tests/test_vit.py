"""ViT: published sizes, what the head sees, and the token that all images share."""

import numpy as np
import pytest

import scratch
from scratch.models import ViT

SMALL = {"image_size": 4, "patch_size": 2, "num_layers": 2, "num_heads": 2, "hidden_dim": 6, "mlp_dim": 8}


def small(**options):
    model = ViT(**SMALL | {"num_classes": 3} | options, rng=0).double()
    model.heads["head"].weight.data[...] = np.random.default_rng(1).normal(size=(3, 6))  # it starts at zero
    return model


def test_without_layers_the_class_token_is_all_the_head_sees():
    model = small(num_layers=0)
    model.class_token.data[...] = np.arange(6)
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 4))
    token = np.arange(6) + model.encoder.pos_embedding.data[0, 0]
    normed = (token - token.mean()) / np.sqrt(token.var() + 1e-6)
    scores, backward = model(x)
    np.testing.assert_allclose(scores, np.tile(normed @ model.heads["head"].weight.data.T, (2, 1)), atol=1e-12)
    assert not backward(np.random.default_rng(2).normal(size=(2, 3))).any()


def test_a_new_network_gives_every_class_the_same_probability():
    assert not ViT(**SMALL, num_classes=3, rng=0).predict(np.ones((2, 3, 4, 4), np.float32)).any()


def test_places_are_told_apart_by_their_rows_only():
    model = small()
    x = np.random.default_rng(0).normal(size=(1, 3, 4, 4))
    turned = x[..., [2, 3, 0, 1]]  # patches 0 and 1, and 2 and 3, have changed places
    assert not np.allclose(model.predict(x), model.predict(turned))
    model.encoder.pos_embedding.data[...] = 0
    np.testing.assert_allclose(model.predict(x), model.predict(turned), atol=1e-12)


def test_the_token_and_the_rows_get_the_gradients_of_all_images_together():
    model = small()
    x, dy = np.random.default_rng(0).normal(size=(3, 3, 4, 4)), np.random.default_rng(1).normal(size=(3, 3))
    model(x)[1](dy)
    together = model.class_token.grad.copy(), model.encoder.pos_embedding.grad.copy()
    model.zero_grad()
    for i in range(3):
        model(x[i : i + 1])[1](dy[i : i + 1])
    for a, b in zip(together, (model.class_token.grad, model.encoder.pos_embedding.grad)):
        np.testing.assert_allclose(a, b, atol=1e-12)


def test_patches_are_read_row_by_row():
    model = small()
    for parameter in (model.conv_proj.weight, model.conv_proj.bias):
        parameter.data[...] = 0
    model.conv_proj.weight.data[0, 0] = 0.25  # the first feature is the mean of the patch's first channel
    x = np.zeros((1, 3, 4, 4))
    x[0, 0] = [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]
    tokens, _ = scratch.containers.chain(x, model.conv_proj, model.with_class_token)
    assert tokens[0, :, 0].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("patch", "parameters"), [(16, 86_567_656), (32, 88_224_232)])
def test_the_base_networks_have_the_published_number_of_parameters(patch, parameters):
    # counted in a network of one layer: the twelve are alike
    model = ViT(224, patch, 1, 12, 768, 3072)
    layer = sum(p.size for p in model.encoder.layers.parameters())
    assert sum(p.size for p in model.parameters()) + 11 * layer == parameters
