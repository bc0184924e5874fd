"""Data sets and mini-batches."""

import gzip
import hashlib

import numpy as np
import pytest

from scratch import data
from scratch.data import sets


def idx(array) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.astype("u1").tobytes()


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A folder with a FashionMNIST of 6 + 3 images; nothing else can be found."""
    rng = np.random.default_rng(0)
    arrays = {
        "train-images-idx3-ubyte": rng.integers(0, 256, (6, 28, 28)),
        "train-labels-idx1-ubyte": rng.integers(0, 10, 6),
        "t10k-images-idx3-ubyte": rng.integers(0, 256, (3, 28, 28)),
        "t10k-labels-idx1-ubyte": rng.integers(0, 10, 3),
    }
    folder = tmp_path / "here"
    folder.mkdir()
    for name, array in arrays.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(idx(array)))
    monkeypatch.setattr(sets, "FILES", {name: hashlib.sha256(idx(a)).hexdigest() for name, a in arrays.items()})
    monkeypatch.setattr(sets, "SYSTEM", tmp_path / "none")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("SCRATCH_DATA", str(folder))
    return folder, arrays


def test_images_are_scaled_to_the_unit_interval_and_have_a_channel_axis(small):
    folder, arrays = small
    found = data.fashion_mnist(download=False)
    assert found.train_images.shape == (6, 1, 28, 28)
    assert found.train_images.dtype == np.float32
    np.testing.assert_allclose(found.train_images[:, 0] * 255, arrays["train-images-idx3-ubyte"], rtol=1e-6)
    np.testing.assert_array_equal(found.test_labels, arrays["t10k-labels-idx1-ubyte"])
    assert found.test_labels.dtype == np.int64
    assert str(folder) in found.source


def test_the_folder_may_hold_uncompressed_files_or_a_subfolder(small, monkeypatch):
    folder, arrays = small
    for name, array in arrays.items():
        (folder / f"{name}.gz").unlink()
        (folder / name).write_bytes(idx(array))
    assert len(data.fashion_mnist(download=False).train_images) == 6
    folder.rename(folder.parent / "fashion-mnist")
    monkeypatch.setenv("SCRATCH_DATA", str(folder.parent))
    assert len(data.images(download=False).train_images) == 6


@pytest.mark.parametrize("damage", ["truncated", "not gzip", "flipped", "empty", "other content"])
def test_a_damaged_file_is_an_error_that_names_it(small, damage):
    folder, _ = small
    path = folder / "train-images-idx3-ubyte.gz"
    content = path.read_bytes()
    path.write_bytes(
        {
            "truncated": content[: len(content) // 2],
            "not gzip": b"<html>please log in</html>",
            "flipped": content[:200] + bytes([content[200] ^ 1]) + content[201:],
            "empty": b"",
            "other content": gzip.compress(idx(np.zeros((6, 28, 28)))),
        }[damage]
    )
    for loader in (data.fashion_mnist, data.images):  # the default loader does not fall back either
        with pytest.raises(ValueError, match="train-images-idx3-ubyte.gz"):
            loader(download=False)


def test_a_missing_file_beside_the_others_is_an_error(small):
    folder, _ = small
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(ValueError, match="lacks t10k-labels"):
        data.images(download=False)


def test_the_default_falls_back_to_the_digits_and_says_why(small, monkeypatch):
    monkeypatch.delenv("SCRATCH_DATA")
    with pytest.raises(FileNotFoundError, match="dataset-fashion-mnist"):
        data.fashion_mnist(download=False)
    found = data.images(download=False)
    assert found.name == "digits"
    assert "FashionMNIST was not found" in found.source


def test_a_failed_download_leaves_nothing_and_says_so(small, monkeypatch, tmp_path):
    monkeypatch.delenv("SCRATCH_DATA")
    monkeypatch.setattr(sets, "URL", "http://127.0.0.1:9/")
    with pytest.raises(FileNotFoundError, match="download failed"):
        data.fashion_mnist()
    assert not list((tmp_path / "cache").rglob("*.gz"))


def test_a_download_is_checked_and_kept(small, monkeypatch, tmp_path):
    folder, arrays = small
    monkeypatch.delenv("SCRATCH_DATA")
    import pooch

    def retrieve(url, known_hash, fname, path, downloader):
        target = f"{path}/{fname}"
        with open(target, "wb") as file:
            file.write((folder / fname).read_bytes())
        return target

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    assert len(data.fashion_mnist().train_images) == 6
    assert len(data.fashion_mnist(download=False).train_images) == 6  # from the cache now


def test_the_digits_are_real_and_complete():
    found = data.load("digits")
    assert found.train_images.shape == (1500, 1, 8, 8)
    assert found.test_images.shape == (297, 1, 8, 8)
    assert found.train_images.min() == 0
    assert found.train_images.max() == 1
    assert set(found.test_labels) == set(range(10))
    assert "scikit-learn" in found.source


@pytest.mark.skipif(not sets.SYSTEM.is_dir(), reason="Debian's dataset-fashion-mnist is not installed")
def test_the_systems_fashion_mnist_has_the_expected_content(monkeypatch):
    monkeypatch.delenv("SCRATCH_DATA", raising=False)
    found = data.load(None, download=False)
    assert repr(found).startswith("fashion-mnist: 60,000 training and 10,000 test images of 28x28, 10 classes")
    assert np.bincount(found.train_labels).tolist() == [6000] * 10


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="unknown data set 'mnist'"):
        data.load("mnist")


def test_idx_files_of_other_dtypes_and_shapes(tmp_path):
    (tmp_path / "a").write_bytes(bytes([0, 0, 12, 2, 0, 0, 0, 1, 0, 0, 0, 2, 255, 255, 255, 255, 0, 0, 1, 0]))
    np.testing.assert_array_equal(data.read_idx(tmp_path / "a"), [[-1, 256]])
    for content, message in [
        (b"", "no IDX file"),
        (b"\x89PNG", "no IDX file"),
        (bytes([0, 0, 8, 3, 0, 0]), "no IDX file"),
        (bytes([0, 0, 8, 1, 0, 0, 0, 3, 1, 2]), "needs 3 bytes, but 2"),
    ]:
        (tmp_path / "b").write_bytes(content)
        with pytest.raises(ValueError, match=message):
            data.read_idx(tmp_path / "b")


def test_batches_take_every_example_once_in_a_new_order_each_time():
    x, y = np.arange(20.0).reshape(10, 2), np.arange(10)
    rng = np.random.default_rng(0)
    first = list(data.batches(x, y, 3, rng=rng))
    second = list(data.batches(x, y, 3, rng=rng))
    assert [len(yb) for _, yb in first] == [3, 3, 3, 1]
    for epoch in (first, second):
        np.testing.assert_array_equal(np.sort(np.concatenate([yb for _, yb in epoch])), y)
        for xb, yb in epoch:
            np.testing.assert_array_equal(xb, x[yb])
    assert [yb.tolist() for _, yb in first] != [yb.tolist() for _, yb in second]


def test_batches_without_shuffling_keep_the_order():
    x, y = np.arange(5.0), np.arange(5)
    assert [yb.tolist() for _, yb in data.batches(x, y, 2, shuffle=False)] == [[0, 1], [2, 3], [4]]
    assert [yb.tolist() for _, yb in data.batches(x, y, 2, shuffle=False, drop_last=True)] == [[0, 1], [2, 3]]
    assert list(data.batches(x[:0], y[:0], 2)) == []


def test_batches_refuse_unequal_lengths_at_once():
    with pytest.raises(ValueError, match="x has 3 examples, but y has 4"):
        data.batches(np.zeros(3), np.zeros(4), 2)
    with pytest.raises(ValueError, match="batch_size must be positive"):
        data.batches(np.zeros(3), np.zeros(3), 0)
