"""Dropout in cache-sized blocks, on all threads; the mask is the textbook's, bit for bit, whatever their number.

What is fast: each thread jumps to its own place in the mask's stream of random bits (`advance`), and takes them 64 at
a time, which is twice as fast as 32 at a time and gives the same bits.
"""

from __future__ import annotations

import numpy as np

from scratch.dropout import DropoutSaved, checked_probability, drop_below, dropout, keep_scale, mask_stream
from scratch.kernels.activations import by_blocks, large
from scratch.kernels.blocks import BLOCK, SMALL, parallel


def dropout_forward(x, p=0.5, training=True, inplace=False, rng=None):
    checked_probability("dropout", p)
    flat = np.ascontiguousarray(x).reshape(-1)
    y, keep = np.empty_like(flat), np.empty(flat.size, bool)
    threshold, scale = drop_below(p), keep_scale(p)
    seed = mask_stream(rng).state

    def task(first, last):
        """Blocks first to last, of BLOCK elements each: an even number, so that each begins with a whole draw."""
        stream = np.random.PCG64DXSM()
        stream.state = seed
        stream.advance(first * BLOCK // 2)
        generator = np.random.Generator(stream)
        for lo in range(first * BLOCK, min(last * BLOCK, flat.size), BLOCK):
            part = slice(lo, min(lo + BLOCK, flat.size))
            n = part.stop - lo
            bits = generator.integers(2**64, size=(n + 1) // 2, dtype=np.uint64).view(np.uint32)[:n]
            np.greater_equal(bits, threshold, out=keep[part])
            np.multiply(flat[part], keep[part], out=y[part])
            y[part] *= scale

    parallel(task, -(-flat.size // BLOCK), 1 if flat.size < SMALL else None)
    return y.reshape(x.shape), DropoutSaved(keep.reshape(x.shape), scale)


def dropout_backward(dy, saved):
    def fill(dy, keep, dx):
        np.multiply(dy, keep, out=dx)
        dx *= saved.scale

    return by_blocks(fill, dy, saved.keep)


def suits(x, p=0.5, training=True, inplace=False, rng=None) -> bool:
    return training and p > 0 and large(x)


dropout.register(dropout_forward, dropout_backward, when=suits)
