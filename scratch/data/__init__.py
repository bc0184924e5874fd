"""Data to train on: two real sets of small images that work without a network, and mini-batches.

data = scratch.data.images()          # FashionMNIST where it is found, else scikit-learn's digits
print(data)                           # which one, and where it came from
for x, y in scratch.data.batches(data.train_images, data.train_labels, 64): ...
"""

from scratch.data.batches import batches
from scratch.data.idx import read_idx
from scratch.data.sets import Dataset, digits, fashion_mnist, images, load

__all__ = ["Dataset", "batches", "digits", "fashion_mnist", "images", "load", "read_idx"]
