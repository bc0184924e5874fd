"""A neural-network library by hand, in NumPy: every forward and every backward written out.

y, backward = layer(x)
dx = backward(dy)
"""

from scratch import checkpoint, data, functional, init, optim, training, utils
from scratch.activations import GELU, LogSigmoid, Mish, Sigmoid, SiLU, Softplus, Softsign, Tanh, Tanhshrink
from scratch.adaptive_pooling import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AdaptiveMaxPool3d,
)
from scratch.adaptive_softmax import AdaptiveLogSoftmaxWithLoss
from scratch.batch_norm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from scratch.bilinear import Bilinear
from scratch.binary_losses import BCELoss, BCEWithLogitsLoss, MultiLabelSoftMarginLoss, SoftMarginLoss
from scratch.classification_losses import CrossEntropyLoss, NLLLoss
from scratch.containers import ModuleDict, ModuleList, Residual, Sequential
from scratch.convolution import Conv1d, Conv2d, Conv3d
from scratch.ctc import CTCLoss
from scratch.distances import CosineSimilarity, PairwiseDistance
from scratch.dropout import AlphaDropout, Dropout, Dropout1d, Dropout2d, Dropout3d, FeatureAlphaDropout
from scratch.embedding import Embedding
from scratch.embedding_bag import EmbeddingBag
from scratch.fractional_pooling import FractionalMaxPool2d, FractionalMaxPool3d
from scratch.gated_activations import GLU
from scratch.hard_activations import Hardshrink, Hardsigmoid, Hardswish, Hardtanh, ReLU6, Softshrink, Threshold
from scratch.instance_norm import InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from scratch.interpolation import Upsample, UpsamplingBilinear2d, UpsamplingNearest2d
from scratch.kernels.blocks import num_threads, set_num_threads
from scratch.kernels.convolution_winograd import winograd
from scratch.likelihood_losses import GaussianNLLLoss, KLDivLoss, PoissonNLLLoss
from scratch.linear import Linear
from scratch.linear_cross_entropy import LinearCrossEntropyLoss
from scratch.local_response_norm import LocalResponseNorm
from scratch.losses import HuberLoss, L1Loss, MSELoss, SmoothL1Loss
from scratch.lp_pooling import LPPool1d, LPPool2d, LPPool3d
from scratch.margin_losses import HingeEmbeddingLoss, MarginRankingLoss, MultiLabelMarginLoss, MultiMarginLoss
from scratch.module import Module
from scratch.multihead_attention import MultiheadAttention
from scratch.normalization import GroupNorm, LayerNorm, RMSNorm
from scratch.op import Backward, Op, pull, textbook
from scratch.padding import (
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
from scratch.parameter import Parameter
from scratch.parameter_containers import ParameterDict, ParameterList
from scratch.pooling import AvgPool1d, AvgPool2d, AvgPool3d, MaxPool1d, MaxPool2d, MaxPool3d
from scratch.random import manual_seed
from scratch.rectifiers import CELU, ELU, SELU, LeakyReLU, PReLU, ReLU, RReLU
from scratch.recurrent import GRU, LSTM, RNN
from scratch.recurrent_cells import GRUCell, LSTMCell, RNNCell
from scratch.reshaping import ChannelShuffle, Flatten, Identity, PixelShuffle, PixelUnshuffle, Unflatten
from scratch.similarity_losses import CosineEmbeddingLoss, TripletMarginLoss, TripletMarginWithDistanceLoss
from scratch.softmax import LogSoftmax, Softmax, Softmax2d, Softmin
from scratch.transformer import (
    Transformer,
    TransformerDecoder,
    TransformerDecoderLayer,
    TransformerEncoder,
    TransformerEncoderLayer,
)
from scratch.transposed_convolution import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from scratch.unfold import Fold, Unfold
from scratch.unpooling import MaxUnpool1d, MaxUnpool2d, MaxUnpool3d

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
    "Backward",
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
    "Module",
    "ModuleDict",
    "ModuleList",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "MultiheadAttention",
    "NLLLoss",
    "Op",
    "PReLU",
    "PairwiseDistance",
    "Parameter",
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
    "checkpoint",
    "data",
    "functional",
    "init",
    "manual_seed",
    "num_threads",
    "optim",
    "pull",
    "set_num_threads",
    "textbook",
    "training",
    "utils",
    "winograd",
]
