"""torch's own batch norm."""

from torch.nn import BatchNorm1d, BatchNorm2d, BatchNorm3d
from torch.nn.functional import batch_norm

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "batch_norm"]
