"""torch.nn.functional's functions and twins of what it does not have, by topic."""

from torch_ref.activations import gelu, logsigmoid, mish, sigmoid, silu, softplus, softsign, tanh, tanhshrink
from torch_ref.adaptive_pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
)
from torch_ref.attention import scaled_dot_product_attention
from torch_ref.batch_norm import batch_norm
from torch_ref.bilinear import bilinear
from torch_ref.binary_losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    multilabel_soft_margin_loss,
    soft_margin_loss,
)
from torch_ref.classification_losses import cross_entropy, nll_loss
from torch_ref.conv_tbc import conv_tbc
from torch_ref.convolution import conv1d, conv2d, conv3d
from torch_ref.ctc import ctc_loss
from torch_ref.distances import cdist, cosine_similarity, normalize, pairwise_distance, pdist
from torch_ref.dropout import alpha_dropout, dropout, dropout1d, dropout2d, dropout3d, feature_alpha_dropout
from torch_ref.embedding import embedding, one_hot
from torch_ref.embedding_bag import embedding_bag
from torch_ref.fractional_pooling import fractional_max_pool2d, fractional_max_pool3d
from torch_ref.gated_activations import glu
from torch_ref.grid_sampling import affine_grid, grid_sample
from torch_ref.hard_activations import hardshrink, hardsigmoid, hardswish, hardtanh, relu6, softshrink, threshold
from torch_ref.instance_norm import instance_norm
from torch_ref.interpolation import interpolate
from torch_ref.likelihood_losses import gaussian_nll_loss, kl_div, poisson_nll_loss
from torch_ref.linear import linear
from torch_ref.linear_cross_entropy import linear_cross_entropy
from torch_ref.local_response_norm import local_response_norm
from torch_ref.losses import huber_loss, l1_loss, mse_loss, smooth_l1_loss
from torch_ref.lp_pooling import lp_pool1d, lp_pool2d, lp_pool3d
from torch_ref.margin_losses import hinge_embedding_loss, margin_ranking_loss, multi_margin_loss, multilabel_margin_loss
from torch_ref.normalization import group_norm, layer_norm, rms_norm
from torch_ref.padding import pad
from torch_ref.pooling import avg_pool1d, avg_pool2d, avg_pool3d, max_pool1d, max_pool2d, max_pool3d
from torch_ref.rectifiers import celu, elu, leaky_relu, prelu, relu, rrelu, selu
from torch_ref.recurrent_cells import gru_cell, lstm_cell, rnn_cell
from torch_ref.reshaping import channel_shuffle, flatten, identity, pixel_shuffle, pixel_unshuffle, unflatten
from torch_ref.similarity_losses import cosine_embedding_loss, triplet_margin_loss, triplet_margin_with_distance_loss
from torch_ref.softmax import gumbel_softmax, log_softmax, softmax, softmin
from torch_ref.transposed_convolution import conv_transpose1d, conv_transpose2d, conv_transpose3d
from torch_ref.unfold import fold, unfold
from torch_ref.unpooling import max_unpool1d, max_unpool2d, max_unpool3d

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
