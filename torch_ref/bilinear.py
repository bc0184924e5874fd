"""torch's own Bilinear."""

from torch.nn import Bilinear
from torch.nn.functional import bilinear

__all__ = ["Bilinear", "bilinear"]
