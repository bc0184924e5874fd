"""What convolutional networks are put together with: a trunk of steps, and branches that are added or concatenated.

Axes: N batch, C channels, H W image.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager

import numpy as np

from scratch.containers import chain
from scratch.module import Module
from scratch.op import Backward, learns, pull


class Trunk(Module):
    """A network for images that is one step after the other; a subclass says which in `steps`.

    The sequence is one of code, not of attributes, so that these can have the names that published weights use.
    """

    in_channels: int

    def steps(self) -> tuple[Callable, ...]:
        """Modules, or functions in the protocol."""
        raise NotImplementedError(f"{type(self).__name__} must define steps()")

    def forward(self, x):
        """x (N, C, H, W) -> scores (N, num_classes). backward : dy -> dx."""
        check_images(type(self).__name__, x, self.in_channels)
        with unchanged_on_error(self):
            return chain(x, *self.steps())

    def predict(self, x):
        """The scores alone, with the memory of one step at a time."""
        check_images(type(self).__name__, x, self.in_channels)
        with unchanged_on_error(self):
            for step in self.steps():
                x = step.predict(x) if isinstance(step, Module) else step(x)[0]
        return x


@contextmanager
def unchanged_on_error(module: Module):
    """Put running statistics back where a later layer finds the images too small: an error changes nothing."""
    buffers = [(b, b.copy()) for b in module.buffers()] if module.training else []
    try:
        yield
    except Exception:
        for buffer, before in buffers:
            buffer[...] = before
        raise


def check_images(name: str, x, channels: int) -> None:
    """Raise ValueError where x is no batch of images with so many channels."""
    if np.ndim(x) != 4 or x.shape[1] != channels:
        raise ValueError(
            f"{name}: x must be images (N, {channels}, H, W), but has shape {np.shape(x)}; "
            "for another number of channels set in_channels"
        )


def add_branches(x, *branches: Callable):
    """y = branch1(x) + branch2(x) + ...: each branch gets the whole dy."""
    outputs, backwards = _run(x, branches)
    if len({y.shape for y in outputs}) > 1:
        raise ValueError(f"add_branches: branches must make one shape, but make {[y.shape for y in outputs]}")
    return sum(outputs[1:], start=outputs[0]), BranchesBackward(backwards, lambda dy: [dy] * len(backwards))


def concatenate_branches(x, *branches: Callable):
    """The channels of branch1(x), then those of branch2(x), ...: each branch gets its own channels of dy."""
    outputs, backwards = _run(x, branches)
    ends = np.cumsum([y.shape[1] for y in outputs])[:-1].tolist()
    return np.concatenate(outputs, axis=1), BranchesBackward(backwards, lambda dy: np.split(dy, ends, axis=1))


def _run(x, branches):
    pairs = [branch(x) for branch in branches]
    return [y for y, _ in pairs], [backward for _, backward in pairs]


class BranchesBackward(Backward):
    """x went into every branch, so dx is the sum of what they give back, each for its part of dy.

    Without `input_grad` only the branches that learn are visited.
    """

    __slots__ = ("backwards", "parts")

    def __init__(self, backwards, parts):
        self.backwards, self.parts = backwards, parts

    @property
    def learns(self):
        return any(learns(b) for b in self.backwards)

    def __call__(self, dy=None, *, input_grad: bool = True, release: bool = False):
        if self.backwards is None:
            raise RuntimeError("branches: this backward was released after its first call; run the forward again")
        dx = None
        for backward, part in zip(self.backwards, self.parts(dy)):
            if input_grad or learns(backward):
                d = pull(backward, part, input_grad=input_grad, release=release)
                if input_grad:
                    dx = d if dx is None else dx + d
        if release:
            self.backwards = None
        return dx


def unchanged(x):
    """The branch that does nothing, y = x itself: for use beside others, whose sum or concatenation is a new array."""
    return x, UNCHANGED_BACKWARD


class UnchangedBackward(Backward):
    """dx = dy"""

    __slots__ = ()
    learns = False

    def __call__(self, dy=None, *, input_grad: bool = True, release: bool = False):
        return dy if input_grad else None


UNCHANGED_BACKWARD = UnchangedBackward()
