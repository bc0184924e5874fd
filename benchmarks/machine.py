"""What the numbers were measured on, and the settings that both sides share."""

from __future__ import annotations

import importlib
import os
import platform
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import psutil
import torch

import scratch
from scratch.kernels import blocks

# glibc gives a freed large array back to the kernel, and the next one is paged in again, page by page. For large
# elementwise work that decides the time: torch against torch differs by up to 3 times. Raised, memory is reused.
ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": str(4 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(4 << 30),
    "MALLOC_TOP_PAD_": str(256 << 20),
}

# Variables that pin a library to an older instruction set or another number of threads.
PINS = (
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "MKL_ENABLE_INSTRUCTIONS",
    "MKL_DEBUG_CPU_TYPE",
    "ONEDNN_MAX_CPU_ISA",
    "ATEN_CPU_CAPABILITY",
    "NPY_DISABLE_CPU_FEATURES",
    "GOMP_SPINCOUNT",
    "OMP_WAIT_POLICY",
)


def restart_with_allocator(module: str, arguments: list[str]) -> None:
    """Start this program again with the allocator's thresholds raised, for both sides, unless they already are.

    glibc reads them before the first line of Python runs. Elsewhere than on Linux nothing happens.
    """
    if sys.platform == "linux" and any(name not in os.environ for name in ALLOCATOR):
        os.execve(sys.executable, [sys.executable, "-m", module, *arguments], {**os.environ, **ALLOCATOR})


def set_threads(n: int | None) -> int:
    """Both sides use n threads: NumPy's BLAS and the kernels, and torch. `None`: all cores this process may use."""
    n = n or scratch.num_threads()
    scratch.set_num_threads(n)
    torch.set_num_threads(n)
    return n


def no_gpu() -> str | None:
    """Why nothing can be measured on a GPU here, or None."""
    if not torch.cuda.is_available():
        return f"torch {torch.__version__} finds no GPU on this machine"
    try:
        import cupy  # pyright: ignore[reportMissingImports]

        cupy.cuda.runtime.getDeviceCount()
    except Exception as failure:  # not installed, or made for another driver
        return f"scratch runs on a GPU through CuPy, which cannot be used here ({failure})"
    return None


def describe(device: str = "cpu") -> dict:
    """The header of a measurement, as plain values for JSON."""
    blas = next((library.info() for library in blocks._blas()), {})
    found = {
        "when": datetime.now().isoformat(timespec="minutes"),
        "commit": _commit(),
        "cpu": _cpu(),
        "cores": psutil.cpu_count(logical=True),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": f"{blas.get('internal_api', 'unknown')} {blas.get('version', '')}".strip(),
        "blas_core": blas.get("architecture", "unknown"),
        "blas_threads": blas.get("num_threads", 0),
        "kernel_threads": scratch.num_threads(),
        "torch": torch.__version__,
        "torch_simd": torch.backends.cpu.get_cpu_capability(),
        "torch_threads": torch.get_num_threads(),
        "allocator": {name: os.environ[name] for name in ALLOCATOR if name in os.environ},
        "pins": {name: os.environ[name] for name in PINS if name in os.environ},
        "busy": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
    }
    if device == "cuda":
        found["gpu"] = torch.cuda.get_device_name()
        found["cuda"] = torch.version.cuda
        found["cupy"] = importlib.import_module("cupy").__version__
        found["tf32"] = {
            "torch products": torch.backends.cuda.matmul.allow_tf32,
            "torch convolutions": torch.backends.cudnn.allow_tf32,
            "CuPy": os.environ.get("CUPY_TF32", "0") == "1",
        }
    return found


def lines(machine: dict) -> list[str]:
    """The header for people."""
    raised = "raised thresholds, memory is reused" if machine["allocator"] else "glibc's defaults"
    return [
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']}"
        + (f"; {machine['gpu']}, CUDA {machine['cuda']}, CuPy {machine['cupy']}" if "gpu" in machine else ""),
        f"scratch {machine['commit']}: Python {machine['python']}, NumPy {machine['numpy']}, {machine['blas']} "
        f"for {machine['blas_core']}, threads: BLAS {machine['blas_threads']}, kernels {machine['kernel_threads']}",
        f"torch {machine['torch']}: {machine['torch_simd']}, {machine['torch_threads']} threads",
        f"allocator, both sides: {raised}; load average at the start {machine['busy']}; {machine['when']}",
        *(
            ["TF32: " + ", ".join(f"{k} {'on' if v else 'off'}" for k, v in machine["tf32"].items())]
            if "tf32" in machine
            else []
        ),
    ]


def short(machine: dict) -> str:
    """The header in one line."""
    threads = f"{n} threads" if (n := machine["kernel_threads"]) > 1 else "1 thread"
    return (
        f"{machine['cpu']}, {threads} on both sides, NumPy {machine['numpy']} with "
        f"{machine['blas']} ({machine['blas_core']}), torch {machine['torch']} ({machine['torch_simd']})"
    )


def warnings(machine: dict) -> list[str]:
    """What makes the numbers other than they would be on this machine left alone."""
    found = [f"{name}={value} is set" for name, value in machine["pins"].items()]
    if any(name.startswith("OPENBLAS_CORE") for name in machine["pins"]):
        found.append(
            f"NumPy's BLAS is pinned to {machine['blas_core']}: an older one halves its speed, torch's is left"
        )
    if len({machine["blas_threads"], machine["kernel_threads"], machine["torch_threads"]}) > 1:
        found.append("the two sides use different numbers of threads")
    if machine["busy"] is not None and machine["busy"] > 0.5:
        found.append(f"other work runs on this machine (load average {machine['busy']}): take the times with salt")
    return found


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _commit() -> str:
    """The short hash of the checkout, with a + where files have changed."""
    root = Path(__file__).resolve().parent.parent
    try:
        git = ["git", "-C", str(root)]
        head = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
        changed = subprocess.run([*git, "status", "--porcelain", "-uno"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "")
