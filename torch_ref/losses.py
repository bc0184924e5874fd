"""torch's own losses between arrays of one shape."""

from torch.nn import BCELoss, BCEWithLogitsLoss, L1Loss, MSELoss
from torch.nn.functional import binary_cross_entropy, binary_cross_entropy_with_logits, l1_loss, mse_loss

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "L1Loss",
    "MSELoss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "l1_loss",
    "mse_loss",
]
