"""torch's own multi-head attention."""

from torch.nn import MultiheadAttention

__all__ = ["MultiheadAttention"]
