"""torch's own unfold and fold."""

from torch.nn import Fold, Unfold
from torch.nn.functional import fold, unfold

__all__ = ["Fold", "Unfold", "fold", "unfold"]
