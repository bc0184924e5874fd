"""torch's own layer, root-mean-square and group norm."""

from torch.nn import GroupNorm, LayerNorm, RMSNorm
from torch.nn.functional import group_norm, layer_norm, rms_norm

__all__ = ["GroupNorm", "LayerNorm", "RMSNorm", "group_norm", "layer_norm", "rms_norm"]
