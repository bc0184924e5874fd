"""torch's own GLU."""

from torch.nn import GLU
from torch.nn.functional import glu

__all__ = ["GLU", "glu"]
