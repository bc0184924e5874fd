"""torch.nn.functional's functions and twins of what it does not have, by topic."""

from torch_ref.activations import gelu, logsigmoid, mish, sigmoid, silu, softplus, softsign, tanh, tanhshrink
from torch_ref.attention import scaled_dot_product_attention
from torch_ref.batch_norm import batch_norm
from torch_ref.binary_losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    multilabel_soft_margin_loss,
    soft_margin_loss,
)
from torch_ref.classification_losses import cross_entropy, nll_loss
from torch_ref.convolution import conv1d, conv2d, conv3d
from torch_ref.dropout import dropout
from torch_ref.embedding import embedding
from torch_ref.gated_activations import glu
from torch_ref.hard_activations import hardshrink, hardsigmoid, hardswish, hardtanh, relu6, softshrink, threshold
from torch_ref.likelihood_losses import gaussian_nll_loss, kl_div, poisson_nll_loss
from torch_ref.linear import linear
from torch_ref.linear_cross_entropy import linear_cross_entropy
from torch_ref.losses import huber_loss, l1_loss, mse_loss, smooth_l1_loss
from torch_ref.normalization import layer_norm
from torch_ref.padding import pad
from torch_ref.pooling import avg_pool1d, avg_pool2d, avg_pool3d, max_pool1d, max_pool2d, max_pool3d
from torch_ref.rectifiers import celu, elu, leaky_relu, prelu, relu, rrelu, selu
from torch_ref.reshaping import flatten, identity, unflatten
from torch_ref.softmax import log_softmax, softmax

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
