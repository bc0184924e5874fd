"""The PyTorch twin of everything in scratch, under the same names: torch.nn's own class where it exists.

This package never imports scratch. Functions are in `torch_ref.functional`.
"""

from torch.nn import ModuleDict, ModuleList, Sequential

from torch_ref.linear import Linear

__all__ = ["Linear", "ModuleDict", "ModuleList", "Sequential"]
