"""torch's own EmbeddingBag."""

from torch.nn import EmbeddingBag
from torch.nn.functional import embedding_bag

__all__ = ["EmbeddingBag", "embedding_bag"]
