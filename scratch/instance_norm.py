"""Instance normalization: every channel of every sample brought to mean 0 and variance 1 by itself.

Axes: N batch, C channels, * one or more further axes (L; H W; D H W).
Twin: torch_ref/instance_norm.py. Pairs: parity_tests/pairs/instance_norm.py.
"""

from __future__ import annotations

import math

import numpy as np

from scratch.batch_norm import (
    BatchNormSaved,
    RunningNorm,
    batch_norm_backward,
    check_dimensions,
    per_channel,
    update_running,
)
from scratch.normalization import moments
from scratch.op import Op


def check_instance_norm(x, running_mean, running_var, weight, bias, use_input_stats) -> None:
    """Raise ValueError for what instance_norm does not accept."""
    if x.ndim < 2:
        raise ValueError(f"instance_norm: x must be (N, C, *), but is {x.shape}")
    named = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    for name, array in named.items():
        if array is not None and array.shape != (x.shape[1],):
            raise ValueError(
                f"instance_norm: {name} must be {(x.shape[1],)}, one value for each channel of x {x.shape}, "
                f"but is {array.shape}"
            )
    if (running_mean is None) != (running_var is None):
        raise ValueError("instance_norm: running_mean and running_var must both be given or both be None")
    if not use_input_stats and running_mean is None:
        raise ValueError("instance_norm: use_input_stats=False needs running_mean and running_var")
    if use_input_stats and math.prod(x.shape[2:]) == 1:
        raise ValueError(
            f"instance_norm: expected more than 1 value per channel and sample, but x is {x.shape}: the variance of "
            "one value is 0"
        )


def instance_norm_forward(
    x, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True, momentum=0.1, eps=1e-5
):  # fmt: skip
    """Instance normalization: y = (x - mean) / sqrt(var + eps) * weight + bias, for every channel of every sample.

    With `use_input_stats` mean and var (biased) are those of the channel's values in this sample, and the running
    statistics, if given, are moved **in place** as batch norm's are, towards the batch's average of mean and unbiased
    variance; an empty batch leaves them as they are (torch makes them nan). Without it they are the running ones.

    Parameters
    ----------
    x : (N, C, *) floating point. running_mean, running_var : (C,), or both None with use_input_stats.
    weight, bias : (C,) or None. momentum, eps : float.

    Returns
    -------
    y : as x. backward : dy -> dx as x, None, None, dweight (C,), dbias (C,).

    Raises
    ------
    ValueError : shapes do not fit, one value per channel and sample, no statistics; the running statistics are
        unchanged then. TypeError : not floating point, or not all of one dtype.

    Source: Ulyanov, Vedaldi, Lempitsky, 2016.

    Examples
    --------
    >>> y, backward = instance_norm(np.array([[[1.0, 3.0]], [[10.0, 30.0]]]), eps=1e-12)
    >>> y.round(6).tolist()
    [[[-1.0, 1.0]], [[-1.0, 1.0]]]
    """
    check_instance_norm(x, running_mean, running_var, weight, bias, use_input_stats)
    if use_input_stats:
        axes = tuple(range(2, x.ndim))
        mean, var = moments(x, axes)  # (N, C, 1...)
        if running_mean is not None and x.size:
            count = math.prod(x.shape[2:])
            batch_mean, batch_var = (s.mean(axis=0).reshape(-1) for s in (mean, var))
            update_running(running_mean, running_var, batch_mean, batch_var, count, momentum)
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


# The backward is batch norm's: only the axes that the moments were taken over, which are saved, differ.
instance_norm = Op(instance_norm_forward, batch_norm_backward, constants=("running_mean", "running_var"))
instance_norm.writes = ("running_mean", "running_var")  # the arguments that a call may change


class _InstanceNorm(RunningNorm):
    _inputs: dict[int, str]  # without a batch axis, then with one

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = False,
        track_running_stats: bool = False, device=None, dtype=None, *, bias: bool = True,
    ):  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def forward(self, x):
        check_dimensions(type(self).__name__, x, self._inputs)
        if np.ndim(x) == min(self._inputs):
            y, backward = self._normalize(x[None])  # a batch of one
            return y[0], lambda dy: backward(dy[None])[0]
        return self._normalize(x)

    def _normalize(self, x):
        return instance_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias,
            self.training or self.running_mean is None, self.momentum or 0.0, self.eps,
        )  # fmt: skip


class InstanceNorm1d(_InstanceNorm):
    """Instance normalization of (C, L) or (N, C, L); see `instance_norm`.

    As in torch there are no weight and bias and no running statistics unless asked for (`affine`,
    `track_running_stats`); with them evaluation uses the running ones. num_batches_tracked stays 0.
    """

    _inputs = {2: "(C, L)", 3: "(N, C, L)"}


class InstanceNorm2d(_InstanceNorm):
    """Instance normalization of (C, H, W) or (N, C, H, W); otherwise as `InstanceNorm1d`."""

    _inputs = {3: "(C, H, W)", 4: "(N, C, H, W)"}


class InstanceNorm3d(_InstanceNorm):
    """Instance normalization of (C, D, H, W) or (N, C, D, H, W); otherwise as `InstanceNorm1d`."""

    _inputs = {4: "(C, D, H, W)", 5: "(N, C, D, H, W)"}
