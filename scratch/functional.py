"""torch.nn.functional's names: each returns `(y, backward)`. Gathered from the topics, which explain them."""

from scratch.linear import linear

__all__ = ["linear"]
