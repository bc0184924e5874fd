"""The PyTorch twin of everything in scratch, under the same names: torch.nn's own class where it exists.

This package never imports scratch. Functions are in `torch_ref.functional`.
"""

from torch.nn import ModuleDict, ModuleList, Sequential

from torch_ref.activations import GELU, LogSigmoid, Mish, Sigmoid, SiLU, Softplus, Softsign, Tanh, Tanhshrink
from torch_ref.batch_norm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from torch_ref.binary_losses import BCELoss, BCEWithLogitsLoss, MultiLabelSoftMarginLoss, SoftMarginLoss
from torch_ref.classification_losses import CrossEntropyLoss, NLLLoss
from torch_ref.convolution import Conv1d, Conv2d, Conv3d
from torch_ref.dropout import Dropout
from torch_ref.embedding import Embedding
from torch_ref.gated_activations import GLU
from torch_ref.hard_activations import Hardshrink, Hardsigmoid, Hardswish, Hardtanh, ReLU6, Softshrink, Threshold
from torch_ref.likelihood_losses import GaussianNLLLoss, KLDivLoss, PoissonNLLLoss
from torch_ref.linear import Linear
from torch_ref.linear_cross_entropy import LinearCrossEntropyLoss
from torch_ref.losses import HuberLoss, L1Loss, MSELoss, SmoothL1Loss
from torch_ref.normalization import LayerNorm
from torch_ref.padding import (
    CircularPad1d,
    CircularPad2d,
    CircularPad3d,
    ConstantPad1d,
    ConstantPad2d,
    ConstantPad3d,
    ReflectionPad1d,
    ReflectionPad2d,
    ReflectionPad3d,
    ReplicationPad1d,
    ReplicationPad2d,
    ReplicationPad3d,
    ZeroPad1d,
    ZeroPad2d,
    ZeroPad3d,
)
from torch_ref.pooling import AvgPool1d, AvgPool2d, AvgPool3d, MaxPool1d, MaxPool2d, MaxPool3d
from torch_ref.rectifiers import CELU, ELU, SELU, LeakyReLU, PReLU, ReLU, RReLU
from torch_ref.reshaping import Flatten, Identity, Unflatten
from torch_ref.softmax import LogSoftmax, Softmax

__all__ = [
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "CELU",
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "CrossEntropyLoss",
    "Dropout",
    "ELU",
    "Embedding",
    "Flatten",
    "GELU",
    "GLU",
    "GaussianNLLLoss",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "HuberLoss",
    "Identity",
    "KLDivLoss",
    "L1Loss",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LinearCrossEntropyLoss",
    "LogSigmoid",
    "LogSoftmax",
    "MSELoss",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "Mish",
    "ModuleDict",
    "ModuleList",
    "MultiLabelSoftMarginLoss",
    "NLLLoss",
    "PReLU",
    "PoissonNLLLoss",
    "RReLU",
    "ReLU",
    "ReLU6",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "SELU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "Softmax",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Threshold",
    "Unflatten",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]
