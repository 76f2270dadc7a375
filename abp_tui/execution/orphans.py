"""Processes that an agent has started in a session of their own, and left behind.

They belong to no group that ends with their agent. On Linux their executor becomes their parent once the
agent is gone (prctl(2), PR_SET_CHILD_SUBREAPER), and so finds them by a look at its own children.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import time
from collections.abc import Container, Iterator
from contextlib import suppress
from pathlib import Path

from abp_tui.execution.attempt import ATTEMPT_MARK

log = logging.getLogger(__name__)

SET_CHILD_SUBREAPER = 36
KILL_WAIT_S = 2.0
LOOK_S = 0.002
OTHERS_TURN_S = 60.0


class Orphans:
    """The orphans of one store's attempts, in a process that does nothing but run a job."""

    def __init__(self, store_uuid: str) -> None:
        self._mark = f"{ATTEMPT_MARK}={store_uuid}:".encode()
        self._children = Path(f"/proc/self/task/{os.getpid()}/children")
        self._adopted: set[int] = set()
        self._ended: dict[int, float] = {}
        self._adopts = _become_reaper() and self._children.exists()

    def end(self, running: Container[int]) -> None:
        """End those whose attempt is not among the `running` ones; returns once they are gone.

        Some may start others while they are ended, so there is a look until none is found.
        """
        deadline = time.monotonic() + KILL_WAIT_S
        while self._adopts and (found := list(self._left(running))):
            for pid in found:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if time.monotonic() > deadline:
                log.warning("processes %s do not end", found)
                return
            time.sleep(LOOK_S)

    def _left(self, running: Container[int]) -> Iterator[int]:
        for pid in map(int, self._children.read_bytes().split()):
            with suppress(ChildProcessError, FileNotFoundError, ProcessLookupError, PermissionError):
                if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                    self._bury(pid)
                    continue
                attempt = self._attempt_of(pid)
                if attempt is not None:
                    self._adopted.add(pid)
                    if attempt not in running:
                        yield pid

    def _bury(self, pid: int) -> None:
        """Take the exit status of an orphan that has ended.

        One that was never seen alive may also be a program of some worker, whose thread is gone and which
        somebody still waits for: there is time for that first.
        """
        ended_at = self._ended.setdefault(pid, time.monotonic())
        if pid in self._adopted or time.monotonic() - ended_at > OTHERS_TURN_S:
            os.waitpid(pid, os.WNOHANG)
            self._adopted.discard(pid)
            del self._ended[pid]

    def _attempt_of(self, pid: int) -> int | None:
        """The attempt that a process belongs to, by its environment; None if it is none of this store's."""
        for variable in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            if variable.startswith(self._mark):
                number = variable[len(self._mark) :]
                return int(number) if number.isdigit() else None
        return None


def _become_reaper() -> bool:
    try:
        return bool(ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
    except AttributeError:  # not Linux
        return False
