"""torch's own layer norm."""

from torch.nn import LayerNorm
from torch.nn.functional import layer_norm

__all__ = ["LayerNorm", "layer_norm"]
