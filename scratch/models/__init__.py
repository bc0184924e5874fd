"""Whole networks and the blocks of papers, composed of the topics: forward and backward written out."""

from scratch.models.blocks import MLP, Chimera, ConvNet, FixedHiddenMLP, LinearNet, MySequential, NestMLP, TiedMLP

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
