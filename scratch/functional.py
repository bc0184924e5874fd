"""torch.nn.functional's names: each returns `(y, backward)`. Gathered from the topics, which explain them."""

from scratch.batch_norm import batch_norm
from scratch.classification_losses import cross_entropy, nll_loss
from scratch.embedding import embedding
from scratch.linear import linear
from scratch.losses import binary_cross_entropy, binary_cross_entropy_with_logits, l1_loss, mse_loss
from scratch.normalization import layer_norm
from scratch.pooling import avg_pool1d, avg_pool2d, avg_pool3d, max_pool1d, max_pool2d, max_pool3d
from scratch.reshaping import flatten, identity, unflatten

__all__ = [
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "embedding",
    "flatten",
    "identity",
    "l1_loss",
    "layer_norm",
    "linear",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "mse_loss",
    "nll_loss",
    "unflatten",
]
