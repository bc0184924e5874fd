"""Parameter: an array that learns, and views of it for tied and transposed weights."""

from __future__ import annotations

from operator import itemgetter, methodcaller

import numpy as np


class Parameter:
    """An array a module learns: `.data`, `.grad`, `.requires_grad`.

    `.grad` is `None` until the first backward gives it an array of its own; later ones add into it, so the gradients
    of a parameter that is used several times add up. Optimizers skip a parameter whose grad is `None`.

    `weight.T`, `weight.transpose(...)`, `weight.reshape(...)` and `weight[...]` are Parameters too, that read this
    one's data and add into this one's grad through the same NumPy view.
    """

    def __init__(self, data, requires_grad: bool = True):
        if not hasattr(data, "__array_function__") or data.dtype.kind != "f":
            got = getattr(data, "dtype", type(data).__name__)
            raise TypeError(
                f"Parameter: data must be a floating-point array, but is {got}; use array.astype(np.float32)"
            )
        self.data = data
        self.grad = None
        self.requires_grad = requires_grad
        self.version = 0

    @property
    def shape(self):
        return self.data.shape

    @property
    def ndim(self):
        return self.data.ndim

    @property
    def size(self):
        return self.data.size

    @property
    def dtype(self):
        return self.data.dtype

    def __len__(self):
        return len(self.data)

    def __repr__(self):
        suffix = "" if self.requires_grad else "\nrequires_grad=False"
        return f"Parameter containing:\n{self.data!r}{suffix}"

    def add_grad(self, gradient) -> None:
        """Add a gradient that belongs to this parameter alone (no op returns an array that something else holds)."""
        if self.grad is None:
            self.grad = gradient
        else:
            self.grad += gradient

    def changed(self) -> None:
        """Note that data was written in place, so that a backward that still holds it can say so."""
        self.version += 1

    def requires_grad_(self, requires_grad: bool = True) -> Parameter:
        """Freeze or unfreeze; returns the parameter."""
        self.requires_grad = requires_grad
        return self

    @property
    def T(self) -> ParameterView:
        return ParameterView(self, methodcaller("transpose"))

    def transpose(self, *axes) -> ParameterView:
        """A view with permuted axes, as `np.transpose`; two axes of a larger array are swapped, as torch does."""
        if len(axes) == 2 and self.ndim != 2:
            return ParameterView(self, methodcaller("swapaxes", *axes))
        return ParameterView(self, methodcaller("transpose", *axes))

    def reshape(self, *shape) -> ParameterView:
        return ParameterView(self, methodcaller("reshape", *shape))

    def __getitem__(self, index) -> ParameterView:
        return ParameterView(self, itemgetter(index))


class ParameterView(Parameter):
    """A Parameter that reads and feeds another one, its base, through a NumPy view. It owns nothing."""

    def __init__(self, base: Parameter, view):
        self.base, self.view = base, view
        if base.size and not np.shares_memory(view(base.data), base.data):
            raise ValueError(
                f"Parameter: this indexing or reshaping of a parameter {base.shape} copies; a tied view must be a "
                "basic slice, a transpose, or a reshape of contiguous data"
            )

    @property
    def data(self):
        return self.view(self.base.data)

    @property
    def grad(self):
        return None if self.base.grad is None else self.view(self.base.grad)

    @property
    def requires_grad(self):
        return self.base.requires_grad

    @property
    def version(self):
        return self.base.version

    def add_grad(self, gradient) -> None:
        base = self
        while isinstance(base, ParameterView):
            base = base.base
        if base.grad is None:
            base.grad = np.zeros_like(base.data)
        self.grad[...] += gradient

    def changed(self) -> None:
        self.base.changed()

    def requires_grad_(self, requires_grad: bool = True) -> Parameter:
        self.base.requires_grad_(requires_grad)
        return self
