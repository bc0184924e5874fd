"""gMLP in PyTorch, forward only."""

from torch import nn


class SpatialGatingUnit(nn.Module):
    """The first half of the channels times a linear map over the tokens of the second, normalized one."""

    def __init__(self, dim, len_sen):
        super().__init__()
        self.ln = nn.LayerNorm(dim)
        self.proj = nn.Conv1d(len_sen, len_sen, kernel_size=1)
        nn.init.uniform_(self.proj.weight, -1e-3 / len_sen, 1e-3 / len_sen)
        nn.init.ones_(self.proj.bias)

    def forward(self, x):
        u, v = x.chunk(2, dim=-1)
        return u * self.proj(self.ln(v))


class Block(nn.Module):
    """x + module(x)."""

    def __init__(self, dim, d_ff, len_sen):
        super().__init__()
        self.module = nn.Sequential()
        self.module.add_module("ln", nn.LayerNorm(dim))
        self.module.add_module("fc1", nn.Linear(dim, 2 * d_ff))
        self.module.add_module("gelu", nn.GELU())
        self.module.add_module("sgu", SpatialGatingUnit(d_ff, len_sen))
        self.module.add_module("fc2", nn.Linear(d_ff, dim))

    def forward(self, x):
        return x + self.module(x)


class gMLP(nn.Module):
    """An embedding and a classifier of tokens around the blocks, both only with num_tokens."""

    def __init__(self, num_tokens=None, len_sen=49, dim=512, d_ff=1024, num_layers=6):
        super().__init__()
        tokens = num_tokens is not None
        self.embedding = nn.Embedding(num_tokens, dim) if tokens else nn.Identity()
        self.gmlp = nn.Sequential(*(Block(dim, d_ff, len_sen) for _ in range(num_layers)))
        self.ln = nn.LayerNorm(dim)
        self.to_logits = nn.Linear(dim, num_tokens) if tokens else nn.Identity()

    def forward(self, x):
        return self.to_logits(self.ln(self.gmlp(self.embedding(x))))
