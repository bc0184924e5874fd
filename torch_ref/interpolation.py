"""torch's own interpolation."""

from torch.nn import Upsample, UpsamplingBilinear2d, UpsamplingNearest2d
from torch.nn.functional import interpolate

__all__ = ["Upsample", "UpsamplingBilinear2d", "UpsamplingNearest2d", "interpolate"]
