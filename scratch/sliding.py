"""Sliding a kernel over an image: sizes, steps and zeros around it, for convolutions of every kind, unfold and fold.

Axes: N batch, C input channels, H W input, F filters (output channels), R S kernel, P Q output, G groups.
"""

from __future__ import annotations

import numbers
from typing import NamedTuple

import numpy as np


class Geometry(NamedTuple):
    """How a kernel slides over an image: one entry for each spatial axis."""

    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]  # zeros (before, after)
    dilation: tuple[int, ...]
    groups: int
    out: tuple[int, ...]  # output sizes P, Q


def taps(kernel, geometry):
    """For each kernel element (r, s): (r, s) and the slices of the padded x that meet it, one for each spatial axis.

    Output p sees padded input p * stride + r * dilation; over all p that is a slice with a step.
    """
    for tap in np.ndindex(*kernel):
        starts = [r * d for r, d in zip(tap, geometry.dilation)]
        yield tap, tuple(slice(a, a + s * (p - 1) + 1, s) for a, s, p in zip(starts, geometry.stride, geometry.out))


def inside(sizes, geometry):
    """The slices of the padded x that hold x."""
    return tuple(slice(before, before + n) for n, (before, _) in zip(sizes, geometry.padding))


def with_zeros(x, geometry):
    """x (N, C, H, W) in a larger array of zeros: (N, C, H + padding, W + padding)."""
    sizes = x.shape[2:]
    xp = np.zeros_like(x, shape=(*x.shape[:2], *padded_sizes(sizes, geometry)))
    xp[(..., *inside(sizes, geometry))] = x
    return xp


def padded_sizes(sizes, geometry):
    return tuple(n + before + after for n, (before, after) in zip(sizes, geometry.padding))


def each_axis(name, what, value, axes, smallest):
    """`value` for each spatial axis: an int stands for all of them, as a tuple of one does."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    if not all(isinstance(v, numbers.Integral) for v in values):
        raise TypeError(f"{name}: {what} must be an integer or a tuple of {axes}, but is {value!r}")
    if len(values) not in (1, axes):
        raise ValueError(f"{name}: {what} must be an integer or a tuple of {axes}, but is {value!r}")
    if min(values) < smallest:
        raise ValueError(f"{name}: {what} must be at least {smallest}, but is {value!r}")
    return values if len(values) == axes else values * axes


def same_padding(kernel, dilation):
    """(before, after) for each axis, such that the output has the input's size; an odd zero goes to the end."""
    spans = [d * (r - 1) for r, d in zip(kernel, dilation)]
    return tuple((span // 2, span - span // 2) for span in spans)


def checked_geometry(name, axes, x, weight, bias, stride, padding, dilation, groups) -> Geometry:
    """The Geometry of a convolution of x and weight (their shapes), or the error that says what does not fit."""
    if len(weight) != axes + 2:
        raise ValueError(f"{name}: weight must be (F, C/groups{', kernel' * axes}), but is {weight}")
    if len(x) not in (axes + 1, axes + 2):
        letters = "".join(", " + letter for letter in "DHW"[-axes:])
        raise ValueError(f"{name}: x must be (N, C{letters}) or (C{letters}), but is {x}")
    F, C, *kernel = weight
    if not isinstance(groups, numbers.Integral) or groups < 1:
        raise ValueError(f"{name}: groups must be a positive integer, but is {groups!r}")
    if F == 0 or F % groups:
        raise ValueError(f"{name}: weight {weight} has {F} filters, which cannot be split into {groups} groups")
    if x[-axes - 1] != C * groups:
        hint = f" (groups={groups})" if groups > 1 else "; for grouped convolution set groups=..."
        raise ValueError(
            f"{name}: weight expects {C * groups} input channels (weight {weight}), "
            f"but x has {x[-axes - 1]} (x {x}){hint}"
        )
    if bias is not None and bias.shape != (F,):
        raise ValueError(f"{name}: bias must be ({F},) for weight {weight}, but is {bias.shape}")
    if min(kernel) < 1:
        raise ValueError(f"{name}: the kernel must not be empty, but weight is {weight}")
    stride = each_axis(name, "stride", stride, axes, 1)
    dilation = each_axis(name, "dilation", dilation, axes, 1)
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise ValueError(f"{name}: padding must be 'same', 'valid' or integers, but is {padding!r}")
        if padding == "same" and max(stride) > 1:
            raise ValueError(f"{name}: padding='same' keeps the size, which stride {stride} does not; give integers")
        padding = same_padding(kernel, dilation) if padding == "same" else ((0, 0),) * axes
    else:
        padding = tuple((p, p) for p in each_axis(name, "padding", padding, axes, 0))
    sizes = [n + before + after for n, (before, after) in zip(x[-axes:], padding)]
    spans = [d * (r - 1) + 1 for r, d in zip(kernel, dilation)]
    if any(span > n for span, n in zip(spans, sizes)) or (0 in x[-axes:] and 0 not in x[:-axes]):
        raise ValueError(
            f"{name}: the kernel, with dilation {tuple(spans)}, is larger than the padded input {tuple(sizes)} "
            f"(x {x}, weight {weight})"
        )
    out = tuple((n - span) // s + 1 for n, span, s in zip(sizes, spans, stride))
    return Geometry(stride, padding, dilation, int(groups), out)
