"""Special functions NumPy does not have, from SciPy for its arrays and from CuPy's twin of SciPy for the GPU's."""

from __future__ import annotations

from importlib import import_module

import numpy as np


def special_of(x):
    """The module of special functions that computes where x lives: scipy.special, or cupyx.scipy.special."""
    return import_module("scipy.special" if isinstance(x, (np.ndarray, np.generic)) else "cupyx.scipy.special")


def normal_cdf(x):
    """Φ(x) = (1 + erf(x/√2)) / 2, the standard normal's distribution function, exact in its tail too."""
    return special_of(x).ndtr(x)
