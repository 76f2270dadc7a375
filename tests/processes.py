"""Processes that were started for a store: found by the mark in their environment, and ended."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from abp_tui.execution.attempt import ATTEMPT_MARK
from abp_tui.liveness import started_at


def marked_processes(store_uuid: str) -> dict[int, int]:
    """The living processes whose environment carries a mark of this store, as pid to attempt id."""
    lead = f"{ATTEMPT_MARK}={store_uuid}:".encode()
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                for variable in (folder / "environ").read_bytes().split(b"\0"):
                    if variable.startswith(lead):
                        found[int(folder.name)] = int(variable[len(lead) :])
    return found


def kill(pids: Iterable[int]) -> int:
    """Kill these processes of ours; returns how many there were."""
    killed = 0
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            killed += 1
    return killed


def gone(pid: int) -> bool:
    return started_at(pid) is None
