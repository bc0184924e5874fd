"""torch's own instance norm."""

from torch.nn import InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from torch.nn.functional import instance_norm

__all__ = ["InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "instance_norm"]
