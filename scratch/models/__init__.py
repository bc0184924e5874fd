"""Whole networks and the blocks of papers, composed of the topics: forward and backward written out."""

from scratch.models.blocks import MLP, Chimera, ConvNet, FixedHiddenMLP, LinearNet, MySequential, NestMLP, TiedMLP
from scratch.models.text_cnn import TextCNN

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
