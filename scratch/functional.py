"""torch.nn.functional's names: each returns `(y, backward)`. Gathered from the topics, which explain them."""

from scratch.activations import gelu, logsigmoid, mish, sigmoid, silu, softplus, softsign, tanh, tanhshrink
from scratch.adaptive_pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
)
from scratch.attention import scaled_dot_product_attention
from scratch.batch_norm import batch_norm
from scratch.bilinear import bilinear
from scratch.binary_losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    multilabel_soft_margin_loss,
    soft_margin_loss,
)
from scratch.classification_losses import cross_entropy, nll_loss
from scratch.conv_tbc import conv_tbc
from scratch.convolution import conv1d, conv2d, conv3d
from scratch.ctc import ctc_loss
from scratch.distances import cdist, cosine_similarity, normalize, pairwise_distance, pdist
from scratch.dropout import alpha_dropout, dropout, dropout1d, dropout2d, dropout3d, feature_alpha_dropout
from scratch.embedding import embedding, one_hot
from scratch.embedding_bag import embedding_bag
from scratch.fractional_pooling import fractional_max_pool2d, fractional_max_pool3d
from scratch.gated_activations import glu
from scratch.grid_sampling import affine_grid, grid_sample
from scratch.hard_activations import hardshrink, hardsigmoid, hardswish, hardtanh, relu6, softshrink, threshold
from scratch.instance_norm import instance_norm
from scratch.interpolation import interpolate
from scratch.likelihood_losses import gaussian_nll_loss, kl_div, poisson_nll_loss
from scratch.linear import linear
from scratch.linear_cross_entropy import linear_cross_entropy
from scratch.local_response_norm import local_response_norm
from scratch.losses import huber_loss, l1_loss, mse_loss, smooth_l1_loss
from scratch.lp_pooling import lp_pool1d, lp_pool2d, lp_pool3d
from scratch.margin_losses import hinge_embedding_loss, margin_ranking_loss, multi_margin_loss, multilabel_margin_loss
from scratch.normalization import group_norm, layer_norm, rms_norm
from scratch.padding import pad
from scratch.pooling import avg_pool1d, avg_pool2d, avg_pool3d, max_pool1d, max_pool2d, max_pool3d
from scratch.rectifiers import celu, elu, leaky_relu, prelu, relu, rrelu, selu
from scratch.recurrent_cells import gru_cell, lstm_cell, rnn_cell
from scratch.reshaping import channel_shuffle, flatten, identity, pixel_shuffle, pixel_unshuffle, unflatten
from scratch.similarity_losses import cosine_embedding_loss, triplet_margin_loss, triplet_margin_with_distance_loss
from scratch.softmax import gumbel_softmax, log_softmax, softmax, softmin
from scratch.transposed_convolution import conv_transpose1d, conv_transpose2d, conv_transpose3d
from scratch.unfold import fold, unfold
from scratch.unpooling import max_unpool1d, max_unpool2d, max_unpool3d

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "affine_grid",
    "alpha_dropout",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "bilinear",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cdist",
    "celu",
    "channel_shuffle",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_tbc",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "ctc_loss",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "elu",
    "embedding",
    "embedding_bag",
    "feature_alpha_dropout",
    "flatten",
    "fold",
    "fractional_max_pool2d",
    "fractional_max_pool3d",
    "gaussian_nll_loss",
    "gelu",
    "glu",
    "grid_sample",
    "group_norm",
    "gru_cell",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hinge_embedding_loss",
    "huber_loss",
    "identity",
    "instance_norm",
    "interpolate",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "linear_cross_entropy",
    "local_response_norm",
    "log_softmax",
    "logsigmoid",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "lstm_cell",
    "margin_ranking_loss",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
    "mish",
    "mse_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "pairwise_distance",
    "pdist",
    "pixel_shuffle",
    "pixel_unshuffle",
    "poisson_nll_loss",
    "prelu",
    "relu",
    "relu6",
    "rms_norm",
    "rnn_cell",
    "rrelu",
    "scaled_dot_product_attention",
    "selu",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "soft_margin_loss",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
    "unflatten",
    "unfold",
]
