"""Every example runs, in scratch and on its twin: a few steps each."""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

import examples

NAMES = sorted(m.name for m in iter_modules(examples.__path__) if m.name != "stage")


@pytest.mark.parametrize("side", ["scratch", "torch"])
@pytest.mark.parametrize("name", NAMES)
def test_example_runs(name, side, tmp_path: Path):
    main = import_module(f"examples.{name}").main
    main(["--smoke", "--out", str(tmp_path), *(["--torch"] if side == "torch" else [])])
    assert list(tmp_path.glob("*.png")), f"examples.{name} saved no picture"
