"""torch's own smooth activations."""

from torch.nn import GELU, LogSigmoid, Sigmoid, SiLU, Softplus, Tanh, Tanhshrink
from torch.nn.functional import gelu, logsigmoid, sigmoid, silu, softplus, tanh, tanhshrink

__all__ = [
    "GELU",
    "LogSigmoid",
    "SiLU",
    "Sigmoid",
    "Softplus",
    "Tanh",
    "Tanhshrink",
    "gelu",
    "logsigmoid",
    "sigmoid",
    "silu",
    "softplus",
    "tanh",
    "tanhshrink",
]
