"""Dual attention, forward only."""

from torch import nn

from torch_ref.models.dot_product_attention import ScaledDotProductAttention, SimplifiedScaledDotProductAttention


class PositionAttentionModule(nn.Module):
    def __init__(self, d_model=512, kernel_size=3, H=7, W=7, *, dropout=0.1):
        super().__init__()
        self.cnn = nn.Conv2d(d_model, d_model, kernel_size, padding="same")
        self.pa = ScaledDotProductAttention(d_model, d_k=d_model, d_v=d_model, h=1, dropout=dropout)

    def forward(self, x):
        tokens = self.cnn(x).flatten(2).mT
        return self.pa(tokens, tokens, tokens).mT.unflatten(2, x.shape[2:])


class ChannelAttentionModule(nn.Module):
    def __init__(self, d_model=512, kernel_size=3, H=7, W=7, *, dropout=0.1):
        super().__init__()
        self.cnn = nn.Conv2d(d_model, d_model, kernel_size, padding="same")
        self.pa = SimplifiedScaledDotProductAttention(H * W, h=1, dropout=dropout)

    def forward(self, x):
        rows = self.cnn(x).flatten(2)
        return self.pa(rows, rows, rows).unflatten(2, x.shape[2:])


class DAModule(nn.Module):
    def __init__(self, d_model=512, kernel_size=3, H=7, W=7, *, dropout=0.1):
        super().__init__()
        self.position_attention_module = PositionAttentionModule(d_model, kernel_size, H, W, dropout=dropout)
        self.channel_attention_module = ChannelAttentionModule(d_model, kernel_size, H, W, dropout=dropout)

    def forward(self, x):
        return self.position_attention_module(x) + self.channel_attention_module(x)


__all__ = ["ChannelAttentionModule", "DAModule", "PositionAttentionModule"]
