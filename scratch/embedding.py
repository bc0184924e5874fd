"""Embedding: a table of vectors, looked up by integer.

Axes: * any axes of the indices, V rows of the table (vocabulary), E embedding.
Twin: torch_ref/embedding.py. Pair: parity_tests/pairs/embedding.py. Kernel: scratch/kernels/embedding.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from scratch import init
from scratch.dtypes import as_array, as_dtype, check_device
from scratch.module import Module
from scratch.op import Op, on_device_of
from scratch.parameter import Parameter


class EmbeddingSaved(NamedTuple):
    """What embedding_backward needs: no value of the table, only where its rows went."""

    x: np.ndarray  # (*) indices
    rows: int  # V
    padding_idx: int | None  # not negative
    scale_grad_by_freq: bool


def check_indices(name: str, x, weight) -> None:
    """Integers from 0 to V - 1, and a table (V, E)."""
    if x.dtype.kind not in "iu":
        raise TypeError(f"{name}: x must hold integers (rows of weight), but has dtype {x.dtype}; use x.astype(int)")
    if weight.ndim != 2:
        raise ValueError(f"{name}: weight must be (V, E), one row for each index, but is {weight.shape}")
    if x.size and not 0 <= int(x.min()) <= int(x.max()) < weight.shape[0]:
        raise ValueError(
            f"{name}: indices must be from 0 to {weight.shape[0] - 1} (weight {weight.shape}), "
            f"but x goes from {int(x.min())} to {int(x.max())}"
        )


def padding_row(name: str, padding_idx: int | None, rows: int) -> int | None:
    """padding_idx counted from the start; -1 is the last row."""
    if padding_idx is None:
        return None
    if not -rows <= padding_idx < rows:
        raise ValueError(f"{name}: padding_idx must be within the table of {rows} rows, but is {padding_idx}")
    return padding_idx % rows


def embedding_forward(x, weight, padding_idx=None, scale_grad_by_freq=False):
    check_indices("embedding", x, weight)
    padding_idx = padding_row("embedding", padding_idx, weight.shape[0])
    y = np.take(weight, x, axis=0)  # (*) of (V, E) -> (*, E)
    return y, EmbeddingSaved(x, weight.shape[0], padding_idx, scale_grad_by_freq)


def embedding_backward(dy, saved):
    """dy (*, E) -> None for the indices, dweight (V, E)"""
    # y = weight[x]: a row that was looked up several times gets the sum of its gradients
    dweight = np.zeros_like(dy, shape=(saved.rows, dy.shape[-1]))
    np.add.at(dweight, saved.x, dy)
    return None, finish_dweight(dweight, saved)


def finish_dweight(dweight, saved):
    """In place on a fresh gradient: the mean instead of the sum if asked for, and nothing for the padding row."""
    if saved.scale_grad_by_freq:
        counts = np.bincount(saved.x.reshape(-1), minlength=saved.rows)
        dweight /= np.maximum(counts, 1).astype(dweight.dtype)[:, None]
    if saved.padding_idx is not None:
        dweight[saved.padding_idx] = 0
    return dweight


_look_up = Op(embedding_forward, embedding_backward, arrays=("x", "weight"), indices=("x",))


def embedding(x, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False):
    """Look up rows: y[..., :] = weight[x[...], :].

    It is the product of one-hot rows with the table, without the zeros.

    Parameters
    ----------
    x : (*) integers from 0 to V - 1. weight : (V, E) floating point, an array or a Parameter.
    padding_idx : a row (negative: from the end) that gets no gradient.
    max_norm, norm_type : before the look-up every row that x names and whose norm_type-norm is above max_norm is scaled
        down to it, IN PLACE in weight. That is a change of the model, not a part of the function: no gradient flows
        through it, and an earlier backward that holds the same Parameter will say that it has changed.
    scale_grad_by_freq : divide a row's gradient by how often x names it.
    sparse : accepted as torch's, and ignored: the gradient is always the dense array, with the same numbers.

    Returns
    -------
    y : (*, E). backward : dy (*, E) -> dweight (V, E) (added to weight.grad for a Parameter).

    Raises
    ------
    TypeError : x is not integer. ValueError : an index outside the table, a weight that is not (V, E).

    Examples
    --------
    >>> y, backward = embedding(np.array([2, 0, 2]), np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    >>> y
    array([[5., 6.],
           [1., 2.],
           [5., 6.]])
    >>> backward(np.ones((3, 2)))
    array([[1., 1.],
           [0., 0.],
           [2., 2.]])
    """
    if max_norm is not None:
        padding_row("embedding", padding_idx, weight.shape[0])  # refused before anything is written
        renormalize_("embedding", x, weight, max_norm, norm_type)
    return _look_up(x, weight, padding_idx, scale_grad_by_freq=scale_grad_by_freq)


embedding.writes = ("weight",)  # with max_norm


def renormalize_(name: str, x, weight, max_norm: float, norm_type: float) -> None:
    """Scale the rows of weight that x names down to max_norm, in place. torch's 1e-7 keeps them just below it."""
    table = weight.data if isinstance(weight, Parameter) else weight
    check_indices(name, x, table)
    rows = np.unique(x)
    norms = np.linalg.norm(table[rows], ord=norm_type, axis=1)
    rows, norms = rows[norms > max_norm], norms[norms > max_norm]
    if len(rows):
        table[rows] *= (max_norm / (norms + 1e-7)).astype(table.dtype)[:, None]
        if isinstance(weight, Parameter):
            weight.changed()


def one_hot(x, num_classes=-1):
    """y[..., c] = 1 where x[...] is c, else 0. `one_hot(x) @ weight` is the embedding of x.

    Parameters
    ----------
    x : (*) integers from 0 on. num_classes : C; -1 for the largest of x, plus 1.

    Returns
    -------
    y : (*, C) int64. backward : gives None, integers have no gradient.

    Raises
    ------
    TypeError : x is not integer. ValueError : x holds a negative number or one from num_classes on, or is empty
    without num_classes.

    Examples
    --------
    >>> one_hot(np.array([2, 0]))[0]
    array([[0, 0, 1],
           [1, 0, 0]])
    """
    if x.dtype.kind not in "iu":
        raise TypeError(f"one_hot: x must hold integers, but has dtype {x.dtype}; use x.astype(int)")
    if num_classes == -1:
        if not x.size:
            raise ValueError(f"one_hot: x {x.shape} is empty, so that num_classes must be given")
        num_classes = int(x.max()) + 1
    if num_classes < 0 or (x.size and not 0 <= int(x.min()) <= int(x.max()) < num_classes):
        raise ValueError(
            f"one_hot: x must be from 0 to num_classes - 1 (num_classes {num_classes}), "
            f"but goes from {x.min() if x.size else None} to {x.max() if x.size else None}"
        )
    y = (x[..., None] == on_device_of(x, np.arange(num_classes))).astype(np.int64)
    return y, lambda dy=None: None


class Embedding(Module):
    """y = weight[x]: indices (*) -> vectors (*, embedding_dim), from a learned table (num_embeddings, embedding_dim).

    The table starts from N(0, 1), its padding row as zeros. `padding_idx`, `max_norm`, `norm_type`,
    `scale_grad_by_freq` and `sparse` are those of the function `embedding`. The call returns `(y, backward)`, and
    `backward(dy)` is None: indices have no gradient.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight=None,
        _freeze: bool = False,
        device=None,
        dtype=None,
        *,
        rng=None,
    ):
        check_device(device)
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = padding_row("Embedding", padding_idx, num_embeddings)
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq, self.sparse = scale_grad_by_freq, sparse
        if _weight is None:
            self.weight = init.empty(num_embeddings, embedding_dim, dtype=as_dtype(dtype))
            self.reset_parameters(rng)
        else:
            table = as_array(_weight, "Embedding: the table")
            if table.shape != (num_embeddings, embedding_dim):
                raise ValueError(
                    f"Embedding: the table must be ({num_embeddings}, {embedding_dim}), but is {table.shape}"
                )
            self.weight = Parameter(np.array(table))
        self.weight.requires_grad_(not _freeze)

    @classmethod
    def from_pretrained(
        cls,
        embeddings,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """An Embedding with a copy of this table (torch shares it), that is not learned unless `freeze=False`."""
        table = as_array(embeddings, "Embedding.from_pretrained: embeddings")
        if table.ndim != 2:
            raise ValueError(f"Embedding.from_pretrained: the table must be (V, E), but is {table.shape}")
        return cls(*table.shape, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse, table, freeze)

    def reset_parameters(self, rng=None) -> None:
        init.normal_(self.weight, rng=rng)
        if self.padding_idx is not None:
            self.weight.data[self.padding_idx] = 0

    def forward(self, x):
        return embedding(
            x, self.weight, self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.sparse
        )

    def extra_repr(self):
        shown = f"{self.num_embeddings}, {self.embedding_dim}"
        shown += "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        shown += "" if self.max_norm is None else f", max_norm={self.max_norm}"
        shown += "" if self.norm_type == 2 else f", norm_type={self.norm_type}"
        shown += f", scale_grad_by_freq={self.scale_grad_by_freq}" if self.scale_grad_by_freq else ""
        return shown + (", sparse=True" if self.sparse else "")
