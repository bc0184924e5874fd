"""torch's own convolution of sequences laid out time first."""

from torch.nn.functional import conv_tbc

__all__ = ["conv_tbc"]
