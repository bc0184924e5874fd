"""A measurement: rows of times and peak memory with the machine they were taken on; to JSON and back."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.subjects import CUPY, KERNELS, TEXTBOOK, TORCH
from benchmarks.timing import Spread

FORMAT = 2
NO_KERNEL = "no kernel: the textbook is what runs"
FITTED = 3  # points of a curve, the last, through which its slope is fitted: there it is work that costs, not calls


@dataclass
class Row:
    """One thing measured. What could not be measured is missing from `times` and has its reason in `notes`."""

    name: str
    times: dict[str, dict[str, Spread]] = field(default_factory=dict)  # phase -> subject -> seconds
    memory: dict[str, int] = field(default_factory=dict)  # subject -> bytes asked for at the step's peak
    resident: dict[str, int] = field(default_factory=dict)  # subject -> pages the system gave at the step's peak
    disturbed: float = 0.0
    notes: dict[str, str] = field(default_factory=dict)  # subject -> why there is no time, or what was run instead
    suite: str = "ops"
    curve: str = ""  # of which curve it is a point ...
    x: float = 0.0  # ... and where
    flops: int = 0  # of a step
    traffic: int = 0  # bytes that any implementation must move in a step

    @property
    def best(self) -> str:
        """The scratch subject that users get: kernels; without one, and on a GPU, the textbook."""
        have = self.times.get("step") or self.memory
        if self.notes.get(KERNELS, NO_KERNEL) != NO_KERNEL:
            return KERNELS  # it failed, and no other may stand in for it
        return next((name for name in (KERNELS, CUPY) if name in have), TEXTBOOK)

    @property
    def failed(self) -> bool:
        """Whether scratch or torch is missing."""
        have = self.times.get("step") or self.memory
        return self.best not in have or (TORCH in self.notes and TORCH not in have)

    def spread(self, name: str, phase: str = "step") -> Spread | None:
        return self.times.get(phase, {}).get(name)

    def ratio(self, name: str, base: str = TORCH, phase: str = "step") -> float | None:
        """Median time of one subject over that of another; below 1 the first is faster."""
        times = self.times.get(phase, {})
        return times[name].median / times[base].median if name in times and base in times else None

    def memory_ratio(self, name: str, base: str = TORCH) -> float | None:
        """Peak memory of one subject over that of another, where there is enough to compare."""
        if name not in self.memory or self.memory.get(base, 0) < 1 << 17:
            return None
        return self.memory[name] / self.memory[base]


@dataclass
class Record:
    """What `python -m benchmarks` measured. peaks: see `roofline.peaks`."""

    machine: dict
    settings: dict
    rows: list[Row]
    peaks: dict[str, float] = field(default_factory=dict)

    def suite(self, name: str) -> list[Row]:
        return [row for row in self.rows if row.suite == name]

    def write(self, path: str | Path) -> None:
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"format": FORMAT, **asdict(self)}, separators=(",", ":")) + "\n")

    @classmethod
    def read(cls, path: str | Path) -> Record:
        found = json.loads(Path(path).read_text())
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise ValueError(f"{path} is no file of `python -m benchmarks --json` (format {FORMAT})")
        rows = []
        for row in found["rows"]:
            row["times"] = {
                phase: {subject: Spread(*values[:4], tuple(values[4])) for subject, values in times.items()}
                for phase, times in row["times"].items()
            }
            rows.append(Row(**row))
        return cls(found["machine"], found["settings"], rows, found["peaks"])

    @classmethod
    def read_all(cls, paths: Sequence[str | Path]) -> Record:
        """Several files as one measurement: later rows replace earlier ones of the same suite and name."""
        records = [cls.read(path) for path in paths]
        rows = {(row.suite, row.name): row for record in records for row in record.rows}
        first = records[0]
        return cls(first.machine, first.settings, list(rows.values()), first.peaks)


def geometric_mean(values) -> float:
    values = list(values)
    return math.exp(sum(map(math.log, values)) / len(values)) if values else math.nan


def slope(points: Sequence[Row], name: str, memory: bool = False) -> float | None:
    """The exponent e of x^e that the last points of a curve follow, in the time of a step or its peak memory."""
    found = []
    for row in points[-FITTED:]:
        spread = row.spread(name)
        value = row.memory.get(name) if memory else spread and spread.median
        if value:
            found.append((math.log(row.x), math.log(value)))
    return float(np.polyfit(*zip(*found), 1)[0]) if len(found) > 1 else None
