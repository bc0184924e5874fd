"""A measurement: rows of times and peak memory with the machine they were taken on; to JSON and back."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.subjects import KERNELS, TEXTBOOK, TORCH
from benchmarks.timing import Spread

FORMAT = 1


@dataclass
class Row:
    """One thing timed. times: phase -> subject -> Spread in seconds. memory: subject -> bytes at the step's peak."""

    name: str
    times: dict[str, dict[str, Spread]]
    memory: dict[str, int] = field(default_factory=dict)
    disturbed: float = 0.0
    notes: dict[str, str] = field(default_factory=dict)  # subject -> why there is no time

    @property
    def best(self) -> str:
        """The scratch subject that users get: kernels, or on a GPU the textbook."""
        return KERNELS if KERNELS in self.times["step"] else TEXTBOOK

    def ratio(self, name: str, base: str = TORCH, phase: str = "step") -> float | None:
        """Median time of one subject over that of another; below 1 the first is faster."""
        times = self.times[phase]
        return times[name].median / times[base].median if name in times and base in times else None


@dataclass
class Record:
    """What `python -m benchmarks` measured."""

    machine: dict
    settings: dict
    rows: list[Row]

    def write(self, path: str | Path) -> None:
        Path(path).write_text(json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n")

    @classmethod
    def read(cls, path: str | Path) -> Record:
        found = json.loads(Path(path).read_text())
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise ValueError(f"{path} is no file of `python -m benchmarks --json` (format {FORMAT})")
        rows = []
        for row in found["rows"]:
            row["times"] = {
                phase: {subject: Spread(*values) for subject, values in times.items()}
                for phase, times in row["times"].items()
            }
            rows.append(Row(**row))
        return cls(found["machine"], found["settings"], rows)


def geometric_mean(values) -> float:
    values = list(values)
    return math.exp(sum(map(math.log, values)) / len(values)) if values else math.nan
