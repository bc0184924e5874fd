"""The twins of scratch.models: the same networks in PyTorch, forward only, with the same state_dict keys."""

from torch_ref.models.blocks import MLP, Chimera, ConvNet, FixedHiddenMLP, LinearNet, MySequential, NestMLP, TiedMLP
from torch_ref.models.text_cnn import TextCNN

__all__ = [
    "Chimera",
    "ConvNet",
    "FixedHiddenMLP",
    "LinearNet",
    "MLP",
    "MySequential",
    "NestMLP",
    "TextCNN",
    "TiedMLP",
]
