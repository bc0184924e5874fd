"""Embedding: the backward as one sparse product.

`np.add.at` visits one row a time. The one-hot matrix of the indices, held sparse, gives the same sums in compiled code:
y = onehot @ weight, so dweight = onehotᵀ @ dy, with a row's gradients added in the same order.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from scratch.embedding import _look_up, embedding_forward, finish_dweight

LARGE = 256  # rows: below, making the sparse matrix does not pay


def embedding_backward(dy, saved):
    """dy (*, E) -> None, dweight (V, E)"""
    x = saved.x.reshape(-1)
    rows = dy.reshape(len(x), dy.shape[-1])
    onehot = sparse.csr_array((np.ones(len(x), dy.dtype), x, np.arange(len(x) + 1)), shape=(len(x), saved.rows))
    return None, finish_dweight(onehot.T @ rows, saved)


def suits(x, weight, padding_idx=None, scale_grad_by_freq=False) -> bool:
    """Enough rows that making the sparse matrix pays."""
    return x.size >= LARGE and weight.ndim == 2 and weight.dtype in (np.float32, np.float64)


_look_up.register(embedding_forward, embedding_backward, when=suits)
