"""Linear layers whose products are shared out among threads, by rows or by outputs, or made on one."""

import numpy as np
import pytest

import scratch
from scratch.functional import linear
from scratch.kernels import linear as kernels

pytestmark = pytest.mark.usefixtures("two_threads")

SIZES = {  # n, I, O: more rows, more outputs, one row
    "rows shared out, unevenly": (301, 500, 451),
    "alone": (40, 110, 90),
    "rows shared out": (700, 310, 302),
    "outputs shared out": (90, 700, 1031),
    "one row": (1, 8003, 8001),
}


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("bias", ["all", "one", "scalar", "none"])
def test_the_kernel_is_the_textbook(size, bias):
    n, I, O = size
    rng = np.random.default_rng(0)
    x, weight, dy = rng.normal(size=(n, I)), rng.normal(size=(O, I)), rng.normal(size=(n, O))
    b = {"all": rng.normal(size=O), "one": rng.normal(size=1), "scalar": rng.normal(size=()), "none": None}[bias]
    y, backward = linear(x, weight, b)
    assert backward.function is kernels.linear_kernel_backward
    with scratch.textbook():
        want, textbook_backward = linear(x, weight, b)
    np.testing.assert_allclose(y, want, atol=1e-10)
    for got, gradient in zip(backward(dy), textbook_backward(dy)):
        if gradient is not None:
            np.testing.assert_allclose(got, gradient, atol=1e-9)


@pytest.mark.parametrize(
    ("x", "weight", "shared"),
    [
        ((8, 4), (4, 4), False),  # a few calls
        ((100, 192), (120, 192), True),  # on one thread, BLAS's asleep
        ((256, 784), (256, 784), False),  # middling: BLAS's threads start sooner
        ((8, 65, 192), (192, 192), True),  # but for sequences ...
        ((8192, 256), (10, 256), True),  # ... and many rows other layers have a use for the cores
        ((2048, 1024), (1024, 1024), True),
    ],
)
def test_the_kernel_takes_what_threads_share_well(x, weight, shared):
    x, weight = np.zeros(x, np.float32), np.zeros(weight, np.float32)
    assert kernels.suits(x, weight) is shared
    scratch.set_num_threads(1)
    assert kernels.suits(x, weight) is (x.size * len(weight) > 262_144)
