"""What every example shares: its command line, and one way to train in scratch or on the PyTorch twin.

stage = Stage("line_fit", __doc__, argv)
model = stage.build(lambda nn: nn.Linear(1, 1))      # the same initial weights on both sides
optimizer = stage.optimizer("SGD", model, lr=0.1)
loss = stage.step(model, "mse_loss", optimizer, x, y)   # one step of training; NumPy arrays in, a number out
stage.save(figure, "line_fit")
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from tqdm import tqdm

import scratch
import scratch.functional
import scratch.models

matplotlib.use("Agg")


class Stage:
    """One run of an example.

    Options of the command line: --torch (train the twin), --smoke (a few steps, for the tests), --seed, --out FOLDER.
    """

    def __init__(self, name: str, doc: str, argv: Sequence[str] | None = None):
        parser = argparse.ArgumentParser(f"python -m examples.{name}", description=doc.split("\n")[0])
        parser.add_argument("--torch", action="store_true", help="train the PyTorch twin, from the same weights")
        parser.add_argument("--smoke", action="store_true", help="only a few steps, to see that it runs")
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--out", type=Path, default=Path("report/examples"), help="where the pictures go")
        options = parser.parse_args(argv)
        self.name, self.torch, self.smoke, self.seed, self.out = (
            name, options.torch, options.smoke, options.seed, options.out,
        )  # fmt: skip
        self.rng = np.random.default_rng(self.seed)
        scratch.manual_seed(self.seed)
        if self.torch:
            import torch

            torch.manual_seed(self.seed)
            torch.set_num_threads(scratch.num_threads())

    @property
    def side(self) -> str:
        return "torch" if self.torch else "scratch"

    @property
    def nn(self) -> ModuleType:
        """`scratch` or `torch_ref`: this run's layers."""
        if not self.torch:
            return scratch
        import torch_ref

        return torch_ref

    @property
    def functional(self) -> ModuleType:
        """This run's functions: those of scratch return (y, backward), torch's y."""
        if not self.torch:
            return scratch.functional
        import torch_ref.functional

        return torch_ref.functional

    def build(self, make: Callable[[ModuleType], Any], dtype: str = "float32"):
        """The model that `make(nn)` builds, on this run's side, from scratch's initial weights.

        `nn` is `scratch` or `torch_ref`; the networks of the papers are found as `nn.models.…` on both.
        """
        model = make(scratch).to(dtype)
        if not self.torch:
            return model
        import torch

        import torch_ref
        import torch_ref.models

        twin = make(torch_ref).to(getattr(torch, dtype))
        twin.load_state_dict({k: torch.tensor(v) for k, v in model.state_dict().items()})
        return twin

    def optimizer(self, name: str, parameters, **options):
        """`scratch.optim.<name>` or `torch.optim.<name>` for a model, its parameters, or groups of them."""
        if hasattr(parameters, "parameters"):
            parameters = parameters.parameters()
        if self.torch:
            import torch

            return getattr(torch.optim, name)(parameters, **options)
        return getattr(scratch.optim, name)(parameters, **options)

    def step(self, model, loss: str, optimizer, x, y, **options) -> float:
        """One step of training: the loss (a name in `functional`, with its options) before the update."""
        value = self.gradients(model, loss, x, y, **options)
        optimizer.step()
        return value

    def gradients(self, model, loss: str, x, y, **options) -> float:
        """Forward and backward: afterwards each parameter's `grad` holds its gradient."""
        if self.torch:
            import torch

            model.zero_grad()
            value = getattr(torch.nn.functional, loss)(model(_tensors(x)), _tensors(y), **options)
            value.backward()
            return float(value.detach())
        model.zero_grad()
        prediction, backward = model(x)
        value, loss_backward = getattr(scratch.functional, loss)(prediction, y, **options)
        gradient = loss_backward()
        scratch.pull(backward, gradient[0] if isinstance(gradient, tuple) else gradient, input_grad=False, release=True)
        return float(value)

    def tensor(self, x):
        """An array as this run's arrays: itself, or a tensor that shares its memory."""
        return _tensors(x) if self.torch else x

    def vjp(self, function, x, dy) -> tuple[np.ndarray, np.ndarray]:
        """(y, dx) of one of this run's modules or functions for the upstream gradient dy, arrays all of them."""
        if self.torch:
            leaf = _tensors(x).requires_grad_()
            y = function(leaf)
            y.backward(_tensors(dy))
            return array(y), array(leaf.grad)
        y, backward = function(x)
        return y, backward(dy)

    def predict(self, model, x, batch: int = 500) -> np.ndarray:
        """The model's output in eval mode, as an array, a batch of rows at a time; the mode is put back afterwards."""
        training = model.training
        model.eval()
        try:
            parts = [self._output(model, x[i : i + batch]) for i in range(0, len(x), batch)]
        finally:
            model.train(training)
        return np.concatenate(parts)

    def _output(self, model, x) -> np.ndarray:
        if self.torch:
            import torch

            with torch.no_grad():
                return model(_tensors(x)).numpy()
        return model.predict(x)

    def progress(self, steps: Iterable, what: str = ""):
        """The steps with a progress bar where the output is a terminal."""
        return tqdm(steps, desc=what or self.name, leave=False, disable=None)

    def save(self, figure, name: str) -> Path:
        """Write a matplotlib figure as `<name>.png`, close it, and say where."""
        self.out.mkdir(parents=True, exist_ok=True)
        path = self.out / f"{name}{'_torch' if self.torch else ''}.png"
        figure.savefig(path, dpi=110, bbox_inches=None if self.smoke else "tight")  # which draws twice
        plt.close(figure)
        print(f"picture: {path}")
        return path


def array(tensor) -> np.ndarray:
    """A parameter, a gradient or a tensor of either side as a NumPy array."""
    if hasattr(tensor, "detach"):
        return tensor.detach().numpy()
    return np.asarray(getattr(tensor, "data", tensor) if isinstance(tensor, scratch.Parameter) else tensor)


def _tensors(x):
    import torch

    return tuple(map(_tensors, x)) if isinstance(x, tuple) else torch.from_numpy(np.asarray(x))
