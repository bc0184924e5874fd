"""torch's own CTC loss."""

from torch.nn import CTCLoss
from torch.nn.functional import ctc_loss

__all__ = ["CTCLoss", "ctc_loss"]
