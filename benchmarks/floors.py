"""The floor of a row: what its passes over memory, or its products, take on this machine with nothing around them.

NumPy makes a pass over its operands for each operation of a formula, PyTorch one for the whole formula. A kernel whose
formula has 12 operations cannot take less time than 12 passes over blocks in cache, shared evenly by all threads; nor
can a product be faster than the largest one that BLAS was seen to make. The pass that is counted is the cheapest there
is, a product in place: one that broadcasts a row or a column (a layer norm has nine) takes up to twice as long.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from benchmarks.record import Record, Row

ARRAYS = 5  # that a step of these layers must read or write: x, y, dy, x again, dx


class Passes(NamedTuple):
    """Operations of a step, forward and backward, in the kernel's code."""

    plain: int  # sums, products, comparisons, copies; sums over an axis
    exp: int = 0  # exponentials and logarithms
    tanh: int = 0


PASSES = {
    "BatchNorm1d: 256 rows": Passes(14),
    "BatchNorm": Passes(12),
    "CELU": Passes(9, exp=2),
    "Conv2d: depthwise 3x3": Passes(30),
    "ELU": Passes(9, exp=2),
    "GELU": Passes(24, exp=1, tanh=1),
    "GroupNorm": Passes(12),
    "Hardshrink": Passes(9),
    "Hardswish": Passes(12),
    "Hardtanh": Passes(6),
    "InstanceNorm": Passes(12),
    "LayerNorm": Passes(18),
    "LeakyReLU": Passes(5),
    "LogSoftmax: 4096": Passes(5, exp=2),
    "ReLU6": Passes(6),
    "ReLU": Passes(4),
    "SELU": Passes(14, exp=2),
    "SiLU": Passes(11, exp=2),
    "Sigmoid": Passes(6, exp=1),
    "Softmax: 4096": Passes(5, exp=1),
    "Softplus": Passes(9, exp=3),
    "Softshrink": Passes(6),
    "Threshold": Passes(10),
}
# rows whose floor is that of their products
PRODUCTS = (
    "Conv", "Linear", "LSTM", "GRU:", "RNN:", "scaled_dot_product", "Attention,",
    "MLP 784", "LeNet, batch", "ResNet block", "Transformer layer, B8",
)  # fmt: skip


def floor(row: Row, record: Record) -> float | None:
    """Seconds below which no kernel of this row can come, where that was counted."""
    passes = next((found for start, found in PASSES.items() if row.name.startswith(start)), None)
    if "pass" in record.peaks and passes is not None and row.traffic:
        items = row.traffic / ARRAYS / np.dtype(record.settings["dtype"]).itemsize
        each = sum(n * record.peaks[kind] for n, kind in zip(passes, ("pass", "exp", "tanh")))
        return items * each * 1e-9 / record.settings["threads"]
    if "causal" in row.name:  # half of the products that are counted is left out
        return None
    if "numpy" in record.peaks and row.flops and row.name.startswith(PRODUCTS):
        return row.flops / record.peaks["numpy"] * 1e-9
    return None
