"""torch's own linear layer with cross-entropy."""

from torch.nn import LinearCrossEntropyLoss
from torch.nn.functional import linear_cross_entropy

__all__ = ["LinearCrossEntropyLoss", "linear_cross_entropy"]
