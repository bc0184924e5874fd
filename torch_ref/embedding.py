"""torch's own Embedding."""

from torch.nn import Embedding
from torch.nn.functional import embedding

__all__ = ["Embedding", "embedding"]
