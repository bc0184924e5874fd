"""torch's own fractional max pooling."""

from torch.nn import FractionalMaxPool2d, FractionalMaxPool3d
from torch.nn.functional import fractional_max_pool2d, fractional_max_pool3d

__all__ = [
    "FractionalMaxPool2d",
    "FractionalMaxPool3d",
    "fractional_max_pool2d",
    "fractional_max_pool3d",
]
