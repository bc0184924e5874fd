"""torch's own softmax and its kin."""

from torch.nn import LogSoftmax, Softmax, Softmax2d, Softmin
from torch.nn.functional import gumbel_softmax, log_softmax, softmax, softmin

__all__ = [
    "LogSoftmax",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "gumbel_softmax",
    "log_softmax",
    "softmax",
    "softmin",
]
