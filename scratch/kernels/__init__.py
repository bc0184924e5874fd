"""Fast CPU versions of the textbook's ops, under the same topics. Importing this package registers them."""

from scratch.kernels import (
    activations,
    attention,
    batch_norm,
    classification_losses,
    convolution,
    dropout,
    embedding,
    embedding_bag,
    gated_activations,
    hard_activations,
    normalization,
    pooling,
    rectifiers,
    recurrent,
    softmax,
    transposed_convolution,
)

__all__ = [
    "activations",
    "attention",
    "batch_norm",
    "classification_losses",
    "convolution",
    "dropout",
    "embedding",
    "embedding_bag",
    "gated_activations",
    "hard_activations",
    "normalization",
    "pooling",
    "rectifiers",
    "recurrent",
    "softmax",
    "transposed_convolution",
]
