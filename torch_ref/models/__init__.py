"""The twins of scratch.models: the same networks in PyTorch, forward only, with the same state_dict keys."""

from torch_ref.models.blocks import MLP, Chimera, ConvNet, FixedHiddenMLP, LinearNet, MySequential, NestMLP, TiedMLP

__all__ = [
    "Chimera",
    "ConvNet",
    "FixedHiddenMLP",
    "LinearNet",
    "MLP",
    "MySequential",
    "NestMLP",
    "TiedMLP",
]
