"""Ending what a dead executor left running, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable

from abp_tui.domain.model import Attempt
from abp_tui.execution.attempt import ATTEMPT_MARK, attempt_mark
from abp_tui.liveness import boot_id, hostname, started_at
from abp_tui.processes import end_all, family


def end_leftovers(store_uuid: str, attempts: Iterable[Attempt]) -> int:
    """Kill the processes of these attempts that still run on this machine; returns how many.

    A process is ended only where it belongs to this user and its environment carries the whole mark of the
    attempt, or it is in a session whose leader does, or whose leader is the very process that was recorded:
    pids and groups alone are reused. Returns once they are gone, or after some seconds.
    """
    here = [a for a in attempts if a.host == hostname() and a.boot_id == boot_id()]
    marks = {attempt_mark(store_uuid, attempt.id) for attempt in here}
    if not marks:
        return 0
    ended, _ = end_all(lambda: family(ATTEMPT_MARK, marks.__contains__, _leaders(here)))
    return len(ended)


def _leaders(attempts: Iterable[Attempt]) -> list[int]:
    """The programs of attempts that still run, whatever has become of their environment."""
    return [a.pid for a in attempts if a.pid is not None and started_at(a.pid) == a.pid_started]
