"""What torch.nn.utils has: clipping gradients, parameters as one vector, normed weights, batch norm folded in,
packed sequences (`rnn`)."""

from scratch.utils import rnn
from scratch.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval
from scratch.utils.gradients import clip_grad_norm_, clip_grad_value_, get_total_norm
from scratch.utils.spectral_norm import remove_spectral_norm, spectral_norm
from scratch.utils.vectors import parameters_to_vector, vector_to_parameters
from scratch.utils.weight_norm import remove_weight_norm, weight_norm

__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "fuse_conv_bn_eval",
    "fuse_linear_bn_eval",
    "get_total_norm",
    "parameters_to_vector",
    "remove_spectral_norm",
    "remove_weight_norm",
    "rnn",
    "spectral_norm",
    "vector_to_parameters",
    "weight_norm",
]
