"""scratch needs no torch: it imports and trains where torch cannot be imported."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent

TRAIN = """
import sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "torch_ref"):
            raise ImportError(f"{name} is not allowed here")

sys.meta_path.insert(0, NoTorch())
import numpy as np
import scratch
from scratch import functional

scratch.manual_seed(0)
x = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
target = x @ np.array([[1.0], [2.0], [3.0]], np.float32)
net = scratch.Linear(3, 1)
optimizer = scratch.optim.SGD(net.parameters(), lr=0.2)
for _ in range(60):
    y, backward = net(x)
    loss, loss_backward = functional.mse_loss(y, target)
    optimizer.zero_grad()
    dy, _ = loss_backward()  # the target is floating point and has a gradient too
    backward(dy)
    optimizer.step()
assert loss < 1e-3, loss
assert not any(name.split(".")[0] == "torch" for name in sys.modules)
print("trained")
"""


def test_scratch_imports_and_trains_without_torch():
    run = subprocess.run([sys.executable, "-c", TRAIN], capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert run.stdout == "trained\n", run.stderr


def imports(path: Path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_arrows_point_one_way():
    for package, forbidden in {
        "scratch": ("torch", "torch_ref", "parity_tests", "benchmarks"),
        "torch_ref": ("scratch", "parity_tests", "benchmarks"),
    }.items():
        for path in (ROOT / package).rglob("*.py"):
            found = [name for name in imports(path) if name.split(".")[0] in forbidden]
            assert not found, f"{path.relative_to(ROOT)} imports {found}"
