"""Mini-batches."""

from __future__ import annotations

from collections.abc import Iterator

from scratch import random
from scratch.op import on_device_of


def batches(x, y, batch_size: int, shuffle: bool = True, rng=None, drop_last: bool = False) -> Iterator[tuple]:
    """(x[i], y[i]) for mini-batches i that together take every example once.

    Parameters
    ----------
    x, y : arrays (N, ...) with one example per row.
    batch_size : examples per batch; the last one has fewer where N is no multiple of it.
    shuffle : a new random order each time; else the given order, and the batches are views of x and y.
    rng : Generator, seed or None (the shared one). drop_last : leave out a last, smaller batch.

    Examples
    --------
    >>> import numpy as np
    >>> [len(xb) for xb, yb in batches(np.zeros((10, 3)), np.zeros(10), 4)]
    [4, 4, 2]
    """
    if len(x) != len(y):
        raise ValueError(f"batches: x has {len(x)} examples, but y has {len(y)}")
    if batch_size < 1:
        raise ValueError(f"batches: batch_size must be positive, but is {batch_size}")
    return _batches(x, y, batch_size, random.generator(rng) if shuffle else None, drop_last)


def _batches(x, y, batch_size, rng, drop_last):
    n = len(x)
    order = None if rng is None else rng.permutation(n)
    for start in range(0, n - n % batch_size if drop_last else n, batch_size):
        part = slice(start, start + batch_size)
        if order is None:
            yield x[part], y[part]
        else:
            yield x[on_device_of(x, order[part])], y[on_device_of(y, order[part])]
