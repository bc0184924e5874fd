"""Op: a forward and its backward, two plain functions side by side, as one callable.

    y, backward = conv2d(x, weight, bias, stride=2)
    dx, dweight, dbias = backward(dy)

The forward returns what the backward will need, `saved`, beside its output. Nothing is kept anywhere else, so an op
may be used any number of times in one computation, from several threads, and its backward called again with another
upstream gradient.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import contextmanager
from contextvars import ContextVar
from functools import update_wrapper
from typing import Any

import numpy as np

from scratch.parameter import Parameter
from scratch.sums import tree_sum

_textbook_only: ContextVar[bool] = ContextVar("textbook_only", default=False)


@contextmanager
def textbook():
    """Run every op started inside the `with` block on its textbook version, none on a kernel.

    The choice is made in the forward and travels with what it saved: a backward called later, inside or outside of
    the block, is the one that belongs to its forward.
    """
    token = _textbook_only.set(True)
    try:
        yield
    finally:
        _textbook_only.reset(token)


class Op:
    """`y, backward = op(*arrays, **options)` from a forward and a backward function.

    Parameters
    ----------
    forward : `forward(*arguments) -> (y, saved)`.
    backward : `backward(dy, saved) -> gradients`, one for each name in `arrays`, in that order (a tuple, or the
        gradient itself where there is one name); `None` for what has no gradient. A backward with a third parameter
        `needs` is told which of them are wanted, a tuple of bool, and may return `None` for the others.
    arrays : the forward's array arguments. Default: its leading parameters without a default or with `None`.
    indices : those of `arrays` that may be integer or boolean (they have no gradient then).
    constants : those of `arrays` that never have a gradient (class weights, running statistics).
    mixed : whether floating-point arguments of different dtypes are accepted, as torch's pointwise losses do.

    Any argument may be a `Parameter`: its gradient is then added to `parameter.grad`, and the backward returns the
    gradients of the other arguments only: alone when one of them is differentiable, else as a tuple, one for each array
    argument that was given, in argument order, with `None` for those that are not, or that were `None`.
    """

    def __init__(
        self,
        forward: Callable,
        backward: Callable,
        *,
        arrays: tuple[str, ...] | None = None,
        indices: tuple[str, ...] = (),
        constants: tuple[str, ...] = (),
        mixed: bool = False,
    ):
        update_wrapper(self, forward)
        self.__name__ = forward.__name__.removesuffix("_forward")
        self.forward, self.backward = forward, backward
        self.names = tuple(inspect.signature(forward).parameters)
        self.arrays = arrays or _leading_arrays(forward)
        self.indices, self.constants, self.mixed = frozenset(indices), frozenset(constants), mixed
        parameters = inspect.signature(forward).parameters
        self._slots = tuple((self.names.index(name), name) for name in self.arrays)
        self._required = {name for name in self.arrays if parameters[name].default is inspect.Parameter.empty}
        self._array_names = frozenset(self.arrays)
        self._textbook = (forward, backward, _takes_needs(backward))
        self.kernels: list[tuple[Callable, tuple]] = []

    def __repr__(self):
        return f"{self.__name__}{inspect.signature(self.forward)}"

    def __deepcopy__(self, memo):
        return self  # as a function does: a copied layer has the same op, with its kernels

    def register(self, forward: Callable, backward: Callable, *, when: Callable[..., bool]) -> None:
        """Add a kernel: used instead of the textbook for NumPy arrays when `when(*arguments)` is true.

        The kernel has the forward's signature and the backward's result; the first registered that suits is taken.
        """
        self.kernels.append((when, (forward, backward, _takes_needs(backward))))

    def __call__(self, *args, needs: tuple[bool, ...] | None = None, **options) -> tuple[Any, Backward]:
        """Run the forward. `needs` says for each of `self.arrays` whether its gradient is wanted (default: all)."""
        positional, by_name = len(args), ()
        if not self._array_names.isdisjoint(options):
            by_name = self._array_names.intersection(options)
            args, options = self._array_options_to_args(args, options)
        parameters, wanted, free, dtype = [], [], [], None
        values = list(args)
        count = len(values)
        for position, (index, name) in enumerate(self._slots):
            value = values[index] if index < count else None
            differentiable = want = value is not None
            if isinstance(value, Parameter):
                want = value.requires_grad
                if want:
                    parameters.append((position, value, value.version))
                values[index] = value = value.data
                differentiable = False  # for the caller: its gradient goes to the Parameter
            elif differentiable and name in self.constants:
                differentiable = want = False
            if value is not None or name in self._required:
                kind = self._check_array(name, value)
                if kind == "f":
                    if dtype is None:
                        dtype = value.dtype
                    elif value.dtype != dtype and not self.mixed:
                        self._raise_mixed(values)
                else:
                    differentiable = want = False
            if needs is not None:
                want = want and needs[position]
            wanted.append(want)
            if (index < positional or name in by_name) and not isinstance(args[index], Parameter):
                free.append((position, differentiable))
        forward, backward, takes_needs = self._choose(values, options)
        y, saved = forward(*values, **options)
        return y, OpBackward(self, backward, takes_needs, saved, y, tuple(wanted), tuple(parameters), free)

    def _choose(self, values, options):
        if self.kernels and type(values[0]) is np.ndarray and not _textbook_only.get():
            for when, kernel in self.kernels:
                if when(*values, **options):
                    return kernel
        return self._textbook

    def _array_options_to_args(self, args, options):
        """Array arguments given by keyword move to their place in the argument order."""
        parameters = inspect.signature(self.forward).parameters
        args, options = list(args), dict(options)
        last = max(self.names.index(name) for name in self._array_names.intersection(options))
        for name in self.names[len(args) : last + 1]:
            if name not in options and parameters[name].default is inspect.Parameter.empty:
                raise TypeError(f"{self.__name__}: missing argument {name!r} of {self!r}")
            args.append(options.pop(name, parameters[name].default))
        return args, options

    def _check_array(self, name, value) -> str:
        if not isinstance(value, (np.ndarray, np.generic)) and not hasattr(value, "__array_function__"):
            raise TypeError(
                f"{self.__name__}: {name} must be a NumPy array, but is a {type(value).__module__}."
                f"{type(value).__name__}; convert it first (np.asarray, or tensor.detach().numpy())"
            )
        kind = value.dtype.kind
        if kind != "f" and name not in self.indices:
            raise TypeError(
                f"{self.__name__}: {name} must be floating point, but has dtype {value.dtype}; "
                f"convert it with {name}.astype(np.float32)"
            )
        return kind

    def _raise_mixed(self, values):
        dtypes = [f"{name} {values[i].dtype}" for i, name in self._slots if i < len(values) and values[i] is not None]
        raise TypeError(
            f"{self.__name__}: floating-point arguments must have one dtype, but got {', '.join(dtypes)}; "
            f"convert the arrays with .astype(...) or the module with .to(dtype)"
        )


class Backward:
    """A backward that takes part in a sweep: it can be told what is not wanted and when to let go.

    `learns` is whether any Parameter waits for a gradient from it.
    """

    __slots__ = ()
    learns: bool

    def __call__(self, dy=None, *, input_grad: bool = True, release: bool = False):
        raise NotImplementedError(f"{type(self).__name__} must define __call__")


class OpBackward(Backward):
    """What an op returns beside y: `gradients = backward(dy)`; `backward.saved` is what it remembers."""

    __slots__ = ("op", "function", "takes_needs", "saved", "like", "needs", "parameters", "free", "alone")

    def __init__(self, op, function, takes_needs, saved, y, needs, parameters, free):
        self.op, self.function, self.takes_needs, self.saved = op, function, takes_needs, saved
        self.like = _like(y)
        self.needs, self.parameters, self.free = needs, parameters, free
        differentiable = [position for position, d in free if d]
        self.alone = differentiable[0] if len(differentiable) == 1 else (None if differentiable else -1)

    @property
    def learns(self):
        return bool(self.parameters)

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays held in `saved`, each counted once."""
        return sum(a.nbytes for a in {id(a): a for a in _arrays_in(self.saved)}.values())

    def __repr__(self):
        return f"<backward of {self.op.__name__}, {self.nbytes} bytes saved>"

    def __call__(self, dy=None, *, input_grad: bool = True, release: bool = False):
        """The gradients for the upstream gradient dy, which has y's structure and shape.

        Parameters
        ----------
        dy : array like y (tuples of outputs: a tuple, `None` where there is no upstream gradient).
            May be left out when y is a scalar: 1.
        input_grad : whether the gradients of the arguments that are no Parameters are wanted; `None` if not.
        release : let go of `saved` afterwards; a further call is an error then.

        Raises
        ------
        ValueError : dy's shape is not y's. RuntimeError : already released, or a Parameter that `saved` holds has
            changed since the forward, so that the gradient would mix old activations with new weights.
        """
        name = self.op.__name__
        if self.saved is _RELEASED:
            raise RuntimeError(f"{name}: this backward was released after its first call; run the forward again")
        for _, parameter, version in self.parameters:
            if parameter.version != version and _holds(self.saved, parameter.data):
                raise RuntimeError(
                    f"{name}: a parameter {parameter.shape} was changed (optimizer step, load_state_dict, init) "
                    "between this forward and its backward; run the forward again"
                )
        dy = _checked_dy(name, dy, self.like)
        needs = self.needs
        if not input_grad:
            taken = {position for position, _, _ in self.parameters}
            needs = tuple(i in taken for i in range(len(needs)))
        gradients = self.function(dy, self.saved, needs) if self.takes_needs else self.function(dy, self.saved)
        if release:
            self.saved = _RELEASED
        if type(gradients) is not tuple:
            gradients = (gradients,)
        for position, parameter, _ in self.parameters:
            if needs[position]:
                parameter.add_grad(gradients[position])
        if not input_grad or self.alone == -1:
            return None
        if self.alone is not None:
            return gradients[self.alone] if needs[self.alone] else None
        return tuple(gradients[position] if needs[position] and d else None for position, d in self.free)


_RELEASED = object()


def pull(backward: Callable, dy=None, *, input_grad: bool = True, release: bool = False):
    """Call a backward, telling it what it can be told: a plain function written by a user takes only dy."""
    if isinstance(backward, Backward):
        return backward(dy, input_grad=input_grad, release=release)
    return backward(dy) if dy is not None else backward()


def learns(backward: Callable) -> bool:
    """Whether a Parameter waits for a gradient from this backward; a plain function may always be hiding one."""
    return backward.learns if isinstance(backward, Backward) else True


def unbroadcast(gradient, shape):
    """Sum a gradient over the axes along which an argument of this shape was broadcast.

    Broadcasting copies; the gradient of a copy is the sum over the copies.
    """
    if gradient.shape == shape:
        return gradient
    extra = gradient.ndim - len(shape)
    stretched = tuple(extra + i for i, n in enumerate(shape) if n == 1 and gradient.shape[extra + i] != 1)
    return tree_sum(gradient, (*range(extra), *stretched)).reshape(shape)


def on_device_of(x, host):
    """A host array (random numbers, an index table) where x lives: itself for NumPy, copied to the GPU for CuPy."""
    return host if isinstance(x, (np.ndarray, np.generic)) else np.asarray(host, like=x)


def _leading_arrays(forward):
    names = []
    for name, parameter in inspect.signature(forward).parameters.items():
        if parameter.default is not inspect.Parameter.empty and parameter.default is not None:
            break
        names.append(name)
    return tuple(names)


def _takes_needs(backward) -> bool:
    return "needs" in inspect.signature(backward).parameters


def _like(y):
    """Shape and dtype of an output, in its structure, without holding the output itself."""
    if isinstance(y, tuple):
        return tuple(_like(part) for part in y)
    return None if y is None else _Like(y.shape, y.dtype)


class _Like:
    __slots__ = ("shape", "dtype")

    def __init__(self, shape, dtype):
        self.shape, self.dtype = shape, dtype


def _checked_dy(name, dy, like):
    if type(like) is tuple:
        if dy is None:
            return (None,) * len(like)
        if not isinstance(dy, tuple) or len(dy) != len(like):
            got = f"a tuple of {len(dy)}" if isinstance(dy, tuple) else type(dy).__name__
            raise ValueError(f"{name} backward: dy must be a tuple of {len(like)}, as the outputs are, but is {got}")
        return tuple(None if d is None else _checked_dy(name, d, part) for d, part in zip(dy, like))
    if like is None:
        if dy is None:
            return None
        raise ValueError(f"{name} backward: got an upstream gradient for an output that is None")
    if dy is None:
        if like.shape != ():
            raise ValueError(f"{name} backward: dy may be left out only for a scalar output; y has shape {like.shape}")
        return like.dtype.type(1)
    if isinstance(dy, (int, float)) and like.shape == ():
        return like.dtype.type(dy)
    if getattr(dy, "shape", None) != like.shape:
        got = getattr(dy, "shape", type(dy).__name__)
        raise ValueError(f"{name} backward: dy must have the shape of y, {like.shape}, but has {got}")
    return dy if dy.dtype == like.dtype else dy.astype(like.dtype)


def _holds(saved, data) -> bool:
    return any(np.may_share_memory(a, data) for a in _arrays_in(saved))


def _arrays_in(saved):
    if isinstance(saved, (tuple, list)):
        for part in saved:
            yield from _arrays_in(part)
    elif hasattr(saved, "nbytes"):
        yield saved
