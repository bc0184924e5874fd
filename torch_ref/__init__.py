"""The PyTorch twin of everything in scratch, under the same names: torch.nn's own class where it exists.

This package never imports scratch. Functions are in `torch_ref.functional`.
"""

from torch.nn import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential

from torch_ref.activations import GELU, LogSigmoid, Mish, Sigmoid, SiLU, Softplus, Softsign, Tanh, Tanhshrink
from torch_ref.adaptive_pooling import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AdaptiveMaxPool3d,
)
from torch_ref.adaptive_softmax import AdaptiveLogSoftmaxWithLoss
from torch_ref.batch_norm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from torch_ref.bilinear import Bilinear
from torch_ref.binary_losses import BCELoss, BCEWithLogitsLoss, MultiLabelSoftMarginLoss, SoftMarginLoss
from torch_ref.classification_losses import CrossEntropyLoss, NLLLoss
from torch_ref.containers import Residual
from torch_ref.convolution import Conv1d, Conv2d, Conv3d
from torch_ref.ctc import CTCLoss
from torch_ref.distances import CosineSimilarity, PairwiseDistance
from torch_ref.dropout import AlphaDropout, Dropout, Dropout1d, Dropout2d, Dropout3d, FeatureAlphaDropout
from torch_ref.embedding import Embedding
from torch_ref.embedding_bag import EmbeddingBag
from torch_ref.fractional_pooling import FractionalMaxPool2d, FractionalMaxPool3d
from torch_ref.gated_activations import GLU
from torch_ref.hard_activations import Hardshrink, Hardsigmoid, Hardswish, Hardtanh, ReLU6, Softshrink, Threshold
from torch_ref.instance_norm import InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from torch_ref.interpolation import Upsample, UpsamplingBilinear2d, UpsamplingNearest2d
from torch_ref.likelihood_losses import GaussianNLLLoss, KLDivLoss, PoissonNLLLoss
from torch_ref.linear import Linear
from torch_ref.linear_cross_entropy import LinearCrossEntropyLoss
from torch_ref.local_response_norm import LocalResponseNorm
from torch_ref.losses import HuberLoss, L1Loss, MSELoss, SmoothL1Loss
from torch_ref.lp_pooling import LPPool1d, LPPool2d, LPPool3d
from torch_ref.margin_losses import HingeEmbeddingLoss, MarginRankingLoss, MultiLabelMarginLoss, MultiMarginLoss
from torch_ref.multihead_attention import MultiheadAttention
from torch_ref.normalization import GroupNorm, LayerNorm, RMSNorm
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
from torch_ref.recurrent import GRU, LSTM, RNN
from torch_ref.recurrent_cells import GRUCell, LSTMCell, RNNCell
from torch_ref.reshaping import ChannelShuffle, Flatten, Identity, PixelShuffle, PixelUnshuffle, Unflatten
from torch_ref.similarity_losses import CosineEmbeddingLoss, TripletMarginLoss, TripletMarginWithDistanceLoss
from torch_ref.softmax import LogSoftmax, Softmax, Softmax2d, Softmin
from torch_ref.transformer import (
    Transformer,
    TransformerDecoder,
    TransformerDecoderLayer,
    TransformerEncoder,
    TransformerEncoderLayer,
)
from torch_ref.transposed_convolution import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from torch_ref.unfold import Fold, Unfold
from torch_ref.unpooling import MaxUnpool1d, MaxUnpool2d, MaxUnpool3d

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveLogSoftmaxWithLoss",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AlphaDropout",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "Bilinear",
    "CELU",
    "CTCLoss",
    "ChannelShuffle",
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "CosineEmbeddingLoss",
    "CosineSimilarity",
    "CrossEntropyLoss",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "ELU",
    "Embedding",
    "EmbeddingBag",
    "FeatureAlphaDropout",
    "Flatten",
    "Fold",
    "FractionalMaxPool2d",
    "FractionalMaxPool3d",
    "GELU",
    "GLU",
    "GRU",
    "GRUCell",
    "GaussianNLLLoss",
    "GroupNorm",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "HingeEmbeddingLoss",
    "HuberLoss",
    "Identity",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "KLDivLoss",
    "L1Loss",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "LSTM",
    "LSTMCell",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LinearCrossEntropyLoss",
    "LocalResponseNorm",
    "LogSigmoid",
    "LogSoftmax",
    "MSELoss",
    "MarginRankingLoss",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "MaxUnpool1d",
    "MaxUnpool2d",
    "MaxUnpool3d",
    "Mish",
    "ModuleDict",
    "ModuleList",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "MultiheadAttention",
    "NLLLoss",
    "PReLU",
    "PairwiseDistance",
    "ParameterDict",
    "ParameterList",
    "PixelShuffle",
    "PixelUnshuffle",
    "PoissonNLLLoss",
    "RMSNorm",
    "RNN",
    "RNNCell",
    "RReLU",
    "ReLU",
    "ReLU6",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "Residual",
    "SELU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Threshold",
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
    "Unflatten",
    "Unfold",
    "Upsample",
    "UpsamplingBilinear2d",
    "UpsamplingNearest2d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]
