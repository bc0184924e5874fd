"""Instance norm: a group norm whose groups are single channels, or, with running statistics, batch norm's multiply-add.

Axes: N batch, C channels, P all further axes together.
"""

from __future__ import annotations

import math

from scratch.batch_norm import update_running
from scratch.instance_norm import check_instance_norm, instance_norm
from scratch.kernels import batch_norm
from scratch.kernels.normalization import GroupNormKernelSaved, group_norm_kernel_backward, normalize_groups


def instance_norm_kernel_forward(
    x, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True, momentum=0.1, eps=1e-5
):  # fmt: skip
    """Fast because y = x · scale + shift with one scale and shift a channel, a few images at a time, still in cache."""
    check_instance_norm(x, running_mean, running_var, weight, bias, use_input_stats)
    if not use_input_stats:
        return batch_norm.batch_norm_kernel_forward(x, running_mean, running_var, weight, bias, False, momentum, eps)
    y, saved, var = normalize_groups(x, x.shape[1], weight, bias, eps)
    if running_mean is not None:
        mean, var = saved.mean.mean(axis=0)[:, 0], var.mean(axis=0)[:, 0]  # (N, C, 1) -> (C,)
        update_running(running_mean, running_var, mean, var, math.prod(x.shape[2:]), momentum)
    return y, saved


def instance_norm_kernel_backward(dy, saved):
    if not isinstance(saved, GroupNormKernelSaved):
        return batch_norm.batch_norm_kernel_backward(dy, saved)
    dx, dweight, dbias = group_norm_kernel_backward(dy, saved)
    return dx, None, None, dweight, dbias


def suits(x, *_, **__) -> bool:
    return batch_norm.suits(x)


instance_norm.register(instance_norm_kernel_forward, instance_norm_kernel_backward, when=suits)
