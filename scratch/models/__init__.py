"""Whole networks and the blocks of papers, composed of the topics: forward and backward written out."""

from scratch.models.alexnet import AlexNet
from scratch.models.attention_decoder import AttentionSeq2Seq, BahdanauDecoder, LuongDecoder
from scratch.models.attention_pooling import AdditiveAttention, DotProductAttention, NadarayaWatson
from scratch.models.bam import BAMBlock, ChannelGate, SpatialGate
from scratch.models.blocks import MLP, Chimera, ConvNet, FixedHiddenMLP, LinearNet, MySequential, NestMLP, TiedMLP
from scratch.models.cbam import CBAMBlock, ChannelAttention, SpatialAttention
from scratch.models.channel_attention import ECAAttention, SEAttention, SKAttention
from scratch.models.densenet import DenseLayer, DenseNet, densenet121, densenet169, densenet201
from scratch.models.diverse_branch import DiverseBranchBlock
from scratch.models.dot_product_attention import ScaledDotProductAttention, SimplifiedScaledDotProductAttention
from scratch.models.double_attention import DoubleAttention
from scratch.models.dual_attention import ChannelAttentionModule, DAModule, PositionAttentionModule
from scratch.models.emsa import EMSA
from scratch.models.external_attention import ExternalAttention
from scratch.models.gmlp import SpatialGatingUnit, gMLP
from scratch.models.googlenet import GoogLeNet, Inception
from scratch.models.gpt import GPT, GPTMLP, CausalSelfAttention, GPTBlock
from scratch.models.lenet import LeNet, small_lenet
from scratch.models.mlp_mixer import MixerBlock, MlpBlock, MlpMixer
from scratch.models.nin import NiN
from scratch.models.positional_encoding import LearnedPositionalEncoding, PositionalEncoding
from scratch.models.psa import PSA
from scratch.models.reparameterisation import ACNet, RepBlock
from scratch.models.repmlp import RepMLP
from scratch.models.resmlp import Affine, ResMLP, ResMLPBlock
from scratch.models.resnet import (
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
from scratch.models.seq2seq import Seq2Seq, Seq2SeqDecoder, Seq2SeqEncoder
from scratch.models.shuffle_attention import ShuffleAttention
from scratch.models.text_cnn import TextCNN
from scratch.models.transformer_seq2seq import TransformerSeq2Seq
from scratch.models.vgg import VGG, vgg11, vgg13, vgg16, vgg19
from scratch.models.vit import ViT, ViTBlock, ViTEncoder

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
