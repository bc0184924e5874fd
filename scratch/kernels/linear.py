"""Linear layers on all threads: each multiplies its share, and adds the bias to what it has.

Middling products of few rows (n, I) are left to the textbook and to BLAS's threads: a share of them takes 0.1 to 0.7
ms, and the thread that is to make it 0.1 to wake. A small multilayer perceptron, which has no other use for threads,
needs a fifth less with BLAS's. But these stay awake for a tenth of a second, and where there are more rows the
activations go to threads too, as do the attentions and norms among which layers for sequences (B, T, I) stand. There
each thread makes its share: a small vision transformer needs a third less, a perceptron with 8192 rows as well.

Axes: n rows of x, I in_features, O out_features.
"""

from __future__ import annotations

import math

import numpy as np

from scratch.kernels import blocks
from scratch.kernels.products import share
from scratch.linear import LinearSaved, check_linear, linear
from scratch.op import unbroadcast
from scratch.sums import tree_sum

SHARED = 64_000_000  # multiplications from which shares of a product pay


def linear_kernel_forward(x, weight, bias=None):
    check_linear(x, weight, bias)
    y = np.empty((*x.shape[:-1], len(weight)), x.dtype)
    n, parts = math.prod(x.shape[:-1]), blocks.num_threads()
    xs, ys = x.reshape(n, x.shape[-1]), y.reshape(n, len(weight))

    def task(lo, hi):
        mine = share(xs, weight.T, ys, lo, hi, parts)  # (n, I) @ (I, O)
        if bias is not None:
            into = ys[mine]
            blocks.over_rows(np.add, into.shape[1])(into, np.broadcast_to(bias, ys.shape)[mine], into)

    blocks.multiply(task, parts, x.size * len(weight))
    return y, LinearSaved(x, weight, () if bias is None else bias.shape)


def linear_kernel_backward(dy, saved, needs=(True, True, True)):
    """All three gradients in one go: no thread waits for another in between."""
    x, weight, bias_shape = saved
    n, parts = math.prod(x.shape[:-1]), blocks.num_threads()
    rows, xs = dy.reshape(n, len(weight)), x.reshape(n, x.shape[-1])
    dx = np.empty(xs.shape, x.dtype) if needs[0] else None
    dweight = np.empty(weight.shape, x.dtype) if needs[1] else None
    dbias = np.empty(len(weight), x.dtype) if needs[2] else None

    def task(lo, hi):
        if dx is not None:
            share(rows, weight, dx, lo, hi, parts)  # (n, O) @ (O, I)
        if dweight is not None:
            share(rows.T, xs, dweight, lo, hi, parts)  # (O, n) @ (n, I)
        if dbias is not None:
            some = slice(len(weight) * lo // parts, len(weight) * hi // parts)
            dbias[some] = tree_sum(rows[:, some])

    blocks.multiply(task, parts, x.size * len(weight))
    dx = None if dx is None else dx.reshape(x.shape)
    return dx, dweight, None if dbias is None else unbroadcast(dbias, bias_shape)


def suits(x, weight, bias=None):
    products = x.size * len(weight)
    middling = x.ndim < 3 and x.size < blocks.SMALL and blocks.PRODUCTS <= products < SHARED and not blocks.one_thread()
    return weight.ndim == 2 and products > blocks.ALONE and not middling and x.dtype.char in "fd"


linear.register(linear_kernel_forward, linear_kernel_backward, when=suits)
