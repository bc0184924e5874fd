"""torch's own losses of a choice between classes."""

from torch.nn import CrossEntropyLoss, NLLLoss
from torch.nn.functional import cross_entropy, nll_loss

__all__ = ["CrossEntropyLoss", "NLLLoss", "cross_entropy", "nll_loss"]
