"""Padding: a border around the last axes, of a constant or of copies of x itself.

Axes: N batch, C channels, then the spatial axes (D) (H) W. `pad` lists (before, after) for the last axis first.
Twin: torch_ref/padding.py. Pair: parity_tests/pairs/padding.py.
"""

from __future__ import annotations

import numbers
from typing import ClassVar, NamedTuple

import numpy as np

from scratch.module import Module
from scratch.op import Op

MODES = ("constant", "reflect", "replicate", "circular")


class PadSaved(NamedTuple):
    """What pad_backward needs, and nothing else."""

    shape: tuple[int, ...]  # x's
    borders: tuple[tuple[int, int, int], ...]  # (axis, before, after) of each padded axis
    mode: str


def pad_forward(x, pad, mode="constant", value=None):
    """x with a border; negative widths cut rows off instead.

    pad = (left, right, top, bottom, front, back): (before, after) for the last axis, then the one before it, ...
    For x = a b c d with two elements on each side:

        constant   v v | a b c d | v v
        reflect    c b | a b c d | c b      a mirror on the outermost element, which is not repeated
        replicate  a a | a b c d | d d
        circular   c d | a b c d | a b

    The backward adds the gradient of every copy to that of the element it was copied from.

    Parameters
    ----------
    x : floating point, for "constant" of any number of axes; else (C, W) or (N, C, W) for two widths, (C, H, W) or
        (N, C, H, W) for four, (C, D, H, W) or (N, C, D, H, W) for six.
    pad : int widths. mode : one of the above. value : of the constant; None is 0.

    Returns
    -------
    y : x's shape, each padded axis longer by before + after. backward : dy -> dx like x.

    Raises
    ------
    ValueError : unknown mode; a number of widths that does not fit x; a value without "constant"; an axis cut to less
        than nothing; a border wider than its source (reflect: width >= size, circular: width > what remains of the
        axis). TypeError : widths that are no integers.

    Examples
    --------
    >>> y, backward = pad(np.array([[1.0, 2.0, 3.0]]), (2, 1), mode="reflect")
    >>> y
    array([[3., 2., 1., 2., 3., 2.]])
    >>> backward(np.ones((1, 6)))
    array([[1., 3., 2.]])
    """
    borders = _checked_borders(x, pad, mode, value)
    saved = PadSaved(x.shape, borders, mode)
    if mode == "constant":
        inside, kept, shape = _overlap(x.shape, borders)
        y = np.full_like(x, 0.0 if value is None else value, shape=shape)
        y[inside] = x[kept]
        return y, saved
    y = x.copy() if not any(before or after for _, before, after in borders) else x
    for border in borders:
        if border[1] or border[2]:
            y = _extend(y, border, mode)
    return y, saved


def pad_backward(dy, saved):
    """dy like y -> dx like x"""
    if saved.mode == "constant":
        inside, kept, _ = _overlap(saved.shape, saved.borders)
        # y[inside] = x[kept]
        dx = np.zeros_like(dy, shape=saved.shape)
        dx[kept] = dy[inside]
        return dx
    for axis, before, after in reversed(saved.borders):
        dy = _extend_backward(dy, saved.shape[axis], (axis, before, after), saved.mode)
    return dy


def _extend(x, border, mode):
    """Pad one axis with copies of x's own rows."""
    axis, before, after = border
    inside, kept, shape = _overlap(x.shape, (border,))
    y = np.empty_like(x, shape=shape)
    y[inside] = x[kept]
    for i, j in _copies(x.shape[axis], before, after, mode):
        y[_row(axis, i)] = x[_row(axis, j)]
    return y


def _extend_backward(dy, size, border, mode):
    axis, before, after = border
    shape = (*dy.shape[:axis], size, *dy.shape[axis + 1 :])
    inside, kept, _ = _overlap(shape, (border,))
    dx = np.zeros_like(dy, shape=shape)
    # y[inside] = x[kept]
    dx[kept] = dy[inside]
    for i, j in _copies(size, before, after, mode):
        # y[i] = x[j]
        dx[_row(axis, j)] += dy[_row(axis, i)]
    return dx


def _copies(size, before, after, mode):
    """(i, j): row i of y, in the border, is row j of x."""
    first, end = max(0, -before), size + min(0, after)  # the rows of x that are not cut off
    for i in (*range(before), *range(before + size, before + size + after)):
        position = i - before  # on x's axis: negative, or size and more
        if mode == "replicate":
            yield i, min(max(position, 0), size - 1)
        elif mode == "reflect":
            yield i, -position if position < 0 else 2 * (size - 1) - position
        elif mode == "circular":  # around what is left of x
            yield i, first + (position - first) % (end - first)


def _row(axis, i):
    return (slice(None),) * axis + (i,)


def _overlap(shape, borders):
    """(inside, kept, padded shape): y[inside] = x[kept] is the part of x that shows in y."""
    inside, kept = [slice(None)] * len(shape), [slice(None)] * len(shape)
    padded = list(shape)
    for axis, before, after in borders:
        padded[axis] += before + after
        inside[axis] = slice(max(0, before), padded[axis] - max(0, after))
        kept[axis] = slice(max(0, -before), shape[axis] - max(0, -after))
        if kept[axis].start >= kept[axis].stop:  # all of x is cut off
            inside[axis] = kept[axis] = slice(0, 0)
    return tuple(inside), tuple(kept), tuple(padded)


def _checked_borders(x, pad, mode, value):
    """((axis, before, after), ...), last axis first; or the error that says what is wrong."""
    if not isinstance(pad, (tuple, list)) or not all(isinstance(p, numbers.Integral) for p in pad):
        raise TypeError(f"pad: pad must be a tuple of integers, but is {pad!r}")
    if mode not in MODES:
        raise ValueError(f"pad: mode must be one of {', '.join(MODES)}, but is {mode!r}")
    if len(pad) % 2 or len(pad) > 2 * x.ndim:
        raise ValueError(f"pad: needs (before, after) for at most {x.ndim} axes of x {x.shape}, but got pad {pad}")
    borders = tuple((x.ndim - 1 - i, pad[2 * i], pad[2 * i + 1]) for i in range(len(pad) // 2))
    if mode != "constant":
        if value:
            raise ValueError(f"pad: value is for mode 'constant', but mode is {mode!r} and value {value}")
        n = len(borders)
        if n not in (1, 2, 3) or x.ndim not in (n + 1, n + 2):
            raise ValueError(
                f"pad: mode {mode!r} pads 1, 2 or 3 axes behind (C,) or (N, C), "
                f"but got {len(pad)} widths for x {x.shape}"
            )
        if mode != "circular" and 0 in x.shape[x.ndim - n - 1 :]:
            raise ValueError(f"pad: mode {mode!r} needs every axis but the batch to be non-empty, but x is {x.shape}")
    smallest = 0 if mode in ("constant", "circular") else 1
    for axis, before, after in borders:
        size, widest = x.shape[axis], max(before, after)
        left = size + min(0, before) + min(0, after)  # of x, after cutting
        if size + before + after < smallest or (mode == "constant" and left < 0):
            raise ValueError(f"pad: {(before, after)} cuts axis {axis} of x {x.shape} to {size + before + after}")
        if mode == "reflect" and widest >= size:
            raise ValueError(
                f"pad: a reflected border must be narrower than its axis, but is {(before, after)} "
                f"for axis {axis} of x {x.shape}"
            )
        if mode == "circular" and max(0, widest) > left:
            raise ValueError(
                f"pad: a circular border must not wrap around more than once, but is {(before, after)} "
                f"for axis {axis} of x {x.shape}"
            )
    return borders


pad = Op(pad_forward, pad_backward, arrays=("x",))


class _Pad(Module):
    """An int pads every side alike; else (left, right, top, bottom, front, back), as far as there are axes."""

    axes: ClassVar[int]
    mode: ClassVar[str]

    def __init__(self, padding: int | tuple[int, ...]):
        self.padding = tuple(padding) if isinstance(padding, (tuple, list)) else (padding,) * (2 * self.axes)

    def forward(self, x):
        return pad(x, self.padding, self.mode)

    def extra_repr(self):
        return f"{self.padding}"


class _ConstantPad(_Pad):
    mode = "constant"

    def __init__(self, padding: int | tuple[int, ...], value: float):
        super().__init__(padding)
        self.value = value

    def forward(self, x):
        return pad(x, self.padding, self.mode, self.value)

    def extra_repr(self):
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """A border of `value` on the last axis; see `pad`."""

    axes = 1


class ConstantPad2d(_ConstantPad):
    """A border of `value` on the last two axes; see `pad`."""

    axes = 2


class ConstantPad3d(_ConstantPad):
    """A border of `value` on the last three axes; see `pad`."""

    axes = 3


class _ZeroPad(_Pad):
    mode = "constant"


class ZeroPad1d(_ZeroPad):
    """A border of zeros on the last axis; see `pad`."""

    axes = 1


class ZeroPad2d(_ZeroPad):
    """A border of zeros on the last two axes; see `pad`."""

    axes = 2


class ZeroPad3d(_ZeroPad):
    """A border of zeros on the last three axes; see `pad`."""

    axes = 3


class _ReflectionPad(_Pad):
    mode = "reflect"


class ReflectionPad1d(_ReflectionPad):
    """Mirror the last axis of (C, W) or (N, C, W) on its outermost elements; see `pad`."""

    axes = 1


class ReflectionPad2d(_ReflectionPad):
    """Mirror the last two axes of (C, H, W) or (N, C, H, W) on their outermost elements; see `pad`."""

    axes = 2


class ReflectionPad3d(_ReflectionPad):
    """Mirror the last three axes of (C, D, H, W) or (N, C, D, H, W) on their outermost elements; see `pad`."""

    axes = 3


class _ReplicationPad(_Pad):
    mode = "replicate"


class ReplicationPad1d(_ReplicationPad):
    """Repeat the outermost elements of the last axis of (C, W) or (N, C, W); see `pad`."""

    axes = 1


class ReplicationPad2d(_ReplicationPad):
    """Repeat the outermost elements of the last two axes of (C, H, W) or (N, C, H, W); see `pad`."""

    axes = 2


class ReplicationPad3d(_ReplicationPad):
    """Repeat the outermost elements of the last three axes of (C, D, H, W) or (N, C, D, H, W); see `pad`."""

    axes = 3


class _CircularPad(_Pad):
    mode = "circular"


class CircularPad1d(_CircularPad):
    """Go on with the other end of the last axis of (C, W) or (N, C, W); see `pad`."""

    axes = 1


class CircularPad2d(_CircularPad):
    """Go on with the other end of the last two axes of (C, H, W) or (N, C, H, W); see `pad`."""

    axes = 2


class CircularPad3d(_CircularPad):
    """Go on with the other end of the last three axes of (C, D, H, W) or (N, C, D, H, W); see `pad`."""

    axes = 3
