"""RepMLP in PyTorch, forward only, before and after folding."""

from collections import OrderedDict

import torch
from torch import nn

from torch_ref.models.reparameterisation import conv_bn, fused


class RepMLP(nn.Module):
    """Global, partition and local perceptron."""

    def __init__(
        self, C, O, H, W, h, w, fc1_fc2_reduction=1, fc3_groups=8, repconv_kernels=None, deploy=False
    ):  # fmt: skip
        super().__init__()
        self.C, self.O, self.h, self.w, self.p, self.q = C, O, h, w, H // h, W // w
        self.groups, self.deploy = fc3_groups, deploy
        self.kernels = [] if deploy else list(repconv_kernels or [])
        if self.p * self.q > 1:
            pieces = C * self.p * self.q
            hidden = C // fc1_fc2_reduction
            self.avg = nn.Sequential(OrderedDict(avg=nn.AvgPool2d((h, w))))
            if not deploy:
                self.avg.add_module("bn", nn.BatchNorm2d(C))
            self.fc1_fc2 = nn.Sequential(
                OrderedDict(fc1=nn.Linear(pieces, hidden), relu=nn.ReLU(), fc2=nn.Linear(hidden, pieces))
            )
        self.fc3 = nn.Conv2d(C * h * w, O * h * w, 1, groups=fc3_groups, bias=deploy)
        if not deploy:
            self.fc3_bn = nn.BatchNorm2d(O * h * w)
        for k in self.kernels:
            self.add_module(f"repconv{k}", conv_bn((C, O), k, padding=k // 2, groups=fc3_groups))

    def forward(self, x):
        N, (C, O, h, w, p, q) = len(x), (self.C, self.O, self.h, self.w, self.p, self.q)
        x = x.view(N, C, p, h, q, w)
        if p * q > 1:
            means = self.avg(x.reshape(N, C, p * h, q * w))
            x = x + self.fc1_fc2(means.flatten(1)).view(N, C, p, 1, q, 1)
        pieces = x.permute(0, 2, 4, 1, 3, 5).reshape(N * p * q, C, h, w)
        y = self.fc3(pieces.reshape(N * p * q, C * h * w, 1, 1))
        if not self.deploy:
            y = self.fc3_bn(y)
        y = y.view(N * p * q, O, h, w)
        for k in self.kernels:
            y = y + getattr(self, f"repconv{k}")(pieces)
        return y.view(N, p, q, O, h, w).permute(0, 3, 1, 4, 2, 5).reshape(N, O, p * h, q * w)

    @torch.no_grad()
    def switch_to_deploy(self):
        weight, bias = fused(self.fc3.weight, self.fc3_bn)
        for k in self.kernels:
            branch = getattr(self, f"repconv{k}")
            kernel, shift = fused(branch.conv.weight, branch.bn)
            weight = weight + self.matrix(kernel).reshape(weight.shape)
            bias = bias + shift.repeat_interleave(self.h * self.w)
            delattr(self, f"repconv{k}")
        self.fc3 = nn.Conv2d(self.fc3.in_channels, self.fc3.out_channels, 1, groups=self.groups).to(weight.dtype)
        self.fc3.load_state_dict({"weight": weight, "bias": bias})
        if self.p * self.q > 1:
            bn, fc1 = self.avg.bn, self.fc1_fc2.fc1
            scale = bn.weight / torch.sqrt(bn.running_var + bn.eps)
            shift = bn.bias - bn.running_mean * scale
            fc1.bias += fc1.weight @ shift.repeat_interleave(self.p * self.q)
            fc1.weight *= scale.repeat_interleave(self.p * self.q)
            del self.avg.bn
        del self.fc3_bn
        self.kernels, self.deploy = [], True

    def matrix(self, kernel):
        """(O, h, w, C/groups, h, w): entry by entry, which pixel of the kernel lies between two pixels."""
        O, C, k, _ = kernel.shape
        full = torch.zeros(O, self.h, self.w, C, self.h, self.w, dtype=kernel.dtype)
        for i in range(self.h):
            for j in range(self.w):
                for row in range(self.h):
                    for column in range(self.w):
                        r, s = row - i + k // 2, column - j + k // 2
                        if 0 <= r < k and 0 <= s < k:
                            full[:, i, j, :, row, column] = kernel[:, :, r, s]
        return full
