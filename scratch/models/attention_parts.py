"""What several attention modules share: gates, means of maps, and checks of what they are given.

Axes: N C H W images.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scratch.adaptive_pooling import adaptive_avg_pool2d
from scratch.containers import chain
from scratch.op import unbroadcast
from scratch.reshaping import flatten, unflatten


def gated(x, *steps: Callable):
    """(y, backward) of y = x · gate, where the steps compute the gate from x itself and it broadcasts to x."""
    gate, gate_backward = chain(x, *steps)

    def backward(dy):
        # y = x * gate: x counts as a factor, and in the gate
        dgate = unbroadcast(dy * x, gate.shape)
        return dy * gate + gate_backward(dgate)

    return x * gate, backward


def channel_means(x):
    """(N, C, H, W) -> (N, C): the mean of every map."""
    return chain(x, lambda x: adaptive_avg_pool2d(x, 1), lambda means: flatten(means, 1))


def as_maps(weights):
    """(N, C) -> (N, C, 1, 1), which broadcasts to images."""
    return unflatten(weights, 1, (weights.shape[1], 1, 1))


def check_images(name: str, x, channels: int, argument: str = "channel") -> None:
    """Raise ValueError unless x is (N, channels, H, W)."""
    shape = np.shape(x)
    if len(shape) != 4 or shape[1] != channels:
        raise ValueError(
            f"{name}: x must be (N, {channels}, H, W), but is {shape}; {argument}= is the number of its channels"
        )


def check_tokens(name: str, width: int, **inputs) -> None:
    """Raise ValueError unless every input is (B, tokens, width)."""
    for argument, x in inputs.items():
        shape = np.shape(x)
        if len(shape) != 3 or shape[2] != width:
            raise ValueError(
                f"{name}: {argument} must be (B, tokens, {width}), but is {shape}; d_model= is its last axis"
            )


def reduced(name: str, channels: int, reduction: int) -> int:
    """channels // reduction, the width of a bottleneck; ValueError if nothing is left."""
    if reduction < 1 or channels < reduction:
        raise ValueError(
            f"{name}: {channels} channels // reduction {reduction} must leave at least 1; "
            f"choose a reduction from 1 to {channels}"
        )
    return channels // reduction


def check_odd(name: str, *kernel_sizes: int) -> None:
    """Raise ValueError for an even kernel: with kernel_size // 2 of padding it would not keep the size."""
    if any(k < 1 or k % 2 == 0 for k in kernel_sizes):
        raise ValueError(
            f"{name}: kernel sizes must be odd, to keep H and W, but are {', '.join(map(str, kernel_sizes))}"
        )


def check_divides(name: str, whole: str, total: int, part: str, count: int) -> int:
    """total / count; ValueError unless that is a whole number of at least 1."""
    if count < 1 or total < 1 or total % count:
        raise ValueError(f"{name}: {part} must divide {whole}, but they are {count} and {total}")
    return total // count
