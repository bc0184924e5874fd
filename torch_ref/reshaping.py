"""torch's own layers and functions that only move values."""

from torch import flatten, unflatten
from torch.nn import ChannelShuffle, Flatten, Identity, PixelShuffle, PixelUnshuffle, Unflatten
from torch.nn.functional import channel_shuffle, pixel_shuffle, pixel_unshuffle


def identity(x):
    """The identity as a function, which torch has as a layer only."""
    return x


__all__ = [
    "ChannelShuffle",
    "Flatten",
    "Identity",
    "PixelShuffle",
    "PixelUnshuffle",
    "Unflatten",
    "channel_shuffle",
    "flatten",
    "identity",
    "pixel_shuffle",
    "pixel_unshuffle",
    "unflatten",
]
