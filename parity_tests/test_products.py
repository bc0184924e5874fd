"""Products in pieces are the product, of any shape and layout, and pieces are made only where they were measured."""

import numpy as np
import pytest

import scratch
from scratch.kernels import blocks, products


@pytest.fixture(autouse=True)
def always_in_pieces(monkeypatch):
    monkeypatch.setattr(products, "has_small_kernels", lambda: True)
    products.piece.cache_clear()
    yield
    products.piece.cache_clear()


SHAPES = {
    "few rows, columns left over": ((24, 300), (300, 330)),
    "rows cut": ((96, 250), (250, 128)),
    "few columns": ((500, 260), (260, 20)),
    "short sums": ((640, 9), (9, 700)),
    "several, one of them for all": ((3, 32, 200), (1, 200, 500)),
    "two leading axes": ((2, 3, 64, 70), (2, 3, 70, 260)),
    "a prime number of rows": ((127, 260), (260, 128)),
}


@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("turned", [False, True])
def test_pieces_make_up_the_product(shapes, dtype, turned):
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=shape).astype(dtype) for shape in shapes)
    if turned:
        a = np.ascontiguousarray(a.swapaxes(-1, -2)).swapaxes(-1, -2)
    wide = np.zeros((*b.shape[:-1], b.shape[-1] + 5), dtype)
    wide[..., 3:-2] = b
    want = a.astype(np.float64) @ b
    space = np.full((*want.shape[:-1], want.shape[-1] + 5), 7, dtype)
    out = space[..., 3:-2]
    assert products.matmul(a, wide[..., 3:-2], out) is out
    np.testing.assert_allclose(out, want, rtol=0, atol=(1e-4 if dtype == "float32" else 1e-12))
    assert (space[..., [0, 1, 2, -2, -1]] == 7).all()  # nothing beside it was touched
    np.testing.assert_array_equal(products.product(a, b), out)


def test_pieces_are_written_between_planes_too():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(40, 96)), rng.normal(size=(3, 96, 900))
    y = np.empty((40, 3, 900))
    assert products.piece(40, 96, 900)
    products.matmul(a, b, y.swapaxes(0, 1))
    np.testing.assert_allclose(y.swapaxes(0, 1), a @ b, atol=1e-12)


def test_a_piece_stays_below_the_limit_and_fills_the_matrix():
    for m, k, n in [(64, 192, 3136), (256, 64, 2048), (64, 256, 2048), (32, 256, 1024), (640, 9, 700), (256, 256, 32)]:
        rows, columns = products.piece(m, k, n) or pytest.fail("whole")
        assert m % rows == 0
        assert rows >= products.ROWS
        assert rows * k * columns <= products.UNPACKED


@pytest.mark.parametrize(
    ("m", "k", "n"), [(2048, 256, 256), (64, 4096, 3136), (8, 8, 8), (0, 5, 3), (3, 0, 3), (131, 600, 80)]
)
def test_what_is_large_all_round_or_small_or_cannot_be_cut_stays_whole(m, k, n):
    assert products.piece(m, k, n) is None
    np.testing.assert_array_equal(products.product(np.ones((m, k)), np.ones((k, n))), np.full((m, n), float(k)))


def test_nothing_is_cut_for_a_blas_that_packs_everything(monkeypatch):
    monkeypatch.setattr(products, "has_small_kernels", lambda: False)
    products.piece.cache_clear()
    assert products.piece(64, 192, 3136) is None


def test_which_blas_has_small_kernels_is_read_from_its_name(monkeypatch):
    monkeypatch.undo()
    for names, expected in ((["SkylakeX"], True), (["Haswell"], False), (["SkylakeX", "Haswell"], False), ([], False)):
        products.has_small_kernels.cache_clear()
        with monkeypatch.context() as patch:
            patch.setattr(
                blocks, "_blas", lambda names=names: [type("Library", (), {"architecture": n}) for n in names]
            )
            assert products.has_small_kernels() is expected
    products.has_small_kernels.cache_clear()


def test_a_large_product_is_left_to_the_threads_of_blas(monkeypatch):
    cut, alone = [], []
    monkeypatch.setattr(products, "THREADED", 1000)
    before, piece = scratch.num_threads(), products.piece
    try:
        for threads in (1, 2):
            scratch.set_num_threads(threads)
            assert blocks.one_thread() is (threads == 1)
            blocks.parallel(lambda lo, hi: alone.append(blocks.one_thread()), 2)
            out = np.empty((64, 640))
            with monkeypatch.context() as patch:
                patch.setattr(products.np, "matmul", lambda a, b, out: cut.append(a.ndim))
                products.matmul(np.ones((64, 100)), np.ones((100, 640)), out)
    finally:
        scratch.set_num_threads(before)
    assert piece(64, 100, 640)
    assert cut == [4, 2]
    assert all(alone)  # a worker has BLAS to itself


@pytest.mark.parametrize("shape", [(7, 30, 5), (5, 30, 7), (1, 3, 9), (2, 0, 3)])
def test_the_shares_make_up_the_product(shape):
    m, k, n = shape
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(m, k)), rng.normal(size=(k, n))
    for parts in (1, 2, 3, 11):
        out, seen = np.full((m, n), np.nan), np.zeros((m, n), int)
        for part in range(parts):
            seen[products.share(a, b, out, part, part + 1, parts)] += 1
        np.testing.assert_allclose(out, a @ b, atol=1e-12)
        assert (seen == 1).all()


@pytest.mark.parametrize(("n", "results", "expected"), [(3136, 37, 14), (2048, 128, 4), (1000, 500, 2), (1000, 501, 1)])
def test_sums_are_taken_in_so_many_pieces_that_the_lock_is_free(n, results, expected):
    assert products.pieces(n, results) == expected
    assert n % expected == 0
    assert results * expected > 500


@pytest.mark.parametrize(("n", "results"), [(1009, 100), (64, 100), (0, 3), (16, 0)])
def test_sums_stay_whole_where_no_pieces_are_equal_or_worth_it(n, results):
    assert products.pieces(n, results) == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("m", [0, 1, 37, 600])
@pytest.mark.parametrize("n", [0, 1, 1009, 3136])
def test_products_with_vectors_are_numpys(m, n, dtype):
    rng = np.random.default_rng(0)
    wide, v, w = rng.normal(size=(m, n + 3)), rng.normal(size=n), rng.normal(size=m)
    a = wide.astype(dtype)[:, 1:-2]
    v, w, eps = v.astype(dtype), w.astype(dtype), 40 * np.finfo(dtype).eps
    for found, want in (
        (products.dots(a, a), (a.astype(float) ** 2).sum(axis=1)),
        (products.dots(a, v), a.astype(float) @ v.astype(float)),
        (products.matvec(a, v), a.astype(float) @ v.astype(float)),
        (products.vecmat(w, a), w.astype(float) @ a.astype(float)),
        (products.vecmat(v, np.asfortranarray(a).T), v.astype(float) @ a.T.astype(float)),
    ):
        assert found.dtype == dtype
        np.testing.assert_allclose(found, want, rtol=eps, atol=eps * max(m, n) ** 0.5)
