"""torch.nn.functional's names: each returns `(y, backward)`. Gathered from the topics, which explain them."""

from scratch.activations import gelu, logsigmoid, mish, sigmoid, silu, softplus, softsign, tanh, tanhshrink
from scratch.attention import scaled_dot_product_attention
from scratch.batch_norm import batch_norm
from scratch.binary_losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    multilabel_soft_margin_loss,
    soft_margin_loss,
)
from scratch.classification_losses import cross_entropy, nll_loss
from scratch.convolution import conv1d, conv2d, conv3d
from scratch.dropout import dropout
from scratch.embedding import embedding
from scratch.gated_activations import glu
from scratch.hard_activations import hardshrink, hardsigmoid, hardswish, hardtanh, relu6, softshrink, threshold
from scratch.likelihood_losses import gaussian_nll_loss, kl_div, poisson_nll_loss
from scratch.linear import linear
from scratch.linear_cross_entropy import linear_cross_entropy
from scratch.losses import huber_loss, l1_loss, mse_loss, smooth_l1_loss
from scratch.normalization import layer_norm
from scratch.padding import pad
from scratch.pooling import avg_pool1d, avg_pool2d, avg_pool3d, max_pool1d, max_pool2d, max_pool3d
from scratch.rectifiers import celu, elu, leaky_relu, prelu, relu, rrelu, selu
from scratch.reshaping import flatten, identity, unflatten
from scratch.softmax import log_softmax, softmax

__all__ = [
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "conv1d",
    "conv2d",
    "conv3d",
    "cross_entropy",
    "dropout",
    "elu",
    "embedding",
    "flatten",
    "gaussian_nll_loss",
    "gelu",
    "glu",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "huber_loss",
    "identity",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "linear_cross_entropy",
    "log_softmax",
    "logsigmoid",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "mish",
    "mse_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "pad",
    "poisson_nll_loss",
    "prelu",
    "relu",
    "relu6",
    "rrelu",
    "scaled_dot_product_attention",
    "selu",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "soft_margin_loss",
    "softmax",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "unflatten",
]
