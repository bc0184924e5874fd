"""Batch norm folded into a layer gives the two layers' output, and torch's own folded weights."""

import copy

import numpy as np
import pytest
import torch

import scratch
from scratch.utils import fuse_conv_bn_eval, fuse_linear_bn_eval


def two_layers(layer, bn, twin_layer, twin_bn):
    rng = np.random.default_rng(0)
    for ours, theirs in ((layer, twin_layer), (bn, twin_bn)):
        state = {k: rng.uniform(0.5, 2, size=v.shape) for k, v in ours.state_dict().items() if v.ndim}
        ours.to("float64").eval().load_state_dict(state, strict=False)
        theirs.double().eval().load_state_dict({k: torch.tensor(v) for k, v in state.items()}, strict=False)
    return layer, bn, twin_layer, twin_bn


CONVOLUTIONS = [
    ("Conv1d", (4, 6, 3), {"groups": 2}, (2, 4, 7), False),
    ("Conv2d", (3, 6, 3), {"bias": False, "padding": 1}, (2, 3, 5, 5), False),
    ("ConvTranspose2d", (3, 6, 3), {"stride": 2}, (2, 3, 5, 5), True),
]


@pytest.mark.parametrize(("name", "arguments", "options", "shape", "transpose"), CONVOLUTIONS)
@pytest.mark.parametrize("affine", [True, False])
def test_a_convolution_takes_its_batch_norm_in(name, arguments, options, shape, transpose, affine):
    norm = f"BatchNorm{len(shape) - 2}d"
    layer, bn, twin, twin_bn = two_layers(
        getattr(scratch, name)(*arguments, **options),
        getattr(scratch, norm)(6, affine=affine),
        getattr(torch.nn, name)(*arguments, **options),
        getattr(torch.nn, norm)(6, affine=affine),
    )
    before = copy.deepcopy(layer.state_dict())
    fused = fuse_conv_bn_eval(layer, bn, transpose)
    x = np.random.default_rng(1).normal(size=shape)
    np.testing.assert_allclose(fused.predict(x), bn.predict(layer.predict(x)), atol=1e-12)
    want = torch.nn.utils.fuse_conv_bn_eval(twin, twin_bn, transpose)
    np.testing.assert_allclose(fused.weight.data, want.weight.detach().numpy(), atol=1e-12)
    np.testing.assert_allclose(fused.bias.data, want.bias.detach().numpy(), atol=1e-12)
    for key, value in layer.state_dict().items():
        np.testing.assert_array_equal(value, before[key])


@pytest.mark.parametrize("features", [4, 1])
def test_a_linear_layer_takes_its_batch_norm_in(features):
    layer, bn, twin, twin_bn = two_layers(
        scratch.Linear(3, 4), scratch.BatchNorm1d(features), torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(features)
    )
    fused, want = fuse_linear_bn_eval(layer, bn), torch.nn.utils.fuse_linear_bn_eval(twin, twin_bn)
    np.testing.assert_allclose(fused.weight.data, want.weight.detach().numpy(), atol=1e-12)
    np.testing.assert_allclose(fused.bias.data, want.bias.detach().numpy(), atol=1e-12)


def test_what_cannot_be_folded_is_refused():
    conv, bn = scratch.Conv2d(3, 4, 3), scratch.BatchNorm2d(4)
    with pytest.raises(ValueError, match="must be in evaluation mode"):
        fuse_conv_bn_eval(conv, bn)
    conv.eval()
    with pytest.raises(ValueError, match="no running statistics"):
        fuse_conv_bn_eval(conv, scratch.BatchNorm2d(4, track_running_stats=False).eval())
    with pytest.raises(ValueError, match="has 5 features, but the layer 4 outputs"):
        fuse_conv_bn_eval(conv, scratch.BatchNorm2d(5).eval())
    with pytest.raises(ValueError, match="axis 1 of weight"):
        fuse_conv_bn_eval(conv, bn.eval(), transpose=True)
