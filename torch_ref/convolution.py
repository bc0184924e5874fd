"""torch's own convolutions."""

from torch.nn import Conv1d, Conv2d, Conv3d
from torch.nn.functional import conv1d, conv2d, conv3d

__all__ = ["Conv1d", "Conv2d", "Conv3d", "conv1d", "conv2d", "conv3d"]
