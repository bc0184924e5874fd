"""torch's own Embedding."""

from torch.nn import Embedding
from torch.nn.functional import embedding, one_hot

__all__ = ["Embedding", "embedding", "one_hot"]
