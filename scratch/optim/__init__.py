"""Optimizers, under torch.optim's names: `optimizer = SGD(model.parameters(), lr=0.1)`, then `optimizer.step()`."""

from scratch.optim import lr_scheduler
from scratch.optim.adafactor import Adafactor
from scratch.optim.adam import Adam, AdamW
from scratch.optim.adam_variants import Adamax, NAdam, RAdam
from scratch.optim.adaptive import Adadelta, Adagrad, RMSprop
from scratch.optim.asgd import ASGD
from scratch.optim.lbfgs import LBFGS
from scratch.optim.muon import Muon
from scratch.optim.optimizer import Optimizer
from scratch.optim.rprop import Rprop
from scratch.optim.sgd import SGD

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "lr_scheduler",
]
