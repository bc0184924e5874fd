"""MLP-Mixer in PyTorch, forward only."""

from torch import nn
from torch.nn import functional as F


class MlpBlock(nn.Module):
    """Linear, GELU, Linear."""

    def __init__(self, input_dim, mlp_dim=512):
        super().__init__()
        self.fc1 = nn.Linear(input_dim, mlp_dim)
        self.fc2 = nn.Linear(mlp_dim, input_dim)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class MixerBlock(nn.Module):
    """Token mixing and channel mixing, each with a norm before it and a residual connection."""

    def __init__(self, tokens_mlp_dim=16, channels_mlp_dim=1024, tokens_hidden_dim=32, channels_hidden_dim=1024):
        super().__init__()
        self.ln1 = nn.LayerNorm(channels_mlp_dim)
        self.tokens_mlp_block = MlpBlock(tokens_mlp_dim, tokens_hidden_dim)
        self.ln2 = nn.LayerNorm(channels_mlp_dim)
        self.channels_mlp_block = MlpBlock(channels_mlp_dim, channels_hidden_dim)

    def forward(self, x):
        x = x + self.tokens_mlp_block(self.ln1(x).transpose(1, 2)).transpose(1, 2)
        return x + self.channels_mlp_block(self.ln2(x))


class MlpMixer(nn.Module):
    """Patches, mixer blocks, mean over the patches, a linear classifier."""

    def __init__(
        self, num_classes, num_blocks, patch_size, tokens_hidden_dim, channels_hidden_dim,
        tokens_mlp_dim, channels_mlp_dim,
    ):  # fmt: skip
        super().__init__()
        self.embd = nn.Conv2d(3, channels_mlp_dim, patch_size, stride=patch_size)
        self.mlp_blocks = nn.Sequential(
            *(
                MixerBlock(tokens_mlp_dim, channels_mlp_dim, tokens_hidden_dim, channels_hidden_dim)
                for _ in range(num_blocks)
            )
        )
        self.ln = nn.LayerNorm(channels_mlp_dim)
        self.fc = nn.Linear(channels_mlp_dim, num_classes)

    def forward(self, x):
        tokens = self.embd(x).flatten(2).transpose(1, 2)
        return self.fc(self.ln(self.mlp_blocks(tokens)).mean(dim=1))
