"""torch's own losses of embeddings."""

from torch.nn import CosineEmbeddingLoss, TripletMarginLoss, TripletMarginWithDistanceLoss
from torch.nn.functional import cosine_embedding_loss, triplet_margin_loss, triplet_margin_with_distance_loss

__all__ = [
    "CosineEmbeddingLoss",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
    "cosine_embedding_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]
