"""torch's own Softmax and LogSoftmax."""

from torch.nn import LogSoftmax, Softmax
from torch.nn.functional import log_softmax, softmax

__all__ = ["LogSoftmax", "Softmax", "log_softmax", "softmax"]
