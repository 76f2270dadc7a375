"""What agents have started in sessions of their own, and left behind.

It belongs to no group that ends with its agent. On Linux an executor in a process of its own becomes its
parent once the agent is gone (prctl(2), PR_SET_CHILD_SUBREAPER), and so finds it by a look at its own
children; any other executor looks at all processes.
"""

from __future__ import annotations

import ctypes
import logging
import os
import time
from collections.abc import Callable, Collection, Container, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from abp_tui.execution.attempt import ATTEMPT_MARK
from abp_tui.processes import end_all, environment_of, family, value_in

log = logging.getLogger(__name__)

SET_CHILD_SUBREAPER = 36
WAIT_S = 2.0
OTHERS_TURN_S = 60.0


class Orphans(Protocol):
    """The orphans of the attempts of one executor."""

    def started(self, processes: Iterable[tuple[int, int]]) -> None:
        """These programs lead the sessions of attempts, as (attempt id, pid)."""

    def end(self, ended: Collection[int], running: Container[int]) -> None:
        """End those of attempts that have `ended`, of none that are `running`; returns once they are gone."""

    def close(self) -> None:
        """Once no attempt runs any more, at the end of the executor: end what carries no mark, too."""


class Walked:
    """Finds orphans among all processes of this machine, by the marks and sessions of their attempts."""

    def __init__(self, store_uuid: str) -> None:
        self._lead = f"{store_uuid}:"
        self._leaders: dict[int, int] = {}

    def started(self, processes: Iterable[tuple[int, int]]) -> None:
        """These programs lead the sessions of attempts, as (attempt id, pid)."""
        self._leaders.update(processes)

    def end(self, ended: Collection[int], running: Container[int]) -> None:
        """End those of the attempts that have `ended`."""
        if not ended:
            return
        marks = {f"{self._lead}{attempt}" for attempt in ended}
        leaders = [self._leaders[attempt] for attempt in ended if attempt in self._leaders]
        # A number is that of the session that we know as long as no new process has it.
        _end_all(lambda: family(ATTEMPT_MARK, marks.__contains__, [p for p in leaders if _is_free(p)]))
        for attempt in ended:
            self._leaders.pop(attempt, None)

    def close(self) -> None:
        """Nothing: what has neither mark nor session is not told from the processes of others."""


class Adopted:
    """Finds orphans among the children of this process, which does nothing but run a job."""

    def __init__(self, store_uuid: str) -> None:
        self._lead = f"{ATTEMPT_MARK}={store_uuid}:".encode()
        self._children = _own_children()
        self._not_adopted = frozenset(self._pids())  # the watchdog
        self._sessions: dict[int, int] = {}
        self._adopted: set[int] = set()
        self._ended: dict[int, float] = {}

    def started(self, processes: Iterable[tuple[int, int]]) -> None:
        """These programs lead the sessions of attempts, as (attempt id, pid)."""
        self._sessions.update((pid, attempt) for attempt, pid in processes)

    def end(self, ended: Collection[int], running: Container[int]) -> None:
        """End those whose attempt is not among the `running` ones."""
        _end_all(lambda: list(self._left(running)))
        gone = [pid for pid, attempt in self._sessions.items() if attempt not in running]
        for pid in gone:
            del self._sessions[pid]

    def close(self) -> None:
        """End all children: what has no mark can only come from an agent that shed its environment."""
        _end_all(lambda: [pid for pid in self._living() if pid not in self._not_adopted])

    def _left(self, running: Container[int]) -> Iterator[int]:
        for pid in self._living():
            with suppress(ProcessLookupError):
                attempt = self._attempt_of(pid)
                if attempt is not None:
                    self._adopted.add(pid)
                    if attempt not in running:
                        yield pid

    def _living(self) -> Iterator[int]:
        for pid in self._pids():
            with suppress(ChildProcessError):
                if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                    self._bury(pid)
                    continue
                yield pid

    def _pids(self) -> list[int]:
        return [int(pid) for pid in self._children.read_bytes().split()]

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
        """The attempt that a process belongs to, by its environment or else its session; None if none."""
        number = value_in(environment_of(pid), self._lead)
        if number is not None:
            return int(number) if number.isdecimal() else None
        return self._sessions.get(os.getsid(pid))


def orphans_of_a_process(store_uuid: str) -> Orphans:
    """For a process that does nothing but run a job: on Linux it becomes the parent of what is orphaned."""
    adopts = _become_reaper() and _own_children().exists()
    return Adopted(store_uuid) if adopts else Walked(store_uuid)


def _end_all(find: Callable[[], Collection[int]]) -> None:
    _, left = end_all(find, WAIT_S)
    if left:
        log.warning("processes %s do not end", sorted(left))


def _is_free(pid: int) -> bool:
    """Whether no process has this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _own_children() -> Path:
    return Path(f"/proc/self/task/{os.getpid()}/children")


def _become_reaper() -> bool:
    try:
        return bool(ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
    except AttributeError:  # not Linux
        return False
