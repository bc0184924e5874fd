"""Embedding bags: the sum, mean or maximum of the embeddings of each bag of indices, without padding them.

Axes: N indices of all bags, one after the other, B bags, V rows of the table, E embedding.
Twin: torch_ref/embedding_bag.py. Pair: parity_tests/pairs/embedding_bag.py. Kernel: scratch/kernels/embedding_bag.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from scratch.dtypes import as_array
from scratch.embedding import Embedding, check_indices, finish_dweight, padding_row, renormalize_
from scratch.module import Module
from scratch.op import Op, on_device_of
from scratch.parameter import Parameter


class EmbeddingBagSaved(NamedTuple):
    """What embedding_bag_backward needs. Indices of the padding row are left out everywhere but in `seen`."""

    x: np.ndarray  # (N,)
    bags: np.ndarray  # (N,) the bag of each index
    counts: np.ndarray  # (B, 1) indices in each bag, 1 for an empty one
    per_sample_weights: np.ndarray | None  # (N,)
    weight: np.ndarray | None  # (V, E), only for the gradient of per_sample_weights
    winners: np.ndarray | None  # (B, E) rows with the maximum, -1 for an empty bag
    seen: np.ndarray  # bool, as x came: what was not padding
    mode: str
    rows: int  # V
    padding_idx: int | None
    scale_grad_by_freq: bool


def embedding_bag_forward(
    x,
    weight,
    offsets=None,
    per_sample_weights=None,
    scale_grad_by_freq=False,
    mode="mean",
    include_last_offset=False,
    padding_idx=None,
):
    check_bags(x, weight, offsets, per_sample_weights, mode, include_last_offset, scale_grad_by_freq)
    padding_idx = padding_row("embedding_bag", padding_idx, weight.shape[0])
    number, bags = bag_numbers(x, offsets, include_last_offset)
    seen = x != (-1 if padding_idx is None else padding_idx)
    bags, x = bags[seen.reshape(-1)], x[seen]
    samples = None if per_sample_weights is None else per_sample_weights[seen]
    counts = np.maximum(np.bincount(bags, minlength=number), 1).astype(weight.dtype)[:, None]
    rows = np.take(weight, x, axis=0)  # (N, E)
    if samples is not None:
        rows = rows * samples[:, None]
    y = np.zeros_like(weight, shape=(number, weight.shape[1]))
    winners = None
    if mode == "max":
        winners = np.full_like(x, -1, shape=y.shape)
        for b in range(number):
            inside = x[bags == b]
            if len(inside):
                of_bag = np.take(weight, inside, axis=0)  # (n, E)
                # as in torch, what comes later must be larger: a first nan stays, a later one loses
                order = np.where(np.isnan(of_bag), -np.inf, of_bag)
                order[0] = np.where(np.isnan(of_bag[0]), np.inf, of_bag[0])
                place = order.argmax(axis=0)
                winners[b] = inside[place]
                y[b] = np.take_along_axis(of_bag, place[None], axis=0)[0]
    else:
        np.add.at(y, bags, rows)
        if mode == "mean":
            y /= counts
    kept = None if samples is None else weight
    return y, EmbeddingBagSaved(
        x, bags, counts, samples, kept, winners, seen, mode, weight.shape[0], padding_idx, scale_grad_by_freq
    )


def embedding_bag_backward(dy, saved):
    """dy (B, E) -> None, dweight (V, E), None, dper_sample_weights"""
    dweight, dsamples = np.zeros_like(dy, shape=(saved.rows, dy.shape[1])), None
    if saved.mode == "max":
        # y[b, e] = weight[winners[b, e], e]
        b, e = np.nonzero(saved.winners >= 0)
        np.add.at(dweight, (saved.winners[b, e], e), dy[b, e])
        return None, finish_dweight(dweight, saved), None, None
    if saved.mode == "mean":
        # y = sum / counts
        dy = dy / saved.counts
    # every index of a bag went into its sum
    drows = dy[saved.bags]  # (B, E) -> (N, E)
    if saved.per_sample_weights is not None:
        # rows = weight[x] * per_sample_weights
        dsamples = np.zeros_like(dy, shape=saved.seen.shape)
        dsamples[saved.seen] = (drows * np.take(saved.weight, saved.x, axis=0)).sum(axis=1)
        drows = drows * saved.per_sample_weights[:, None]
    np.add.at(dweight, saved.x, drows)
    return None, finish_dweight(dweight, saved), None, dsamples


_pool_bags = Op(
    embedding_bag_forward,
    embedding_bag_backward,
    arrays=("x", "weight", "offsets", "per_sample_weights"),
    indices=("x", "offsets"),
)


def bag_numbers(x, offsets, include_last_offset: bool):
    """(B, the bag of each index): rows of a two-dimensional x, or the stretches that begin at offsets."""
    n = on_device_of(x, np.arange(x.size))
    if x.ndim == 2:
        return len(x), n // x.shape[1]
    starts = offsets[:-1] if include_last_offset else offsets
    return len(starts), np.searchsorted(starts, n, side="right") - 1


def check_bags(x, weight, offsets, per_sample_weights, mode, include_last_offset, scale_grad_by_freq) -> None:
    name = "embedding_bag"
    check_indices(name, x, weight)
    if mode not in ("sum", "mean", "max"):
        raise ValueError(f"{name}: mode must be 'sum', 'mean' or 'max', but is {mode!r}")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError(f"{name}: scale_grad_by_freq is for 'sum' and 'mean', not for mode='max'")
    if per_sample_weights is not None and (mode != "sum" or per_sample_weights.shape != x.shape):
        raise ValueError(
            f"{name}: per_sample_weights must have x's shape {x.shape} and mode must be 'sum', "
            f"but they are {per_sample_weights.shape} and {mode!r}"
        )
    if x.ndim == 2 and offsets is None and x.shape[1]:
        return
    if x.ndim != 1 or offsets is None or offsets.ndim != 1 or offsets.dtype.kind not in "iu" or not len(offsets):
        got = "None" if offsets is None else f"{offsets.dtype} {offsets.shape}"
        raise ValueError(
            f"{name}: x must be (B, n) without offsets, or (N,) with integer offsets (B,), "
            f"but x is {x.shape} and offsets {got}"
        )
    steps = offsets[1:] - offsets[:-1]
    if int(offsets[0]) != 0 or int(offsets[-1]) > len(x) or (steps.size and int(steps.min()) < 0):
        raise ValueError(
            f"{name}: offsets must begin with 0, not decrease, and end within the {len(x)} indices, "
            f"but go from {int(offsets[0])} to {int(offsets[-1])}"
        )


def embedding_bag(
    x,
    weight,
    offsets=None,
    max_norm=None,
    norm_type=2.0,
    scale_grad_by_freq=False,
    mode="mean",
    sparse=False,
    per_sample_weights=None,
    include_last_offset=False,
    padding_idx=None,
):
    """The sum, mean or maximum of weight's rows for each bag of indices; zeros for an empty bag.

    Parameters
    ----------
    x : (B, n) integers, a bag each row, or (N,) with offsets. weight : (V, E), an array or a Parameter.
    offsets : (B,) integers from 0 upward, where each bag begins in x; with include_last_offset (B + 1,), of which the
        last is not a bag.
    mode : "sum", "mean" or "max" (of each component; the first of equal ones gets the gradient).
    per_sample_weights : as x; multiplied with the rows, for "sum" only.
    padding_idx : a row that is left out of the bags, also of a mean's count, and gets no gradient.
    max_norm, norm_type, scale_grad_by_freq, sparse : as in `embedding`; max_norm changes weight in place.

    Returns
    -------
    y : (B, E). backward : dy -> dweight, or with per_sample_weights (None, dweight, None, dper_sample_weights).

    In a maximum a nan that comes first stays, a later one loses to any number, as in torch. Offsets that decrease are
    refused; torch takes them. scale_grad_by_freq divides by a row's own frequency; torch 2.13 on the CPU takes that of
    another row (where the sorted indices hold repeats before it).

    Raises
    ------
    TypeError : x is not integer. ValueError : any other rule above broken.

    Examples
    --------
    >>> weight = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 0.0]])
    >>> y, backward = embedding_bag(np.array([0, 1, 2]), weight, np.array([0, 1]), mode="sum")
    >>> y
    array([[ 1., 10.],
           [ 5., 20.]])
    >>> backward(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([[1., 2.],
           [3., 4.],
           [3., 4.]])
    """
    if max_norm is not None:  # everything is checked before anything is written
        table = weight.data if isinstance(weight, Parameter) else weight
        check_bags(x, table, offsets, per_sample_weights, mode, include_last_offset, scale_grad_by_freq)
        padding_row("embedding_bag", padding_idx, table.shape[0])
        renormalize_("embedding_bag", x, weight, max_norm, norm_type)
    return _pool_bags(
        x,
        weight,
        offsets,
        per_sample_weights,
        scale_grad_by_freq=scale_grad_by_freq,
        mode=mode,
        include_last_offset=include_last_offset,
        padding_idx=padding_idx,
    )


embedding_bag.writes = ("weight",)  # with max_norm


class EmbeddingBag(Module):
    """Bags of indices -> (B, embedding_dim): the sum, mean or maximum of rows of a learned table; see `embedding_bag`.

    The table starts from N(0, 1), its padding row as zeros. A module call returns `(y, backward)`; `backward(dy)` is
    None, or the gradient of per_sample_weights where they were given.
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, max_norm: float | None = None, norm_type: float = 2.0,
        scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False, _weight=None,
        include_last_offset: bool = False, padding_idx: int | None = None, device=None, dtype=None, *, rng=None,
    ):  # fmt: skip
        table = Embedding(
            num_embeddings, embedding_dim, padding_idx, _weight=_weight, device=device, dtype=dtype, rng=rng
        )
        self.num_embeddings, self.embedding_dim, self.padding_idx = num_embeddings, embedding_dim, table.padding_idx
        self.max_norm, self.norm_type, self.scale_grad_by_freq = max_norm, norm_type, scale_grad_by_freq
        self.weight = table.weight
        self.mode, self.sparse, self.include_last_offset = mode, sparse, include_last_offset

    @classmethod
    def from_pretrained(
        cls, embeddings, freeze: bool = True, max_norm: float | None = None, norm_type: float = 2.0,
        scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False,
        include_last_offset: bool = False, padding_idx: int | None = None,
    ) -> EmbeddingBag:  # fmt: skip
        """With a copy of this table (torch shares it), that is not learned unless `freeze=False`."""
        table = as_array(embeddings, "EmbeddingBag.from_pretrained: embeddings")
        if table.ndim != 2:
            raise ValueError(f"EmbeddingBag.from_pretrained: the table must be (V, E), but is {table.shape}")
        bag = cls(
            *table.shape, max_norm, norm_type, scale_grad_by_freq, mode, sparse, table, include_last_offset, padding_idx
        )
        bag.weight.requires_grad_(not freeze)
        return bag

    reset_parameters = Embedding.reset_parameters

    def forward(self, x, offsets=None, per_sample_weights=None):
        return embedding_bag(
            x, self.weight, offsets, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.mode, self.sparse,
            per_sample_weights, self.include_last_offset, self.padding_idx,
        )  # fmt: skip

    def extra_repr(self):
        shown = f"{self.num_embeddings}, {self.embedding_dim}"
        shown += "" if self.max_norm is None else f", max_norm={self.max_norm}"
        shown += "" if self.norm_type == 2 else f", norm_type={self.norm_type}"
        shown += f", scale_grad_by_freq={self.scale_grad_by_freq}" if self.scale_grad_by_freq else ""
        shown += f", mode={self.mode!r}"
        return shown + ("" if self.padding_idx is None else f", padding_idx={self.padding_idx}")
