"""The diverse branch block in PyTorch, forward only, before and after folding."""

from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional as F

from torch_ref.models.reparameterisation import conv_bn, fused


class DiverseBranchBlock(nn.Module):
    """k x k, 1 x 1, 1 x 1 then k x k, 1 x 1 then average pooling: each with batch norms, all added."""

    def __init__(self, in_channels, out_channels, kernel_size=3, stride=1, padding=None, groups=1, deploy=False):
        super().__init__()
        self.deploy = deploy
        k, pad = kernel_size, kernel_size // 2
        channels = in_channels, out_channels
        if deploy:
            self.reparam = nn.Conv2d(*channels, k, stride, pad, groups=groups)
            return
        self.dbb_origin = conv_bn(channels, k, stride=stride, padding=pad, groups=groups)
        self.dbb_1x1 = conv_bn(channels, 1, stride=stride, groups=groups)
        self.dbb_1x1_kxk = nn.Sequential(
            OrderedDict(
                pad=nn.ZeroPad2d(pad),
                conv1=nn.Conv2d(in_channels, in_channels, 1, groups=groups, bias=False),
                bn1=nn.BatchNorm2d(in_channels),
                conv2=nn.Conv2d(*channels, k, stride, groups=groups, bias=False),
                bn2=nn.BatchNorm2d(out_channels),
            )
        )
        nn.init.dirac_(self.dbb_1x1_kxk.conv1.weight, groups)
        self.dbb_avg = nn.Sequential(
            OrderedDict(
                pad=nn.ZeroPad2d(pad),
                conv=nn.Conv2d(*channels, 1, groups=groups, bias=False),
                bn=nn.BatchNorm2d(out_channels),
                avg=nn.AvgPool2d(k, stride),
                avgbn=nn.BatchNorm2d(out_channels),
            )
        )

    def forward(self, x):
        if self.deploy:
            return self.reparam(x)
        return self.dbb_origin(x) + self.dbb_1x1(x) + self.dbb_1x1_kxk(x) + self.dbb_avg(x)

    @torch.no_grad()
    def switch_to_deploy(self):
        conv = self.dbb_origin.conv
        k = conv.kernel_size[0]
        self.reparam = nn.Conv2d(
            conv.in_channels, conv.out_channels, k, conv.stride, conv.padding, groups=conv.groups
        ).to(conv.weight.dtype)
        weight, bias = fused(conv.weight, self.dbb_origin.bn)
        point, point_bias = fused(self.dbb_1x1.conv.weight, self.dbb_1x1.bn)
        weight, bias = weight + F.pad(point, [k // 2] * 4), bias + point_bias
        deep, pooled = self.dbb_1x1_kxk, self.dbb_avg
        for first, bn1, second, bn2 in (
            (deep.conv1, deep.bn1, deep.conv2.weight, deep.bn2),
            (pooled.conv, pooled.bn, self.average(conv, k), pooled.avgbn),
        ):
            w1, b1 = fused(first.weight, bn1)
            w2, b2 = fused(second, bn2)
            middle_per_group, filters_per_group = w2.shape[1], conv.out_channels // conv.groups
            columns = []
            for g in range(conv.groups):
                inner = slice(g * middle_per_group, (g + 1) * middle_per_group)
                kernels = w2[g * filters_per_group : (g + 1) * filters_per_group]
                columns.append(F.conv2d(kernels, w1[inner].transpose(0, 1)))
                bias[g * filters_per_group : (g + 1) * filters_per_group] += kernels.sum((2, 3)) @ b1[inner]
            weight, bias = weight + torch.cat(columns), bias + b2
        self.reparam.load_state_dict({"weight": weight, "bias": bias})
        del self.dbb_origin, self.dbb_1x1, self.dbb_1x1_kxk, self.dbb_avg
        self.deploy = True

    @staticmethod
    def average(conv, k):
        per_group = conv.out_channels // conv.groups
        eye = torch.eye(per_group, dtype=conv.weight.dtype).repeat(conv.groups, 1)
        return (eye / k**2)[:, :, None, None].repeat(1, 1, k, k)
