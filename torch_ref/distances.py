"""torch's own distances."""

from torch import cdist
from torch.nn import CosineSimilarity, PairwiseDistance
from torch.nn.functional import cosine_similarity, normalize, pairwise_distance, pdist

__all__ = [
    "cdist",
    "CosineSimilarity",
    "PairwiseDistance",
    "cosine_similarity",
    "normalize",
    "pairwise_distance",
    "pdist",
]
