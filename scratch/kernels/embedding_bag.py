"""Embedding bags: the bags as one sparse matrix; maxima over the first index of all bags, the second of all, and so on.

Row b of the matrix holds, in column v, how often bag b names row v: y = bags @ weight and dweight = bagsᵀ @ dy, without
the rows of every single index in between.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from scratch.embedding import finish_dweight, padding_row
from scratch.embedding_bag import EmbeddingBagSaved, _pool_bags, bag_numbers, check_bags

LARGE = 256  # rows: below, making the sparse matrix does not pay


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
    V = weight.shape[0]
    padding_idx = padding_row("embedding_bag", padding_idx, V)
    number, bags = bag_numbers(x, offsets, include_last_offset)
    seen = x != (-1 if padding_idx is None else padding_idx)
    bags, x = bags[seen.reshape(-1)], x[seen]
    counts = np.maximum(np.bincount(bags, minlength=number), 1).astype(weight.dtype)[:, None]
    saved = EmbeddingBagSaved(x, bags, counts, None, None, None, seen, mode, V, padding_idx, scale_grad_by_freq)
    if mode == "max":
        y, winners = maxima(saved, weight)
        return y, saved._replace(winners=winners)
    y = matrix(saved, weight.dtype) @ weight
    return (y / counts if mode == "mean" else y), saved


def matrix(saved, dtype):
    """(B, V)"""
    ends = np.searchsorted(saved.bags, np.arange(len(saved.counts) + 1))  # bags are in order
    return sparse.csr_array((np.ones(len(saved.x), dtype), saved.x, ends), shape=(len(saved.counts), saved.rows))


def maxima(saved, weight):
    """(B, E) each: the largest numbers of every bag, 0 without any, and the rows they come from, -1 without any."""
    number, E = len(saved.counts), weight.shape[1]
    y, winners = np.zeros((number, E), weight.dtype), np.full((number, E), -1)
    starts = np.searchsorted(saved.bags, np.arange(number + 1))  # bags are in order
    sizes = np.diff(starts)
    for j in range(sizes.max(initial=0)):
        some = np.flatnonzero(sizes > j)  # bags with an index j
        index = saved.x[starts[some] + j]
        row, best = weight[index], y[some]
        wins = (winners[some] < 0) | (row > best)  # of equal ones the first stays, and so does a first nan
        y[some], winners[some] = np.where(wins, row, best), np.where(wins, index[:, None], winners[some])
    return y, winners


def embedding_bag_backward(dy, saved):
    """dy (B, E) -> None, dweight (V, E), None, None"""
    if saved.mode == "max":
        dweight = np.zeros((saved.rows, dy.shape[1]), dy.dtype)
        there = saved.winners >= 0
        places = saved.winners * dy.shape[1] + np.arange(dy.shape[1])
        np.add.at(dweight.reshape(-1), places[there], dy[there])
        return None, finish_dweight(dweight, saved), None, None
    dy = dy / saved.counts if saved.mode == "mean" else np.ascontiguousarray(dy)
    return None, finish_dweight(matrix(saved, dy.dtype).T @ dy, saved), None, None


def suits(x, weight, offsets=None, per_sample_weights=None, scale_grad_by_freq=False, mode="mean", *_, **__) -> bool:
    return (
        x.size >= LARGE and per_sample_weights is None and weight.ndim == 2 and weight.dtype in (np.float32, np.float64)
    )


_pool_bags.register(embedding_bag_forward, embedding_bag_backward, when=suits)
