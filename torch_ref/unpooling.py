"""torch's own max unpooling."""

from torch.nn import MaxUnpool1d, MaxUnpool2d, MaxUnpool3d
from torch.nn.functional import max_unpool1d, max_unpool2d, max_unpool3d

__all__ = [
    "MaxUnpool1d",
    "MaxUnpool2d",
    "MaxUnpool3d",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
]
