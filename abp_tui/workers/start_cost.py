"""What one agent's start takes: its program is started for real, where that can't cost anything."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import time
from dataclasses import dataclass
from typing import Any

import psutil

from abp_tui.domain.model import Timers
from abp_tui.workers.base import Worker
from abp_tui.workers.cancel import Cancel
from abp_tui.workers.process import run_program
from abp_tui.workers.process_end import StartFailure
from abp_tui.workers.spawn import environment

TIMERS = Timers(first_event_s=0, idle_s=0, total_s=20)
LOOK_S = 0.02
PROMPT = b"Do nothing."


@dataclass(frozen=True, slots=True)
class StartCost:
    """Seconds to the end that follows its first request, which is refused; the most bytes in RAM."""

    seconds: float
    peak_bytes: int


def measure(worker: Worker[Any]) -> StartCost | None:
    """Start the worker's program as for a unit, up to its first request; None where that can't be done.

    It has an empty home and no login, and its API is a port of this machine that refuses it.
    """
    with (
        socket.socket() as nobody,
        tempfile.TemporaryDirectory(prefix="abp-start-", ignore_cleanup_errors=True) as home,
    ):
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        trial = worker.trial(f"http://127.0.0.1:{nobody.getsockname()[1]}", home)
        if trial is None:
            return None
        argv, variables = trial
        env = environment({"PATH": os.environ.get("PATH", os.defpath), "HOME": home, **variables})
        said, peak, began = bytearray(), _Peak(), time.monotonic()
        try:
            with Cancel() as cancel, peak:
                run_program(
                    argv,
                    cwd=home,
                    env=env,
                    timers=TIMERS,
                    cancel=cancel,
                    on_stdout=said.extend,
                    on_start=peak.watch,
                    stdin=PROMPT,
                )
        except StartFailure:
            return None
        took = time.monotonic() - began
    return StartCost(took, peak.bytes) if said and took < TIMERS.total_s else None


class _Peak:
    """The most memory that a program and all that it has started had at one time, by looking often."""

    def __init__(self) -> None:
        self.bytes = 0
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, pid: int) -> None:
        """Look at this program until the end."""
        self._thread = threading.Thread(target=self._look, args=(pid,), name="peak", daemon=True)
        self._thread.start()

    def __enter__(self) -> _Peak:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _look(self, pid: int) -> None:
        while not self._over.is_set():
            self.bytes = max(self.bytes, _resident(pid))
            self._over.wait(LOOK_S)


def _resident(pid: int) -> int:
    """The bytes in RAM of a process and its descendants; what they share counts for each."""
    try:
        parent = psutil.Process(pid)
        together = [parent, *parent.children(recursive=True)]
    except psutil.Error:
        return 0
    return sum(map(_of_one, together))


def _of_one(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:  # it has just ended
        return 0
