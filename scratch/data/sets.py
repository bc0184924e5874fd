"""FashionMNIST and the digits: real images, ready as (N, C, H, W) float32 in [0, 1] and int64 labels."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scratch.data.idx import read_idx

SYSTEM = Path("/usr/share/datasets/fashion-mnist")  # where Debian's package dataset-fashion-mnist puts it
URL = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/"
FILES = {  # name -> sha256 of the decompressed content
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
GARMENTS = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images (N, 1, H, W) float32 in [0, 1], labels (N,) int64, class names, and `source`: where they came from."""

    name: str
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    classes: tuple[str, ...]
    source: str

    def __repr__(self):
        _, _, height, width = self.train_images.shape
        return (
            f"{self.name}: {len(self.train_images):,} training and {len(self.test_images):,} test images "
            f"of {height}x{width}, {len(self.classes)} classes; {self.source}"
        )


def load(name: str | None = None, download: bool = True) -> Dataset:
    """The data set of that name, "fashion-mnist" or "digits"; `None`: what `images` finds."""
    if name is None:
        return images(download)
    if name == "fashion-mnist":
        return fashion_mnist(download)
    if name == "digits":
        return digits()
    raise ValueError(f"load: unknown data set {name!r}; there are 'fashion-mnist' and 'digits'")


def images(download: bool = True) -> Dataset:
    """FashionMNIST if it is there or can be fetched, else the digits; `source` says which and why.

    A FashionMNIST that is there but damaged is an error all the same.
    """
    try:
        return fashion_mnist(download)
    except FileNotFoundError as missing:
        return digits(f"taken because FashionMNIST was not found ({missing})")


def digits(why: str = "") -> Dataset:
    """1,797 handwritten digits of 8x8 pixels, part of scikit-learn: the first 1,500 to train, the last 297 to test.

    Source: Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError("digits: needs scikit-learn; pip install 'scratch-nn[data]'") from error
    bunch = load_digits()
    x = (bunch.images[:, None] / 16).astype(np.float32)  # values 0 .. 16
    y = bunch.target.astype(np.int64)
    source = "from scikit-learn" + (f"; {why}" if why else "")
    return Dataset("digits", x[:1500], y[:1500], x[1500:], y[1500:], tuple("0123456789"), source)


def fashion_mnist(download: bool = True) -> Dataset:
    """60,000 training and 10,000 test images of garments, 28x28, 10 classes.

    Looked for in this order: the folder $SCRATCH_DATA or its subfolder fashion-mnist, Debian's dataset-fashion-mnist,
    the user's cache; else downloaded into the cache. The content is checked before it is used.

    Raises
    ------
    FileNotFoundError : nowhere, and it cannot be downloaded. ValueError : a file is damaged, or one of the four is
        missing beside the others.

    Source: Xiao, Rasul, Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
    Algorithms", 2017.
    """
    folder = _folder() or _download(download)
    train_x, train_y, test_x, test_y = (read_idx(_file(folder, name), sha) for name, sha in FILES.items())
    return Dataset(
        "fashion-mnist",
        _pixels(train_x),
        train_y.astype(np.int64),
        _pixels(test_x),
        test_y.astype(np.int64),
        GARMENTS,
        f"from {folder}",
    )


def _pixels(bytes_):
    """(N, H, W) uint8 -> (N, 1, H, W) float32 in [0, 1]"""
    x = bytes_[:, None].astype(np.float32)
    x /= 255
    return x


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "scratch-nn" / "fashion-mnist"


def _folder() -> Path | None:
    """The first folder that has the files."""
    chosen = os.environ.get("SCRATCH_DATA")
    places = [Path(chosen), Path(chosen) / "fashion-mnist"] if chosen else []
    for folder in (*places, SYSTEM, _cache()):
        missing = [name for name in FILES if _file(folder, name) is None]
        if not missing:
            return folder
        if len(missing) < len(FILES):
            raise ValueError(f"fashion_mnist: {folder} has some of the files, but lacks {', '.join(missing)}")
    return None


def _file(folder: Path, name: str) -> Path | None:
    return next((f for f in (folder / f"{name}.gz", folder / name) if f.is_file()), None)


def _download(allowed: bool) -> Path:
    """Fetch into the cache; the files appear there only when all four are whole."""
    advice = f"install Debian's dataset-fashion-mnist, or put the files {', '.join(FILES)} into $SCRATCH_DATA"
    if not allowed:
        raise FileNotFoundError(f"it is not on this machine, and download=False; {advice}")
    try:
        import pooch
    except ImportError:
        raise FileNotFoundError(f"it is not on this machine, and a download needs pooch; {advice}") from None
    cache = _cache()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        pooch.get_logger().setLevel("WARNING")
        with tempfile.TemporaryDirectory(dir=cache.parent) as temporary:
            for name, sha in FILES.items():
                downloader = pooch.HTTPDownloader(timeout=10, progressbar=False)
                read_idx(pooch.retrieve(f"{URL}{name}.gz", None, f"{name}.gz", temporary, downloader=downloader), sha)
            for name in FILES:
                os.replace(Path(temporary) / f"{name}.gz", cache / f"{name}.gz")
    except (OSError, ValueError) as error:  # no network, a proxy's page instead of the file, a read-only disk
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise FileNotFoundError(f"it is not on this machine, and the download failed: {reason}; {advice}") from error
    return cache
