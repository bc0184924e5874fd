"""What torch.nn.utils has: clipping gradients, parameters as one vector, packed sequences (`rnn`)."""

from scratch.utils import rnn
from scratch.utils.gradients import clip_grad_norm_, clip_grad_value_, get_total_norm
from scratch.utils.vectors import parameters_to_vector, vector_to_parameters

__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "get_total_norm",
    "parameters_to_vector",
    "rnn",
    "vector_to_parameters",
]
