"""torch's own scaled dot-product attention."""

from torch.nn.functional import scaled_dot_product_attention

__all__ = ["scaled_dot_product_attention"]
