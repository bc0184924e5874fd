"""The twins of scratch.models: the same networks in PyTorch, forward only, with the same state_dict keys."""

from torch_ref.models.alexnet import AlexNet
from torch_ref.models.attention_decoder import AttentionSeq2Seq, BahdanauDecoder, LuongDecoder
from torch_ref.models.attention_pooling import AdditiveAttention, DotProductAttention, NadarayaWatson
from torch_ref.models.bam import BAMBlock, ChannelGate, SpatialGate
from torch_ref.models.blocks import MLP, Chimera, ConvNet, FixedHiddenMLP, LinearNet, MySequential, NestMLP, TiedMLP
from torch_ref.models.cbam import CBAMBlock, ChannelAttention, SpatialAttention
from torch_ref.models.channel_attention import ECAAttention, SEAttention, SKAttention
from torch_ref.models.densenet import DenseLayer, DenseNet, densenet121, densenet169, densenet201
from torch_ref.models.diverse_branch import DiverseBranchBlock
from torch_ref.models.dot_product_attention import ScaledDotProductAttention, SimplifiedScaledDotProductAttention
from torch_ref.models.double_attention import DoubleAttention
from torch_ref.models.dual_attention import ChannelAttentionModule, DAModule, PositionAttentionModule
from torch_ref.models.emsa import EMSA
from torch_ref.models.external_attention import ExternalAttention
from torch_ref.models.gmlp import SpatialGatingUnit, gMLP
from torch_ref.models.googlenet import GoogLeNet, Inception
from torch_ref.models.gpt import GPT, GPTMLP, CausalSelfAttention, GPTBlock
from torch_ref.models.lenet import LeNet, small_lenet
from torch_ref.models.mlp_mixer import MixerBlock, MlpBlock, MlpMixer
from torch_ref.models.nin import NiN
from torch_ref.models.positional_encoding import LearnedPositionalEncoding, PositionalEncoding
from torch_ref.models.psa import PSA
from torch_ref.models.reparameterisation import ACNet, RepBlock
from torch_ref.models.repmlp import RepMLP
from torch_ref.models.resmlp import Affine, ResMLP, ResMLPBlock
from torch_ref.models.resnet import (
    BasicBlock,
    Bottleneck,
    ResNet,
    resnet18,
    resnet34,
    resnet50,
    resnet101,
    resnet152,
    resnext50_32x4d,
    resnext101_32x8d,
)
from torch_ref.models.seq2seq import Seq2Seq, Seq2SeqDecoder, Seq2SeqEncoder
from torch_ref.models.shuffle_attention import ShuffleAttention
from torch_ref.models.text_cnn import TextCNN
from torch_ref.models.transformer_seq2seq import TransformerSeq2Seq
from torch_ref.models.vgg import VGG, vgg11, vgg13, vgg16, vgg19
from torch_ref.models.vit import ViT, ViTBlock, ViTEncoder

__all__ = [
    "EMSA",
    "GPT",
    "GPTMLP",
    "MLP",
    "PSA",
    "VGG",
    "ACNet",
    "AdditiveAttention",
    "Affine",
    "AlexNet",
    "AttentionSeq2Seq",
    "BAMBlock",
    "BahdanauDecoder",
    "BasicBlock",
    "Bottleneck",
    "CBAMBlock",
    "CausalSelfAttention",
    "ChannelAttention",
    "ChannelAttentionModule",
    "ChannelGate",
    "Chimera",
    "ConvNet",
    "DAModule",
    "DenseLayer",
    "DenseNet",
    "DiverseBranchBlock",
    "DotProductAttention",
    "DoubleAttention",
    "ECAAttention",
    "ExternalAttention",
    "FixedHiddenMLP",
    "GPTBlock",
    "GoogLeNet",
    "Inception",
    "LeNet",
    "LearnedPositionalEncoding",
    "LinearNet",
    "LuongDecoder",
    "MixerBlock",
    "MlpBlock",
    "MlpMixer",
    "MySequential",
    "NadarayaWatson",
    "NestMLP",
    "NiN",
    "PositionAttentionModule",
    "PositionalEncoding",
    "RepBlock",
    "RepMLP",
    "ResMLP",
    "ResMLPBlock",
    "ResNet",
    "SEAttention",
    "SKAttention",
    "ScaledDotProductAttention",
    "Seq2Seq",
    "Seq2SeqDecoder",
    "Seq2SeqEncoder",
    "ShuffleAttention",
    "SimplifiedScaledDotProductAttention",
    "SpatialAttention",
    "SpatialGate",
    "SpatialGatingUnit",
    "TextCNN",
    "TiedMLP",
    "TransformerSeq2Seq",
    "ViT",
    "ViTBlock",
    "ViTEncoder",
    "densenet121",
    "densenet169",
    "densenet201",
    "gMLP",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "resnext50_32x4d",
    "resnext101_32x8d",
    "small_lenet",
    "vgg11",
    "vgg13",
    "vgg16",
    "vgg19",
]
