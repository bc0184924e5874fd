"""The six transforms: each kernel gives what the structure gave that it stands for; and the block that uses them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings

import parity_tests.pairs  # noqa: F401  (fills the registry)
import scratch
import torch_ref.models
from parity_tests import checks
from parity_tests.pair import REGISTRY
from scratch.models import DiverseBranchBlock
from scratch.models.diverse_branch import (
    add_kernels,
    average_kernel,
    concatenate_kernels,
    fuse_kernel,
    merge_kernels,
    pad_kernel,
)
from scratch.optim import SGD

GROUPS = pytest.mark.parametrize("groups", [1, 2, 4])


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


X = draw(2, 4, 7, 6, seed=9)


def kernel(filters, channels, *size, seed=0):
    return draw(filters, channels, *size, seed=seed), draw(filters, seed=seed + 100)


def convolved(x, kernel, **options):
    return scratch.functional.conv2d(x, *kernel, **options)[0]


def same(got, want):
    np.testing.assert_allclose(got, want, atol=1e-10, rtol=0)


@GROUPS
@pytest.mark.parametrize("bias", [True, False])
def test_1_a_convolution_and_its_batch_norm(groups, bias):
    conv = scratch.Conv2d(4, 8, 3, stride=2, padding=1, groups=groups, bias=bias, rng=0).double().eval()
    bn = scratch.BatchNorm2d(8).double().eval()
    bn.load_state_dict(
        {"weight": draw(8), "bias": draw(8, seed=1), "running_mean": draw(8, seed=2),
         "running_var": abs(draw(8, seed=3)) + 0.1, "num_batches_tracked": np.array(3)}
    )  # fmt: skip
    fused = fuse_kernel(conv, bn)
    same(convolved(X, fused, stride=2, padding=1, groups=groups), bn.predict(conv.predict(X)))


@GROUPS
def test_2_a_sum_of_branches(groups):
    parts = [kernel(8, 4 // groups, 3, 3, seed=i) for i in range(3)]
    options = {"stride": 2, "padding": 1, "groups": groups}
    same(convolved(X, add_kernels(*parts), **options), sum(convolved(X, part, **options) for part in parts))


@GROUPS
def test_3_a_1x1_and_then_a_3x3(groups):
    # D = 12 channels in between; the border stands before the 1x1, so that both see it
    first, second = kernel(12, 4 // groups, 1, 1), kernel(8, 12 // groups, 3, 3, seed=1)
    bordered = np.pad(X, ((0, 0), (0, 0), (1, 1), (1, 1)))
    want = convolved(convolved(bordered, first, groups=groups), second, stride=2, groups=groups)
    same(convolved(X, merge_kernels(first, second, groups), stride=2, padding=1, groups=groups), want)


def test_3_by_hand():
    # the 1x1 makes 2x + 3 and -x + 1 of one channel; the 1x2 takes 10 a[0] + 20 a[1] of the one and b[1] of the other:
    # 10 (2x + 3) + 20 (2x' + 3) + (-x' + 1) + 7 = 20 x + 39 x' + 98
    first = np.array([2.0, -1.0]).reshape(2, 1, 1, 1), np.array([3.0, 1.0])
    second = np.array([[10.0, 20.0], [0.0, 1.0]]).reshape(1, 2, 1, 2), np.array([7.0])
    weight, bias = merge_kernels(first, second)
    np.testing.assert_array_equal(weight, [[[[20, 39]]]])
    np.testing.assert_array_equal(bias, [98])


def test_3_refuses_what_does_not_follow_each_other():
    with pytest.raises(ValueError, match="merge_kernels: the first must be 1x1 with the 6 channels"):
        merge_kernels(kernel(5, 4, 1, 1), kernel(8, 6, 3, 3))
    with pytest.raises(ValueError, match="merge_kernels: the first must be 1x1"):
        merge_kernels(kernel(6, 4, 3, 3), kernel(8, 6, 3, 3))


def test_4_channels_one_after_the_other():
    parts = [kernel(filters, 4, 3, 3, seed=filters) for filters in (1, 3, 2)]
    want = np.concatenate([convolved(X, part, padding=1) for part in parts], axis=1)
    same(convolved(X, concatenate_kernels(*parts), padding=1), want)


@GROUPS
@pytest.mark.parametrize(("k", "stride"), [(1, 1), (2, 2), (3, 1), (3, 2)])
def test_5_average_pooling(groups, k, stride):
    weight = average_kernel(4, k, groups)
    assert weight.shape == (4, 4 // groups, k, k)
    want, _ = scratch.functional.avg_pool2d(X, k, stride, padding=k // 2)  # zeros of the border count
    same(convolved(X, (weight, None), stride=stride, padding=k // 2, groups=groups), want)


@GROUPS
@pytest.mark.parametrize("size", [(1, 1), (1, 3), (3, 1), (3, 3)])
def test_6_a_small_kernel_in_the_middle_of_a_large_one(groups, size):
    weight, bias = kernel(8, 4 // groups, *size)
    want = convolved(X, (weight, bias), padding=(size[0] // 2, size[1] // 2), groups=groups)
    same(convolved(X, (pad_kernel(weight, (5, 5)), bias), padding=2, groups=groups), want)


CONFIGS = [
    {"in_channels": 4, "out_channels": 4},
    {"in_channels": 4, "out_channels": 6, "kernel_size": 5, "groups": 2},
    {"in_channels": 4, "out_channels": 8, "groups": 4, "stride": 2},
    {"in_channels": 4, "out_channels": 2, "kernel_size": 1, "stride": 2},
]


def trained(**config):
    """A block in float64, in evaluation, with all parameters and running statistics away from where they start."""
    rng = np.random.default_rng(0)
    block = DiverseBranchBlock(**config, rng=0).double().eval()
    state = {k: rng.uniform(0.5, 2, v.shape) * rng.choice([-1, 1], v.shape) for k, v in block.state_dict().items()}
    block.load_state_dict({k: abs(v) if k.endswith(("running_var", "tracked")) else v for k, v in state.items()})
    return block


@pytest.mark.parametrize("config", CONFIGS)
def test_the_folded_block_gives_what_the_branches_gave_and_what_the_twin_folds(config):
    block = trained(**config)
    twin = torch_ref.models.DiverseBranchBlock(**config).double().eval()
    twin.load_state_dict({k: torch.tensor(v) for k, v in block.state_dict().items()})
    y, backward = block(X)
    dy = draw(*y.shape, seed=5)
    dx = backward(dy)
    block.switch_to_deploy()
    twin.switch_to_deploy()
    assert list(block.state_dict()) == ["reparam.weight", "reparam.bias"]
    folded, folded_backward = block(X)
    np.testing.assert_allclose(folded, y, atol=1e-10 * abs(y).max(), rtol=0)
    np.testing.assert_allclose(folded_backward(dy), dx, atol=1e-10 * abs(dx).max(), rtol=0)
    for key, value in twin.state_dict().items():
        np.testing.assert_allclose(block.state_dict()[key], value.numpy(), atol=1e-10)


@settings(max_examples=15)
@given(case=REGISTRY["DiverseBranchBlock"].drawn())
def test_training_matches_autograd_and_finite_differences(case):
    training = replace(case, config=dict(case.config) | {"deploy": False}, train=True)
    checks.matches_autograd(REGISTRY["DiverseBranchBlock"], training)
    checks.matches_finite_differences(REGISTRY["DiverseBranchBlock"], training)


def test_the_folded_weights_still_learn():
    block = trained(**CONFIGS[0])
    block.switch_to_deploy()
    before = block.state_dict()
    y, backward = block.train()(X)
    backward(draw(*y.shape, seed=6))
    SGD(block.parameters(), lr=0.1).step()
    for key, value in block.state_dict().items():
        assert not np.array_equal(value, before[key]), key


def test_folding_in_training_is_refused_and_changes_nothing():
    block = DiverseBranchBlock(4, 4, rng=0)
    before = list(block.state_dict())
    with pytest.raises(ValueError, match="evaluation mode"):
        block.switch_to_deploy()
    assert list(block.state_dict()) == before
