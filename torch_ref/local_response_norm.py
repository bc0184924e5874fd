"""torch's own local response norm."""

from torch.nn import LocalResponseNorm
from torch.nn.functional import local_response_norm

__all__ = ["LocalResponseNorm", "local_response_norm"]
