"""torch's own rectifiers."""

from torch.nn import CELU, ELU, SELU, LeakyReLU, PReLU, ReLU, RReLU
from torch.nn.functional import celu, elu, leaky_relu, prelu, relu, rrelu, selu

__all__ = [
    "CELU",
    "ELU",
    "LeakyReLU",
    "PReLU",
    "RReLU",
    "ReLU",
    "SELU",
    "celu",
    "elu",
    "leaky_relu",
    "prelu",
    "relu",
    "rrelu",
    "selu",
]
