"""Timing several ways of doing the same thing: alternating turns in one process, medians and spreads.

Both sides have thread pools that keep spinning for a while after their last task, so the sides never take turns call
by call: a turn is a pause in which the other pools fall asleep, a run that is not counted, and runs for a while. A turn
in which other processes used the cores is thrown away.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import psutil

PHASES = ("forward", "backward", "step")

TURN = 0.06  # seconds of counted runs a turn
PAUSE = 0.02  # seconds in which no thread may spin before a turn begins: OpenBLAS's do for 105 ms, libgomp's for a few
PATIENCE = 1.0  # seconds after which the turn begins all the same
ROUNDS = 5  # at least: with fewer turns before and after, no change can be told from chance
LONG = 0.2  # seconds of a run from which on waking the threads is no part of it worth a run that is not counted


def _nothing() -> None:
    pass


@dataclass
class Subject:
    """One way of doing it.

    forward : returns what backward needs. backward : called with that. update : the optimizer's step.
    clear : not timed, before each run: drop the gradients of the last one.
    around : a context for each turn. synchronize : wait for the device.
    """

    forward: Callable[[], Any]
    backward: Callable[[Any], None]
    update: Callable[[], None] = _nothing
    clear: Callable[[], None] = _nothing
    around: Callable[[], AbstractContextManager] = nullcontext
    synchronize: Callable[[], None] = _nothing
    memory: str = "numpy"  # which allocator its peak is read from: see memory.py
    traffic: int = 0  # bytes that any implementation must move: see roofline.py

    def run(self) -> tuple[float, float, float]:
        """Seconds of the forward, the backward, and the whole step with the optimizer."""
        self.clear()
        self.synchronize()
        start = time.perf_counter()
        held = self.forward()
        self.synchronize()
        middle = time.perf_counter()
        self.backward(held)
        self.synchronize()
        end = time.perf_counter()
        self.update()
        self.synchronize()
        return middle - start, end - middle, time.perf_counter() - start


class Spread(NamedTuple):
    """Seconds: median, 20th and 80th percentile, of how many runs, and the median of each turn.

    Runs of one turn resemble each other; it is the turns that are independent enough to be tested for a change.
    """

    median: float
    q20: float
    q80: float
    n: int
    turns: tuple[float, ...] = ()


@dataclass
class Timing:
    """phase -> name -> Spread; and the share of turns in which other processes used the cores."""

    phases: dict[str, dict[str, Spread]]
    disturbed: float


def settle() -> None:
    """Wait until this process's threads sleep, those of the libraries, too."""
    deadline = time.perf_counter() + PATIENCE
    while time.perf_counter() < deadline:
        before = time.process_time()
        time.sleep(PAUSE)
        if time.process_time() - before < PAUSE / 4:
            return


def spread(turns: list[list[float]]) -> Spread:
    """Of the runs' seconds, turn by turn."""
    runs = [seconds for turn in turns for seconds in turn]
    q20, median, q80 = np.quantile(runs, (0.2, 0.5, 0.8))
    medians = tuple(float(f"{np.median(turn):.5g}") for turn in turns)
    return Spread(float(median), float(q20), float(q80), len(runs), medians)


def _foreign_cpu() -> float:
    """Seconds of CPU time used so far by all other processes."""
    total, own = psutil.cpu_times(), time.process_time()
    return sum(total) - total.idle - getattr(total, "iowait", 0.0) - own


def alternate(subjects: dict[str, Subject], seconds: float = 1.0, turn: float = TURN, rounds: int = ROUNDS) -> Timing:
    """Let the subjects take turns for about `seconds` each, and at least `rounds` turns each."""
    quiet: dict[str, list] = {name: [] for name in subjects}
    disturbed: dict[str, list] = {name: [] for name in subjects}
    done = dropped = 0
    gc.collect()
    deadline = time.perf_counter() + seconds * len(subjects)
    order = list(subjects.items())
    while done < rounds * len(subjects) or time.perf_counter() < deadline:
        for name, subject in order:
            with subject.around():
                settle()
                before, start, runs = _foreign_cpu(), time.perf_counter(), []
                first = subject.run()
                if sum(first[:2]) > LONG:
                    runs.append(first)
                while not runs or time.perf_counter() - start < turn:
                    runs.append(subject.run())
            # The system counts in hundredths of a second.
            other = _foreign_cpu() - before > 0.02 + 0.06 * (time.perf_counter() - start)
            (disturbed if other else quiet)[name].append(runs)
            done, dropped = done + 1, dropped + other
        order.reverse()  # nobody always comes after the same other
    turns = {name: quiet[name] if len(quiet[name]) >= 3 else quiet[name] + disturbed[name] for name in subjects}
    phases = {
        phase: {name: spread([[run[i] for run in turn] for turn in of]) for name, of in turns.items()}
        for i, phase in enumerate(PHASES)
    }
    return Timing(phases, dropped / done)
