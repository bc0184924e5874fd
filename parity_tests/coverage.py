"""What of torch.nn and torch.nn.functional is here, and what is left out and why.

python -m parity_tests.coverage            # the README's tables: layers, and systems made of them
python -m parity_tests.coverage --readme   # written into the README
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

import scratch
import scratch.functional
import scratch.models

ROOT = Path(__file__).parent.parent

LAZY = "lazy: takes its sizes from the first input"
IN_PLACE = "writes into its input, which nothing here does"
ONE_MACHINE = "spreads work over several processes or devices"
LEGACY = "legacy: torch itself points to another class"
NO_LAYER = "a helper of torch's own code, no layer"
WITH_INDICES = "the same function with `return_indices=True`"
LOW_PRECISION = "a GPU kernel for 8-bit and grouped matrix products"

LEFT_OUT: dict[str, str] = {
    **{
        f"Lazy{name}": LAZY
        for name in (
            *(f"{kind}{n}d" for kind in ("BatchNorm", "Conv", "ConvTranspose", "InstanceNorm") for n in (1, 2, 3)),
            "Linear",
        )
    },
    **dict.fromkeys(("Container", "NLLLoss2d", "CrossMapLRN2d"), LEGACY),
    **dict.fromkeys(("DataParallel", "SyncBatchNorm"), ONE_MACHINE),
    **dict.fromkeys(("RNNBase", "RNNCellBase"), "the shared base of RNN, LSTM and GRU, no layer of its own"),
    **dict.fromkeys(("celu_", "elu_", "hardtanh_", "leaky_relu_", "relu_", "rrelu_", "selu_", "threshold_"), IN_PLACE),
    **dict.fromkeys(
        (
            "Optional",
            "assert_int_or_pair",
            "boolean_dispatch",
            "handle_torch_function",
            "has_torch_function",
            "has_torch_function_unary",
            "has_torch_function_variadic",
        ),
        NO_LAYER,
    ),
    **{
        f"{kind}_max_pool{n}d_with_indices": WITH_INDICES
        for kind, sizes in (("adaptive", (1, 2, 3)), ("fractional", (2, 3)))
        for n in sizes
    },
    **{f"max_pool{n}d_with_indices": WITH_INDICES for n in (1, 2, 3)},
    **dict.fromkeys(("grouped_mm", "scaled_mm", "scaled_grouped_mm"), LOW_PRECISION),
    "native_channel_shuffle": "the same as channel_shuffle",
    **dict.fromkeys(("upsample", "upsample_bilinear", "upsample_nearest"), "deprecated in favour of interpolate"),
    "multi_head_attention_forward": "the 25-argument function behind MultiheadAttention, which is here",
    "Module": "the base class: scratch.Module",
}


def torch_classes() -> list[str]:
    """Every public class of torch.nn that is a Module."""
    found = {n: getattr(torch.nn, n) for n in dir(torch.nn) if not n.startswith("_")}
    return sorted(n for n, v in found.items() if isinstance(v, type) and issubclass(v, torch.nn.Module))


def torch_functions() -> list[str]:
    """Every public function of torch.nn.functional."""
    module = torch.nn.functional
    names = [n for n in dir(module) if not n.startswith("_")]
    return sorted(n for n in names if callable(getattr(module, n)) and not isinstance(getattr(module, n), type))


def classes() -> list[str]:
    """Every Module class scratch exports."""
    return sorted(
        n for n in scratch.__all__ if isinstance(v := getattr(scratch, n), type) and issubclass(v, scratch.Module)
    )


def functions() -> list[str]:
    """Every function scratch.functional exports."""
    return sorted(scratch.functional.__all__)


def topic(name: str) -> str:
    """The topic file a class or function is written in."""
    found = getattr(scratch, name, None) if name in scratch.__all__ else getattr(scratch.functional, name)
    function = found if isinstance(found, type) else getattr(found, "forward", found)
    return function.__module__.removeprefix("scratch.")


def page(name: str) -> str:
    """The page of the book: the topic's; the module and all containers share one."""
    return "containers" if topic(name) in ("module", "parameter_containers") else topic(name)


def missing(theirs: list[str], ours: list[str]) -> list[str]:
    return [n for n in theirs if n not in ours and n not in LEFT_OUT]


def table() -> str:
    """Markdown: the classes and functions of each topic, then the counts."""
    rows: dict[str, tuple[list[str], list[str]]] = {}
    for i, names in enumerate((classes(), functions())):
        for name in names:
            rows.setdefault(page(name), ([], []))[i].append(f"`{name}`")
    lines = ["| topic | classes | functions |", "|---|---|---|"]
    lines += [f"| [{t}](docs/{t}.md) | {' '.join(a)} | {' '.join(b)} |" for t, (a, b) in sorted(rows.items())]
    for kind, theirs, ours in (
        ("classes of torch.nn", torch_classes(), classes()),
        ("functions of torch.nn.functional", torch_functions(), functions()),
    ):
        wanted = [n for n in theirs if n not in LEFT_OUT]
        have = [n for n in wanted if n in ours]
        lines.append(f"\n{len(have)} of {len(wanted)} {kind} ({len(theirs) - len(wanted)} left out on purpose).")
    return "\n".join(lines)


def models() -> list[str]:
    """Every class scratch.models exports."""
    return sorted(n for n in scratch.models.__all__ if isinstance(getattr(scratch.models, n), type))


def stem(name: str) -> str:
    """The file a model or a function that builds one is written in: `resnet` for resnet18."""
    return getattr(scratch.models, name).__module__.removeprefix("scratch.models.")


def examples() -> list[str]:
    return sorted(p.stem for p in (ROOT / "examples").glob("*.py") if p.stem not in ("__init__", "stage"))


def systems() -> str:
    """Markdown: system -> class or script -> twin -> parity -> picture."""
    files: dict[str, list[str]] = {}
    for name in scratch.models.__all__:
        files.setdefault(stem(name), []).append(f"`{name}`")
    lines = ["| system | classes | twin | parity | page |", "|---|---|---|---|---|"]
    for file, names in sorted(files.items()):
        columns = [
            f"[{file}](scratch/models/{file}.py)",
            " ".join(sorted(names)),
            f"[twin](torch_ref/models/{file}.py)",
            f"[pair](parity_tests/pairs/models/{file}.py)",
            f"[book](docs/models/{file}.md)",
        ]
        lines.append(f"| {' | '.join(columns)} |")
    lines += ["", "| experiment | twin | what came out | picture |", "|---|---|---|---|"]
    for name in examples():
        pictures = sorted((ROOT / "docs" / "images").glob(f"{name}*.png"))
        shown = " ".join(f"[{p.stem}](docs/images/{p.name})" for p in pictures)
        lines.append(f"| [{name}](examples/{name}.py) | `--torch` | [page](docs/examples/{name}.md) | {shown} |")
    return "\n".join(lines)


def written(readme: str) -> str:
    """The README with both tables as they are now."""
    for mark, text in (("coverage", table()), ("systems", systems())):
        before, after = readme.split(f"<!-- {mark} -->")[0], readme.split(f"<!-- /{mark} -->")[1]
        readme = f"{before}<!-- {mark} -->\n{text}\n<!-- /{mark} -->{after}"
    return readme


if __name__ == "__main__":
    if "--readme" in sys.argv:
        readme = ROOT / "README.md"
        readme.write_text(written(readme.read_text()))
    else:
        print(table(), systems(), sep="\n\n")
        print("\nMissing:", *missing(torch_classes(), classes()), *missing(torch_functions(), functions()))
