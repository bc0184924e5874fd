"""torch's own power-average pooling."""

from torch.nn import LPPool1d, LPPool2d, LPPool3d
from torch.nn.functional import lp_pool1d, lp_pool2d, lp_pool3d

__all__ = [
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
]
