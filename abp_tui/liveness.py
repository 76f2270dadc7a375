"""Which process is which: identities that survive pid reuse, and whether a lease's owner still lives.

psutil is imported only where it is needed: most looks at a job do without, and loading it takes longer.
"""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from abp_tui.domain.model import Lease

BEAT_S = 2.0
LATE_S = 5 * BEAT_S
ELSEWHERE_S = 30.0


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """One process for all time: a pid alone is reused, a pid with its start and boot is not."""

    host: str
    boot_id: str
    pid: int
    started: float


class Liveness(StrEnum):
    """What is known of the process behind a lease."""

    ALIVE = "alive"
    STALLED = "stalled"
    DEAD = "dead"
    ELSEWHERE = "elsewhere"


@cache
def hostname() -> str:
    """This machine's name."""
    return platform.node()


@cache
def boot_id() -> str:
    """A name for this machine's current boot: a process of another boot is dead."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        import psutil

        return f"{psutil.boot_time():.0f}"


def identity(pid: int | None = None) -> ProcessIdentity:
    """The identity of a process, by default this one; its start is 0 if it is gone already."""
    pid = pid or os.getpid()
    return ProcessIdentity(hostname(), boot_id(), pid, started_at(pid) or 0.0)


def started_at(pid: int) -> float | None:
    """When a living process started, in a unit that no change of the clock moves; None if it is dead.

    A zombie counts as dead. On Linux these are clock ticks since boot (proc(5), field 22 of `stat`).
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except FileNotFoundError:
        return None if Path("/proc/self/stat").exists() else _started_elsewhere(pid)
    except (ProcessLookupError, PermissionError):
        return None
    fields = stat[stat.rindex(b")") + 2 :].split()
    return None if fields[0] in (b"Z", b"X") else float(fields[19])


def is_stopped(pid: int) -> bool:
    """Whether the process is held by a stop signal or a debugger."""
    import psutil

    try:
        return bool(psutil.Process(pid).status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP))
    except psutil.Error:
        return False


def is_alive(process: ProcessIdentity) -> bool:
    """Whether exactly this process of this machine still runs."""
    here = process.host == hostname() and process.boot_id == boot_id()
    return here and started_at(process.pid) == process.started


def judge(lease: Lease, clock: float | None = None) -> Liveness:
    """What one look says of a lease's owner, at `clock` on the monotonic clock, by default now.

    On this machine its process decides; a late beat of a living process means that it is stalled. On
    another machine one look can't tell: watch the beat counter for a while instead.
    """
    if lease.host != hostname():
        return Liveness.ELSEWHERE
    if not is_alive(owner(lease)):
        return Liveness.DEAD
    late = (time.monotonic() if clock is None else clock) - lease.beat_clock
    if is_stopped(lease.pid) or late > LATE_S:
        return Liveness.STALLED
    return Liveness.ALIVE


class Witness:
    """Judges leases over time: an owner on another machine is dead once its beat has stood still for
    `ELSEWHERE_S` seconds of this machine's monotonic clock. For one thread.
    """

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, float]] = {}

    def judge(self, lease: Lease) -> Liveness:
        """What is known by now of a lease's owner."""
        verdict = judge(lease)
        if verdict is not Liveness.ELSEWHERE:
            return verdict
        clock = time.monotonic()
        beat, since = self._seen.get(lease.executor, (None, clock))
        if beat != lease.beat:
            self._seen[lease.executor] = (lease.beat, clock)
            return Liveness.ELSEWHERE
        return Liveness.DEAD if clock - since >= ELSEWHERE_S else Liveness.ELSEWHERE


def owner(lease: Lease) -> ProcessIdentity:
    """The process that a lease names."""
    return ProcessIdentity(lease.host, lease.boot_id, lease.pid, lease.pid_started)


def _started_elsewhere(pid: int) -> float | None:
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.Error:
        return None
