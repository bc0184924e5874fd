"""Initial values: distributed as torch's, in place, and reproducible."""

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp

import scratch
from scratch import init
from scratch.parameter import Parameter

RANDOM = [
    ("uniform_", {"a": -2.0, "b": 3.0}, (40, 50)),
    ("normal_", {"mean": 1.0, "std": 3.0}, (40, 50)),
    ("trunc_normal_", {}, (40, 50)),
    ("trunc_normal_", {"mean": 1.0, "std": 2.0, "a": -1.0, "b": 1.5}, (2000,)),
    ("trunc_normal_", {"mean": 5.0, "std": 2.0, "a": -1.0, "b": 1.5}, (2000,)),
    ("trunc_normal_", {"mean": 0.0, "std": 0.5, "a": 2.0, "b": 9.0}, (2000,)),
    ("xavier_uniform_", {}, (40, 50)),
    ("xavier_uniform_", {"gain": 2.0}, (10, 20, 3, 3)),
    ("xavier_normal_", {"gain": 0.5}, (10, 20, 9)),
    ("kaiming_uniform_", {}, (40, 50)),
    ("kaiming_uniform_", {"a": 0.3, "mode": "fan_out"}, (10, 20, 3, 3)),
    ("kaiming_normal_", {"nonlinearity": "relu"}, (40, 50)),
    ("kaiming_normal_", {"nonlinearity": "tanh", "mode": "fan_out"}, (10, 20, 3, 3)),
    ("orthogonal_", {"gain": 3.0}, (60, 30)),
    ("sparse_", {"sparsity": 0.3, "std": 2.0}, (45, 50)),
]


@pytest.mark.filterwarnings("ignore:mean is more than 2 std")
@pytest.mark.parametrize(("name", "options", "shape"), RANDOM)
def test_values_are_distributed_as_torchs(name, options, shape):
    torch.manual_seed(0)
    theirs = getattr(torch.nn.init, name)(torch.zeros(shape, dtype=torch.float64), **options).numpy()
    ours = getattr(init, name)(np.zeros(shape), **options, rng=0)
    assert ks_2samp(ours.ravel(), theirs.ravel()).pvalue > 0.005


@pytest.mark.parametrize(("name", "options", "shape"), RANDOM)
def test_the_parameter_is_filled_in_place_and_a_seed_repeats_the_values(name, options, shape):
    data = np.zeros(shape, np.float32)
    parameter = Parameter(data)
    assert getattr(init, name)(parameter, **options, rng=3) is parameter
    assert parameter.data is data
    assert parameter.version == 1
    again = getattr(init, name)(np.zeros(shape, np.float32), **options, rng=3)
    np.testing.assert_array_equal(data, again)
    scratch.manual_seed(7)
    shared = getattr(init, name)(np.zeros(shape), **options)
    np.testing.assert_array_equal(shared, getattr(init, name)(np.zeros(shape), **options, rng=7))


@pytest.mark.parametrize(
    ("name", "options", "shape"),
    [
        ("constant_", {"val": 2.5}, (3, 2)),
        ("ones_", {}, (3, 2)),
        ("zeros_", {}, (3, 2)),
        ("eye_", {}, (3, 5)),
        ("eye_", {}, (4, 2)),
        ("dirac_", {}, (3, 5, 3)),
        ("dirac_", {"groups": 2}, (6, 2, 3, 4)),
        ("dirac_", {"groups": 3}, (6, 1, 2, 3, 5)),
    ],
)
def test_fixed_values_are_torchs(name, options, shape):
    want = getattr(torch.nn.init, name)(torch.full(shape, 9.0), **options).numpy()
    np.testing.assert_array_equal(getattr(init, name)(np.full(shape, 9.0, np.float32), **options), want)


@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (7, 3), (4, 2, 3)])
def test_orthogonal_matrices_are_orthogonal(shape):
    weight = init.orthogonal_(np.zeros(shape), gain=2.0, rng=0).reshape(shape[0], -1)
    small = weight @ weight.T if weight.shape[0] <= weight.shape[1] else weight.T @ weight
    np.testing.assert_allclose(small, 4 * np.eye(len(small)), atol=1e-12)


def test_truncated_values_far_out_in_either_tail_crowd_at_the_bound_nearest_to_the_mean():
    # 20 deviations out the density falls by e^-2 for every tenth
    for mean, near in ((-20.5, -0.5), (20.25, 0.25)):
        values = init.trunc_normal_(np.zeros(1000), mean=mean, a=-0.5, b=0.25, rng=0)
        assert 0.04 < abs(values - near).mean() < 0.06
        assert len(np.unique(values)) > 990


def test_orthogonal_matrices_point_to_all_sides():
    signs = {float(np.sign(init.orthogonal_(np.zeros((2, 2)), rng=seed)[0, 0])) for seed in range(20)}
    assert signs == {-1.0, 1.0}


def test_sparse_zeroes_the_same_number_in_every_column():
    weight = init.sparse_(np.zeros((10, 6)), 0.25, rng=0)
    np.testing.assert_array_equal((weight == 0).sum(axis=0), 3)  # ceil(2.5)


@pytest.mark.parametrize("mean", [-3.0, 0.0, 100.0])
def test_truncated_values_stay_within_their_bounds_however_far_the_mean_is(mean):
    values = init.trunc_normal_(np.zeros(1000), mean=mean, a=-0.5, b=0.25, rng=0)
    assert (values >= -0.5).all()
    assert (values <= 0.25).all()
    assert np.isfinite(values).all()


def test_a_dirac_weight_copies_the_input():
    x = np.random.default_rng(0).normal(size=(2, 3, 5))
    weight = init.dirac_(np.zeros((3, 3, 3)))
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1)))
    windows = np.stack([padded[:, :, i : i + 5] for i in range(3)], axis=-1)  # (N, C, positions, kernel)
    np.testing.assert_array_equal(np.einsum("nctk,fck->nft", windows, weight), x)


def test_fans_by_hand():
    # 6 filters of 4 channels and 3 x 5 kernels: 4 * 15 inputs feed one output, one input feeds 6 * 15
    assert init.fans(np.zeros((6, 4, 3, 5))) == (60, 90)
    # the bound of xavier_uniform_ is sqrt(6 / 150)
    weight = init.xavier_uniform_(np.zeros((6, 4, 3, 5)), rng=0)
    assert 0.98 * 0.2 < abs(weight).max() <= 0.2


@pytest.mark.parametrize(
    "nonlinearity", ["linear", "conv2d", "conv_transpose3d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"]
)
def test_gains_are_torchs(nonlinearity):
    assert init.calculate_gain(nonlinearity) == torch.nn.init.calculate_gain(nonlinearity)
    assert init.calculate_gain("leaky_relu", 0.3) == torch.nn.init.calculate_gain("leaky_relu", 0.3)


@pytest.mark.parametrize("name", ["orthogonal_", "kaiming_uniform_"])
def test_an_empty_weight_stays_empty(name):
    assert getattr(init, name)(np.zeros((0, 3))).shape == (0, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m, x: m.eye_(x(3)), "2 dimensions"),
        (lambda m, x: m.dirac_(x(3, 3)), "3, 4,? or 5 dimensions"),
        (lambda m, x: m.dirac_(x(3, 3, 3), groups=2), "divisible by groups"),
        (lambda m, x: m.orthogonal_(x(3)), "2 (or more )?dimensions"),
        (lambda m, x: m.sparse_(x(3), 0.1), "2 dimensions"),
        (lambda m, x: m.xavier_normal_(x(3)), "2 dimensions"),
        (lambda m, x: m.calculate_gain("softmax"), "softmax"),
        (lambda m, x: m.calculate_gain("conv_transpose9d"), "conv_transpose9d"),
        (lambda m, x: m.calculate_gain("leaky_relu", True), "number"),
        (lambda m, x: m.kaiming_uniform_(x(3, 3), mode="fan"), "fan_in"),
    ],
)
def test_what_torch_refuses_is_refused(call, message):
    with pytest.raises(ValueError):
        call(torch.nn.init, lambda *shape: torch.zeros(shape))
    with pytest.raises(ValueError, match=message):
        call(init, lambda *shape: np.zeros(shape))


def test_truncation_that_makes_no_sense_is_refused():
    for options in ({"std": 0.0}, {"a": 1.0, "b": 0.0}):
        with pytest.raises(ValueError, match="needs std > 0 and a <= b"):
            init.trunc_normal_(np.zeros(3), **options)
