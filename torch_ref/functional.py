"""torch.nn.functional's functions and twins of what it does not have, by topic."""

from torch_ref.linear import linear

__all__ = ["linear"]
