"""How fast the kernels should be: step time over torch's, with the same threads and raised allocator thresholds.

They are what was reached where each algorithm was worked out on its own (two cores, AVX-512), so that a kernel which
falls behind is seen. Rows are found by the beginning of their name.
"""

from __future__ import annotations

AIMS = {
    "tiny MLP": 0.33,
    "MLP 784-256-10": 0.55,
    "LeNet": 1.0,
    "ResNet block": 1.15,
    "Transformer layer": 0.75,
    "Linear: 1024x1024, 2048 rows": 0.5,
}


def aim(name: str) -> float | None:
    """The aim of the row of this name, if there is one."""
    return next((value for start, value in AIMS.items() if name.startswith(start)), None)
