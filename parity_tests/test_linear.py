"""Linear layers on several threads, and by BLAS's own: every size goes where it was measured to be fastest."""

import numpy as np
import pytest

import scratch
from scratch.functional import linear
from scratch.kernels import blocks
from scratch.kernels import linear as kernels

SIZES = {  # n, I, O: more rows, more outputs, one row
    "left to BLAS": (300, 260, 230),
    "alone": (40, 110, 90),
    "rows shared out": (700, 310, 302),
    "outputs shared out": (90, 700, 1031),
    "one row": (1, 8003, 8001),
}


@pytest.fixture(autouse=True)
def two_threads():
    before = scratch.num_threads()
    scratch.set_num_threads(2)
    yield
    scratch.set_num_threads(before)


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


def test_middling_products_are_blass_and_all_others_are_not():
    seen = []

    def threads(products):
        seen.clear()
        kernels.on_threads(lambda lo, hi: seen.append((lo, hi, blocks._blas()[0].get_num_threads())), 2, products)
        return sorted(seen)

    assert threads(kernels.MIDDLING - 1) == [(0, 1, 1), (1, 2, 1)]
    assert threads(blocks.PRODUCTS - 1) == [(0, 2, 1)]
    assert threads(kernels.MIDDLING) == threads(kernels.LARGE - 1) == [(0, 2, 2)]
    assert threads(kernels.LARGE) == [(0, 1, 1), (1, 2, 1)]
