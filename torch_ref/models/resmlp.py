"""ResMLP in PyTorch, forward only."""

import torch
from torch import nn

from torch_ref.models.mlp_mixer import MlpBlock


class Affine(nn.Module):
    """A scale, and a shift unless bias=False, for every channel."""

    def __init__(self, dim, value=1.0, bias=True):
        super().__init__()
        self.weight = nn.Parameter(torch.full((dim,), float(value)))
        self.bias = nn.Parameter(torch.zeros(dim)) if bias else None

    def forward(self, x):
        y = self.weight * x
        return y if self.bias is None else y + self.bias


class ResMLPBlock(nn.Module):
    """One linear map over the patches, then an MLP over the channels, both scaled and residual."""

    def __init__(self, dim, num_patches, expansion_factor=4, scale=0.1):
        super().__init__()
        self.affine1 = Affine(dim)
        self.patches = nn.Linear(num_patches, num_patches)
        self.scale1 = Affine(dim, scale, bias=False)
        self.affine2 = Affine(dim)
        self.channels = MlpBlock(dim, expansion_factor * dim)
        self.scale2 = Affine(dim, scale, bias=False)

    def forward(self, x):
        x = x + self.scale1(self.patches(self.affine1(x).mT).mT)
        return x + self.scale2(self.channels(self.affine2(x)))


class ResMLP(nn.Module):
    """Patches, blocks, mean over the patches, a linear classifier."""

    def __init__(self, dim=128, image_size=14, patch_size=7, expansion_factor=4, depth=4, class_num=1000):
        super().__init__()
        num_patches = (image_size // patch_size) ** 2
        scale = 0.1 if depth <= 18 else 1e-5 if depth <= 24 else 1e-6
        self.embedding = nn.Conv2d(3, dim, patch_size, stride=patch_size)
        self.mlp = nn.Sequential(*(ResMLPBlock(dim, num_patches, expansion_factor, scale) for _ in range(depth)))
        self.affine = Affine(dim)
        self.classifier = nn.Linear(dim, class_num)

    def forward(self, x):
        patches = self.embedding(x).flatten(2).mT
        return self.classifier(self.affine(self.mlp(patches)).mean(dim=1))
