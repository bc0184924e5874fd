"""What all convolutional networks have in common: published sizes and keys, a lean backward, branches."""

import numpy as np
import pytest
import torch

import scratch.models
import torch_ref.models
from parity_tests import checks
from parity_tests.pair import REGISTRY, Case, floats
from parity_tests.pairs import models as pairs  # noqa: F401  (fills the registry)
from parity_tests.sides import run_scratch, run_torch
from scratch.models.assembly import add_branches, concatenate_branches, unchanged
from scratch.op import Op, OpBackward, pull
from scratch.parameter import Parameter

PUBLISHED = [
    ("AlexNet", {}, 61_100_840),
    ("vgg11", {}, 132_863_336),
    ("vgg11", {"batch_norm": True}, 132_868_840),
    ("vgg13", {}, 133_047_848),
    ("vgg16", {}, 138_357_544),
    ("vgg19", {}, 143_667_240),
    ("resnet18", {}, 11_689_512),
    ("resnet34", {}, 21_797_672),
    ("resnet50", {}, 25_557_032),
    ("resnet101", {}, 44_549_160),
    ("resnet152", {}, 60_192_808),
    ("resnext50_32x4d", {}, 25_028_904),
    ("resnext101_32x8d", {}, 88_791_336),
    ("densenet121", {}, 7_978_856),
    ("densenet169", {}, 14_149_480),
    ("densenet201", {}, 20_013_928),
    ("GoogLeNet", {}, 6_624_904),
    ("GoogLeNet", {"batch_norm": False}, 6_998_552),
]
SMALL = {"num_classes": 3, "small_images": True}
DRY = {"dropout": 0.0}
TINY = {
    "LeNet": ({"num_classes": 3, "in_channels": 3, "channels": (2, 3), "hidden": (4, 3), "image_size": 12}, 12),
    "AlexNet": (SMALL | DRY | {"channels": (2, 3, 2, 3, 2), "hidden": 4}, 15),
    "VGG": (SMALL | DRY | {"stages": ((1, 2), (2, 3)), "hidden": 4}, 6),
    "NiN": (SMALL | DRY | {"blocks": ((3, 1, 1, (2, 3, 2)), (3, 1, 1, (3, 2, 9)))}, 7),
    "DenseNet": (SMALL | {"growth_rate": 2, "block_config": (2, 1), "num_init_features": 4, "bn_size": 2}, 6),
    "GoogLeNet": (SMALL | DRY | {"stem": (2, 2, 3), "stages": (((2, 1, 2, 1, 2, 2),),)}, 6),
    "ResNet": (SMALL | {"block": "basic", "layers": (1, 1), "width": 3}, 6),
}
LARGE = {"AlexNet": 63, "VGG": 8, "NiN": 9, "DenseNet": 21, "GoogLeNet": 21, "ResNet": 21}


class Still(np.random.Generator):
    """A generator without randomness: initialising a hundred million weights takes no time."""

    def __init__(self):
        super().__init__(np.random.PCG64())

    def uniform(self, low=0.0, high=1.0, size=None):
        return low

    def normal(self, loc=0.0, scale=1.0, size=None):
        return loc


def tiny(name):
    """(network, batch) of a few weights."""
    config, size = TINY[name]
    x = np.random.default_rng(0).normal(size=(3, 3, size, size))
    return getattr(scratch.models, name)(**config, rng=0).double(), x


@pytest.mark.parametrize(("name", "options", "published"), PUBLISHED)
def test_full_size_networks_have_the_published_weights(name, options, published):
    with torch.device("meta"):
        twin = getattr(torch_ref.models, name)(**options)
    assert sum(p.numel() for p in twin.parameters()) == published
    ours = getattr(scratch.models, name)(**options, rng=Still())
    assert [(k, p.shape) for k, p in ours.named_parameters()] == [
        (k, tuple(p.shape)) for k, p in twin.named_parameters()
    ]


def training_cases(name, seeds):
    """The network with batch norm, in the small form and in the large one."""
    config, size = TINY[name]
    forms = [(config, size)] if name == "LeNet" else [(config, size), (config | {"small_images": False}, LARGE[name])]
    batch_norm = {"batch_norm": True} if name in ("VGG", "GoogLeNet") else {}
    return [Case({"x": floats(4, 3, n, n)}, c | batch_norm, seed=s) for c, n in forms for s in range(seeds)]


@pytest.mark.parametrize("name", TINY)
def test_training_equals_autograd(name):
    pair = REGISTRY[name]
    for case in training_cases(name, 5):
        checks.matches_autograd(pair, case)
    for case in training_cases(name, 1):
        checks.backward_may_be_called_again(pair, case)
        checks.mutates_and_aliases_nothing(pair, case)
        checks.computes_only_what_is_wanted(pair, case)
        checks.takes_any_layout(pair, case)
        checks.textbook_agrees_with_kernel(pair, case)
        checks.runs_on_a_device(pair, case)


@pytest.mark.parametrize("name", TINY)
def test_float32_training_is_on_average_as_accurate_as_torchs(name):
    pair, ratios = REGISTRY[name], []
    for case in training_cases(name, 5):
        state, dy = checks.prepared(pair, case)
        single, double = as_type(state, "f4"), as_type(as_type(state, "f4"), "f8")
        x, dy32 = case.arrays("float32"), dy.astype("f4")
        truth = run_torch(pair, case, as_type(x, "f8"), dy32.astype("f8"), double, "float64").gradients
        twin = run_torch(pair, case, x, dy32, single, "float32").gradients
        ours = run_scratch(pair, case, x, dy32, single, "float32").gradients
        for key, exact in truth.items():
            errors = [float(abs(g[key] - exact).max()) for g in (ours, twin)]
            if min(errors) > 0:
                ratios.append(errors[0] / errors[1])
    assert np.exp(np.mean(np.log(ratios))) < 1.5


def as_type(arrays, dtype):
    return {key: a.astype(dtype) if a.dtype.kind == "f" else a for key, a in arrays.items()}


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("train", [True, False])
def test_finite_differences_agree_at_these_points(name, train):
    config, size = TINY[name]
    case = Case({"x": floats(3, 3, size, size)}, config, train=train)
    checks.matches_finite_differences(REGISTRY[name], case)


@pytest.mark.parametrize("name", TINY)
def test_training_skips_the_images_gradient_and_lets_go_of_memory(name, monkeypatch):
    net, x = tiny(name)
    y, backward = net(x)
    dy = np.random.default_rng(1).normal(size=y.shape)
    backward(dy)
    full = {key: p.grad for key, p in net.named_parameters()}
    calls, call = [], OpBackward.__call__

    def watched(self, dy=None, *, input_grad=True, release=False):
        calls.append((self.op.__name__, input_grad, release))
        return call(self, dy, input_grad=input_grad, release=release)

    monkeypatch.setattr(OpBackward, "__call__", watched)
    net.zero_grad()
    assert pull(backward, dy, input_grad=False, release=True) is None
    for key, p in net.named_parameters():
        np.testing.assert_array_equal(p.grad, full[key])
    assert [op for op, input_grad, _ in calls if not input_grad] == ["conv2d"]  # the first one
    assert all(release for _, _, release in calls)
    with pytest.raises(RuntimeError, match="released"):
        backward(dy)


@pytest.mark.parametrize("name", TINY)
def test_predict_is_the_forward_without_its_memory(name):
    net, x = tiny(name)
    net.eval()
    np.testing.assert_array_equal(net.predict(x), net(x)[0])


@pytest.mark.parametrize("name", TINY)
def test_one_seed_makes_the_same_network_and_layers_differ(name):
    config, _ = TINY[name]
    first, second = (getattr(scratch.models, name)(**config, rng=7).state_dict() for _ in range(2))
    for key in first:
        np.testing.assert_array_equal(first[key], second[key])
    weights = [w.reshape(-1)[0] for key, w in first.items() if key.endswith("weight") and w.ndim > 1]
    assert len(set(weights)) == len(weights)


def doubled(x):
    return 2 * x, lambda dy: 2 * dy


def test_a_sum_of_branches_hands_the_whole_gradient_to_each():
    x, dy = np.array([[1.0, 2.0]]), np.array([[10.0, 20.0]])
    y, backward = add_branches(x, doubled, unchanged, unchanged)
    np.testing.assert_array_equal(y, 4 * x)
    np.testing.assert_array_equal(backward(dy), 4 * dy)


def test_a_concatenation_of_branches_hands_each_its_own_channels():
    x = np.array([[[1.0]], [[3.0]]])  # (2, 1, 1)
    y, backward = concatenate_branches(x, doubled, unchanged)
    np.testing.assert_array_equal(y[:, :, 0], [[2, 1], [6, 3]])
    dx = backward(np.array([[[10.0], [1.0]], [[20.0], [2.0]]]))
    np.testing.assert_array_equal(dx[:, :, 0], [[21], [42]])


def test_branches_of_different_shapes_cannot_be_added():
    with pytest.raises(ValueError, match=r"add_branches: .*\(2, 3\), \(2, 1\)"):
        add_branches(np.zeros((2, 3)), unchanged, lambda x: (x[:, :1], None))


def test_without_the_inputs_gradient_only_what_learns_is_visited():
    weight = Parameter(np.array([2.0]))
    asked = []

    def scale_forward(x, weight):
        return x * weight, x

    def scale_backward(dy, x, needs):
        asked.append(needs)
        return dy, (dy * x).sum(keepdims=True)[0]

    scale = Op(scale_forward, scale_backward)
    constant = np.array([3.0])
    _, backward = add_branches(np.array([[5.0]]), lambda x: scale(x, weight), unchanged, lambda x: scale(x, constant))
    assert backward.learns
    assert pull(backward, np.array([[7.0]]), input_grad=False) is None
    assert asked == [(False, True)]  # the branch with the Parameter, and of it the Parameter's gradient alone
    np.testing.assert_array_equal(weight.grad, [35.0])
