"""Batch norm folded into the layer before it: in evaluation it only scales and shifts that one's outputs.

y = (weight · x + bias - mean) / sqrt(var + eps) * gamma + beta is weight' · x + bias' with
weight' = weight * scale, bias' = (bias - mean) * scale + beta, scale = gamma / sqrt(var + eps).
"""

from __future__ import annotations

import copy

import numpy as np

from scratch.parameter import Parameter


def fuse_conv_bn_eval(conv, bn, transpose: bool = False):
    """A copy of `conv` that gives what `bn` makes of conv's output, both in evaluation.

    transpose : whether conv is a transposed convolution, whose weight has the output channels on its second axis.

    Raises
    ------
    ValueError : one of the two is in training mode, or bn has no running statistics or another number of features.
    """
    return _fused("fuse_conv_bn_eval", conv, bn, conv.out_channels, axis=1 if transpose else 0)


def fuse_linear_bn_eval(linear, bn):
    """A copy of `linear` that gives what `bn` (of as many features, or of one) makes of linear's output, in evaluation.

    Raises
    ------
    ValueError : one of the two is in training mode, or bn has no running statistics or another number of features.
    """
    return _fused("fuse_linear_bn_eval", linear, bn, linear.out_features, axis=0, or_one=True)


def _fused(name, layer, bn, features, axis, or_one=False):
    if layer.training or bn.training:
        raise ValueError(f"{name}: both must be in evaluation mode; call .eval() first")
    if bn.running_mean is None:
        raise ValueError(f"{name}: batch norm has no running statistics (track_running_stats=False)")
    if bn.num_features != features and not (or_one and bn.num_features == 1):
        raise ValueError(f"{name}: batch norm has {bn.num_features} features, but the layer {features} outputs")
    weight, dtype = layer.weight.data, layer.weight.dtype
    if weight.shape[axis] != features:
        raise ValueError(f"{name}: axis {axis} of weight {weight.shape} is not the {features} output channels")
    scale = 1 / np.sqrt(bn.running_var + bn.eps)
    if bn.weight is not None:
        scale = scale * bn.weight.data
    bias = -bn.running_mean if layer.bias is None else layer.bias.data - bn.running_mean
    bias = bias * scale
    if bn.bias is not None:
        bias = bias + bn.bias.data
    shape = [1] * weight.ndim
    shape[axis] = -1
    fused = copy.deepcopy(layer)
    fused.weight = Parameter((weight * scale.reshape(shape)).astype(dtype), layer.weight.requires_grad)
    fused.bias = Parameter(np.broadcast_to(bias, (features,)).astype(dtype), layer.weight.requires_grad)
    return fused
