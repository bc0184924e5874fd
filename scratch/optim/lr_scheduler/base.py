"""LRScheduler: the learning rate as a function of the number of steps, under torch's names."""

from __future__ import annotations

import warnings
from copy import deepcopy
from typing import Any

from scratch.optim.optimizer import Optimizer


class LRScheduler:
    """Base of the schedulers: `scheduler.step()` after each epoch (or mini-batch) sets every group's `"lr"`.

    Parameters
    ----------
    optimizer : the Optimizer whose groups it sets. Their learning rates now become their `"initial_lr"`.
    last_epoch : number of the last epoch done; -1 starts anew. Greater to go on, with `"initial_lr"` in the groups.

    A subclass defines `next_lr(lr, base_lr)`, the new learning rate of a group from its current one, so that several
    schedulers may act on one optimizer, and may define `closed_form_lr(base_lr)`, the same as a function of
    `self.last_epoch` alone.
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1):
        self.optimizer = _optimizer(self, optimizer)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise KeyError(
                    f"{type(self).__name__}: param_groups[{i}] has no 'initial_lr', which last_epoch={last_epoch} "
                    "needs; load the optimizer's state first"
                )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._initial_step()

    def _initial_step(self) -> None:
        """The step to epoch 0 (or the one after last_epoch), which most schedulers let pass."""
        self._step_count = 0
        self._is_initial = True
        self.step()
        self._is_initial = False

    def step(self, epoch: int | None = None) -> None:
        """Go on to the next epoch, or to the given one, and set the learning rates."""
        if self._step_count == 1 and not self.optimizer.stepped:
            warnings.warn(
                "scheduler.step() was called before optimizer.step(): the first learning rate was never used",
                UserWarning,
                stacklevel=2,
            )
        self._step_count += 1
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        closed = epoch is not None and hasattr(self, "closed_form_lr")
        rates = [self.closed_form_lr(base) for base in self.base_lrs] if closed else self.get_lr()
        for group, lr in zip(self.optimizer.param_groups, rates):
            group["lr"] = lr
        self._last_lr = list(rates)

    def get_lr(self) -> list[float]:
        """The next learning rate of each group."""
        return [self.next_lr(group["lr"], base) for group, base in zip(self.optimizer.param_groups, self.base_lrs)]

    def next_lr(self, lr: float, base_lr: float) -> float:
        raise NotImplementedError(f"{type(self).__name__} must define next_lr(lr, base_lr)")

    def get_last_lr(self) -> list[float]:
        """The learning rate of each group, as this scheduler set it."""
        return self._last_lr

    def state_dict(self) -> dict[str, Any]:
        """A copy of everything but the optimizer (and functions); torch's keys."""
        return deepcopy({key: value for key, value in vars(self).items() if key != "optimizer"})

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state_dict of this scheduler or of torch's."""
        self.__dict__.update(deepcopy(dict(state_dict)))


def _optimizer(scheduler, optimizer) -> Optimizer:
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(scheduler).__name__}: {type(optimizer).__name__} is not an Optimizer")
    return optimizer


def per_group(name: str, optimizer: Optimizer, value) -> list:
    """One value for each parameter group: a list as it is, a single value repeated."""
    groups = len(optimizer.param_groups)
    if isinstance(value, (list, tuple)):
        if len(value) != groups:
            raise ValueError(f"expected {groups} values for {name}, one per parameter group, but got {len(value)}")
        return list(value)
    return [value] * groups
