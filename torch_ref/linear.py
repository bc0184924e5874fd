"""torch's own Linear."""

from torch.nn import Linear
from torch.nn.functional import linear

__all__ = ["Linear", "linear"]
