"""RepVGG's block and the asymmetric convolution block in PyTorch, forward only, before and after folding."""

import torch
from torch import nn
from torch.nn import functional as F


def conv_bn(channels, kernel_size, **options):
    block = nn.Sequential()
    block.add_module("conv", nn.Conv2d(*channels, kernel_size, bias=False, **options))
    block.add_module("bn", nn.BatchNorm2d(channels[1]))
    return block


def fused(weight, bn):
    """The kernel and bias of a convolution with this weight followed by bn, by its running statistics."""
    scale = bn.weight / torch.sqrt(bn.running_var + bn.eps)
    return weight * scale[:, None, None, None], bn.bias - bn.running_mean * scale


class _Folding(nn.Module):
    """Branches, or the one convolution they are together; then ReLU."""

    def __init__(self, input_channel, output_channel, kernel_size=3, groups=1, stride=1, deploy=False):
        super().__init__()
        self.deploy = deploy
        options = {"groups": groups, "stride": stride}
        if deploy:
            self.reparam = nn.Conv2d(input_channel, output_channel, kernel_size, padding=kernel_size // 2, **options)
        else:
            self.build((input_channel, output_channel), kernel_size, options)

    def forward(self, x):
        if self.deploy:
            return F.relu(self.reparam(x))
        return F.relu(sum(branch(x) for branch in self.children()))

    @torch.no_grad()
    def switch_to_deploy(self):
        main = self.brb_kxk.conv
        weight, bias = self.kernel()
        folded = nn.Conv2d(
            main.in_channels, main.out_channels, main.kernel_size, main.stride, main.padding, groups=main.groups
        ).to(weight.dtype)
        folded.load_state_dict({"weight": weight, "bias": bias})
        for name, _ in list(self.named_children()):
            delattr(self, name)
        self.reparam, self.deploy = folded, True


class RepBlock(_Folding):
    """relu(k x k + 1 x 1 + identity), each with its batch norm."""

    def build(self, channels, k, options):
        self.brb_kxk = conv_bn(channels, k, padding=k // 2, **options)
        self.brb_1x1 = conv_bn(channels, 1, **options)
        same = channels[0] == channels[1] and self.brb_1x1.conv.stride == (1, 1)
        self.brb_identity = nn.BatchNorm2d(channels[0]) if same else None

    def kernel(self):
        weight, bias = fused(self.brb_kxk.conv.weight, self.brb_kxk.bn)
        point, point_bias = fused(self.brb_1x1.conv.weight, self.brb_1x1.bn)
        middle = weight.shape[-1] // 2
        weight[:, :, middle, middle] += point[:, :, 0, 0]
        bias += point_bias
        if self.brb_identity is not None:
            per_group = weight.shape[1]
            eye = torch.eye(per_group, dtype=weight.dtype).repeat(self.brb_kxk.conv.groups, 1)
            identity, identity_bias = fused(eye[:, :, None, None], self.brb_identity)
            weight[:, :, middle, middle] += identity[:, :, 0, 0]
            bias += identity_bias
        return weight, bias


class ACNet(_Folding):
    """relu(k x k + 1 x k + k x 1), each with its batch norm."""

    def build(self, channels, k, options):
        self.brb_kxk = conv_bn(channels, k, padding=k // 2, **options)
        self.brb_1xk = conv_bn(channels, (1, k), padding=(0, k // 2), **options)
        self.brb_kx1 = conv_bn(channels, (k, 1), padding=(k // 2, 0), **options)

    def kernel(self):
        weight, bias = fused(self.brb_kxk.conv.weight, self.brb_kxk.bn)
        row, row_bias = fused(self.brb_1xk.conv.weight, self.brb_1xk.bn)
        column, column_bias = fused(self.brb_kx1.conv.weight, self.brb_kx1.bn)
        middle = weight.shape[-1] // 2
        weight[:, :, middle, :] += row[:, :, 0, :]
        weight[:, :, :, middle] += column[:, :, :, 0]
        return weight, bias + row_bias + column_bias
