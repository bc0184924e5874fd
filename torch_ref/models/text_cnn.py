"""TextCNN in PyTorch (Kim, 2014)."""

import torch
from torch import nn


class TextCNN(nn.Module):
    def __init__(
        self, vocab_size, embed_dim, num_classes, kernel_sizes=(3, 4, 5), num_channels=100, dropout=0.5,
        padding_idx=None,
    ):  # fmt: skip
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embed_dim, padding_idx)
        self.convs = nn.ModuleList([nn.Conv1d(embed_dim, num_channels, k) for k in kernel_sizes])
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(len(kernel_sizes) * num_channels, num_classes)

    def forward(self, tokens):
        words = self.embedding(tokens).transpose(1, 2)  # (B, E, T)
        pooled = [torch.relu(conv(words)).amax(dim=2) for conv in self.convs]
        return self.fc(self.dropout(torch.cat(pooled, dim=1)))
