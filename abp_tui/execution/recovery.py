"""Ending what a dead executor left running, and nothing else."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable

import psutil

from abp_tui.domain.model import Attempt
from abp_tui.execution.attempt import ATTEMPT_MARK, attempt_mark
from abp_tui.liveness import boot_id, hostname

KILL_WAIT_S = 5.0


def end_leftovers(store_uuid: str, attempts: Iterable[Attempt]) -> int:
    """Kill the processes of these attempts that still run on this machine; returns how many.

    A process is ended only where its environment carries the whole mark of the attempt and it belongs
    to this user: pids and groups alone are reused. Returns once they are gone, or after `KILL_WAIT_S`.
    """
    here = [a for a in attempts if a.host == hostname() and a.boot_id == boot_id()]
    marks = {attempt_mark(store_uuid, attempt.id) for attempt in here}
    ended: set[int] = set()
    deadline = time.monotonic() + KILL_WAIT_S
    # Again, until none is found: while they are looked for, they may start others.
    while marks and (found := _marked(marks)) and time.monotonic() < deadline:
        ended.update(process.pid for process in found if _kill(process))
    return len(ended)


def _marked(marks: set[str]) -> list[psutil.Process]:
    uid = os.getuid()
    found = []
    for process in psutil.process_iter():
        try:
            if process.uids().real == uid and process.environ().get(ATTEMPT_MARK) in marks:
                found.append(process)
        except (psutil.Error, OSError):
            continue  # gone in the meantime, or not ours to look at
    return found


def _kill(process: psutil.Process) -> bool:
    try:
        process.send_signal(signal.SIGKILL)
    except psutil.Error:
        return False
    return True
