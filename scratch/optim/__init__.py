"""Optimizers, under torch.optim's names: `optimizer = SGD(model.parameters(), lr=0.1)`, then `optimizer.step()`."""

from scratch.optim import lr_scheduler
from scratch.optim.adam import Adam, AdamW
from scratch.optim.optimizer import Optimizer
from scratch.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "lr_scheduler"]
