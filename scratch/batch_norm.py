"""Batch normalization: every channel brought to mean 0 and variance 1, by the batch's statistics or by running ones.

Axes: N batch, C channels, * any further axes (L; H W; D H W). M = N · prod(*) values make up one channel.
Twin: torch_ref/batch_norm.py. Pairs: parity_tests/pairs/batch_norm.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from scratch import init
from scratch.dtypes import as_dtype, check_device
from scratch.module import Module
from scratch.normalization import moments, standardize_backward
from scratch.op import Op
from scratch.sums import tree_sum


class BatchNormSaved(NamedTuple):
    """What batch_norm_backward needs, and nothing else. xhat = (x - mean) * rstd is recomputed."""

    x: np.ndarray  # (N, C, *)
    mean: np.ndarray  # (1, C, 1...)
    rstd: np.ndarray  # (1, C, 1...), 1 / sqrt(variance + eps)
    weight: np.ndarray | None  # (C,)
    axes: tuple[int, ...]  # those that mean and rstd were taken over; () where they are constants


def per_channel(array, x):
    """(C,) -> (1, C, 1...), which broadcasts along x's (N, C, *)."""
    return array.reshape((1, -1) + (1,) * (x.ndim - 2))


def check_batch_norm(x, running_mean, running_var, weight, bias, training, eps) -> None:
    """Raise ValueError for what batch_norm does not accept."""
    if x.ndim < 2:
        raise ValueError(f"batch_norm: x must be (N, C, *), but is {x.shape}")
    channels = x.shape[1]
    named = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    for name, array in named.items():
        if array is not None and array.shape != (channels,):
            raise ValueError(
                f"batch_norm: {name} must be {(channels,)}, one value for each channel of x {x.shape}, "
                f"but is {array.shape}"
            )
    if (running_mean is None) != (running_var is None):
        raise ValueError("batch_norm: running_mean and running_var must both be given or both be None")
    if not training and running_mean is None:
        raise ValueError("batch_norm: without running_mean and running_var it must be called with training=True")
    if training and eps <= 0:
        raise ValueError(f"batch_norm: eps must be positive in training, but is {eps}")
    if training and x.size == channels > 0:
        raise ValueError(
            f"batch_norm: expected more than 1 value per channel when training, but x is {x.shape}: the variance "
            "of one value is 0; use a larger batch or eval()"
        )


def update_running(running_mean, running_var, mean, var, count, momentum) -> None:
    """Move the running statistics towards this batch's, in place; var is biased, running_var takes the unbiased one."""
    running_mean *= 1 - momentum
    running_mean += momentum * mean
    running_var *= 1 - momentum
    running_var += momentum * (var * (count / (count - 1)))


def batch_norm_forward(
    x, running_mean=None, running_var=None, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5
):  # fmt: skip
    """Batch normalization: y = (x - mean) / sqrt(var + eps) * weight + bias, for every channel.

    In training, mean and var (biased, /M) are those of the channel's M values in this batch, and the running statistics
    are moved **in place**, the one place where an op writes into its arguments:
    running_mean = (1 - momentum) · running_mean + momentum · mean, and so running_var with the unbiased variance
    (/(M-1)). An empty batch leaves them as they are. Otherwise mean and var are the running ones, as constants.

    Parameters
    ----------
    x : (N, C, *) floating point. running_mean, running_var : (C,), or both None when training.
    weight, bias : (C,) or None. training : which statistics are used. momentum, eps : float.

    Returns
    -------
    y : as x. backward : dy -> dx as x, None, None, dweight (C,), dbias (C,).

    Raises
    ------
    ValueError : shapes do not fit, one value per channel or eps <= 0 in training, no statistics in evaluation; the
        running statistics are unchanged then. TypeError : not floating point, or not all of one dtype.

    Source: Ioffe and Szegedy, 2015.

    Examples
    --------
    >>> y, backward = batch_norm(np.array([[1.0], [3.0]]), None, None, training=True, eps=1e-12)
    >>> y.round(6)
    array([[-1.],
           [ 1.]])
    >>> bool(abs(backward(np.array([[1.0], [0.0]]))).max() < 1e-6)  # two values become -1 and 1 whatever they were
    True
    """
    check_batch_norm(x, running_mean, running_var, weight, bias, training, eps)
    if training:
        axes = (0, *range(2, x.ndim))  # all but C
        mean, var = moments(x, axes)  # (1, C, 1...)
        if running_mean is not None and x.size:
            update_running(running_mean, running_var, mean.reshape(-1), var.reshape(-1), x.size // x.shape[1], momentum)
    else:
        axes = ()
        mean = per_channel(running_mean, x).copy()  # a later training step writes into running_mean
        var = per_channel(running_var, x)
    rstd = 1 / np.sqrt(var + eps)
    y = (x - mean) * rstd
    if weight is not None:
        y = y * per_channel(weight, x)
    if bias is not None:
        y = y + per_channel(bias, x)
    return y, BatchNormSaved(x, mean, rstd, weight, axes)


def batch_norm_backward(dy, saved):
    """dy (N, C, *) -> dx (N, C, *), None, None, dweight (C,), dbias (C,)"""
    x, mean, rstd, weight, axes = saved
    all_but_channels = (0, *range(2, x.ndim))
    xhat = (x - mean) * rstd
    # y = xhat * weight + bias
    dweight = tree_sum(dy * xhat, all_but_channels)  # (C,)
    dbias = tree_sum(dy, all_but_channels)  # (C,)
    dxhat = dy if weight is None else dy * per_channel(weight, x)
    # xhat = (x - mean) * rstd
    dx = standardize_backward(dxhat, xhat, rstd, axes) if axes else dxhat * rstd
    return dx, None, None, dweight, dbias


batch_norm = Op(batch_norm_forward, batch_norm_backward, constants=("running_mean", "running_var"))
batch_norm.writes = ("running_mean", "running_var")  # in training: the arguments an op may change


class RunningNorm(Module):
    """What batch and instance norm have in common: weight and bias, running statistics, and how they are repr'd."""

    running_mean: np.ndarray | None
    running_var: np.ndarray | None
    num_batches_tracked: np.ndarray | None

    def __init__(
        self, num_features, eps, momentum, affine, track_running_stats, device, dtype, bias
    ):  # fmt: skip
        check_device(device)
        dtype = as_dtype(dtype)
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self.weight = init.empty(num_features, dtype=dtype) if affine else None
        self.bias = init.empty(num_features, dtype=dtype) if affine and bias else None
        self.register_buffer("running_mean", np.zeros(num_features, dtype) if track_running_stats else None)
        self.register_buffer("running_var", np.ones(num_features, dtype) if track_running_stats else None)
        self.register_buffer("num_batches_tracked", np.zeros((), np.int64) if track_running_stats else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Mean 0, variance 1, no batches seen."""
        if self.running_mean is not None:
            self.running_mean[...] = 0
            self.running_var[...] = 1
            self.num_batches_tracked[...] = 0

    def reset_parameters(self, rng=None) -> None:
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def extra_repr(self):
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


def check_dimensions(name: str, x, allowed: dict[int, str]) -> None:
    """Raise ValueError where a module of this name is given an x of other than the allowed numbers of axes."""
    if np.ndim(x) not in allowed:
        raise ValueError(f"{name}: x must be {' or '.join(allowed.values())}, but has shape {np.shape(x)}")


class _BatchNorm(RunningNorm):
    _inputs: dict[int, str]

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
        track_running_stats: bool = True, device=None, dtype=None, *, bias: bool = True,
    ):  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def forward(self, x):
        check_dimensions(type(self).__name__, x, self._inputs)
        tracks = self.training and self.running_mean is not None
        momentum = self.momentum
        if momentum is None:  # a plain average: the n-th batch counts 1/n
            momentum = 1 / (int(self.num_batches_tracked) + 1) if tracks else 0.0
        y, backward = batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias,
            self.training or self.running_mean is None, momentum, self.eps,
        )  # fmt: skip
        if tracks:
            self.num_batches_tracked += 1
        return y, backward


class BatchNorm1d(_BatchNorm):
    """Batch normalization of (N, C) or (N, C, L); see `batch_norm`.

    weight starts at 1, bias at 0. In training the batch's statistics are used and running_mean, running_var,
    num_batches_tracked are updated in place: `momentum` is the new batch's share, `None` for a plain average over all
    batches. In evaluation the running statistics are used; with `track_running_stats=False` there are none, and the
    batch's are used there too.
    """

    _inputs = {2: "(N, C)", 3: "(N, C, L)"}


class BatchNorm2d(_BatchNorm):
    """Batch normalization of (N, C, H, W); otherwise as `BatchNorm1d`."""

    _inputs = {4: "(N, C, H, W)"}


class BatchNorm3d(_BatchNorm):
    """Batch normalization of (N, C, D, H, W); otherwise as `BatchNorm1d`."""

    _inputs = {5: "(N, C, D, H, W)"}
