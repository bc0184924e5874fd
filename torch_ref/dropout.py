"""torch's own Dropout."""

from torch.nn import Dropout
from torch.nn.functional import dropout

__all__ = ["Dropout", "dropout"]
