"""torch's own activations with a kink."""

from torch.nn import CELU, ELU, SELU, Hardtanh, LeakyReLU, PReLU, ReLU, ReLU6, Softshrink
from torch.nn.functional import celu, elu, hardtanh, leaky_relu, prelu, relu, relu6, selu, softshrink

__all__ = [
    "CELU",
    "ELU",
    "Hardtanh",
    "LeakyReLU",
    "PReLU",
    "ReLU",
    "ReLU6",
    "SELU",
    "Softshrink",
    "celu",
    "elu",
    "hardtanh",
    "leaky_relu",
    "prelu",
    "relu",
    "relu6",
    "selu",
    "softshrink",
]
