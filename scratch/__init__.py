"""A neural-network library by hand, in NumPy: every forward and every backward written out.

y, backward = layer(x)
dx = backward(dy)
"""

from scratch import data, functional, init
from scratch.containers import ModuleDict, ModuleList, Residual, Sequential
from scratch.kernels.blocks import num_threads, set_num_threads
from scratch.linear import Linear
from scratch.module import Module
from scratch.op import Backward, Op, pull, textbook
from scratch.parameter import Parameter
from scratch.random import manual_seed

__all__ = [
    "Backward",
    "Linear",
    "Module",
    "ModuleDict",
    "ModuleList",
    "Op",
    "Parameter",
    "Residual",
    "Sequential",
    "data",
    "functional",
    "init",
    "manual_seed",
    "num_threads",
    "pull",
    "set_num_threads",
    "textbook",
]
