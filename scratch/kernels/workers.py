"""Threads that wait for work, with two queues each: the futures of `concurrent.futures` cost 30 µs a call more."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from queue import SimpleQueue


class Worker:
    """A thread that runs one job at a time: `start`, then `wait`, by one owner. It does not keep Python from ending."""

    def __init__(self):
        self._jobs, self._ends = SimpleQueue(), SimpleQueue()
        threading.Thread(target=self._run, name="scratch", daemon=True).start()

    def start(self, function: Callable, *arguments) -> None:
        """Let the thread call function(*arguments), under what is set for the caller alone (np.errstate)."""
        self._jobs.put((copy_context().run, function, *arguments))

    def wait(self) -> BaseException | None:
        """What the job has raised, when it has ended."""
        return self._ends.get()

    def dismiss(self) -> None:
        """End the thread, after the job that it may be at."""
        self._jobs.put(None)

    def _run(self) -> None:
        while job := self._jobs.get():
            problem = None
            try:
                job[0](*job[1:])
            except BaseException as raised:
                problem = raised
            del job  # and with it the arrays
            self._ends.put(problem)
            del problem
