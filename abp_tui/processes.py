"""Finding the processes that carry a mark in their environment, and ending them with all of their sessions.

A child inherits the mark, whatever session, group or parent it moves to. What sheds its environment is
found as long as it stays in a session that is known: because its leader has the mark, or was started by us.
Beyond this is what sheds its environment and makes a session of its own, what runs as somebody else, and what
another service was asked to run.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
KILL_WAIT_S = 5.0
LOOK_S = 0.002
EXEC_WAIT_S = 0.5

Wanted = Callable[[str], bool]


def family(mark: str, wanted: Wanted, leaders: Iterable[int] = ()) -> set[int]:
    """This user's living processes with a wanted value of the variable `mark`, and all in sessions they lead.

    Also all in sessions of these `leaders`, which need not live any more; never this process or its session.
    """
    marked = {pid for pid, value in marked_processes(mark) if wanted(value)}
    heads = {*marked, *leaders} - {os.getsid(0)}
    if not heads:
        return set()
    followers = {pid for pid in _pids() if _session(pid) in heads and _is_ours(pid) and _lives(pid)}
    return (marked | followers) - {os.getpid()}


def end_all(find: Callable[[], Collection[int]], wait_s: float = KILL_WAIT_S) -> tuple[set[int], set[int]]:
    """Kill what is found until nothing is, or for `wait_s` seconds; returns the pids found, and those left.

    Again and again, because some start others while they are looked for.
    """
    deadline = time.monotonic() + wait_s
    ended: set[int] = set()
    while found := set(find()):
        for pid in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        ended |= found
        if time.monotonic() > deadline:
            return ended, found
        time.sleep(LOOK_S)
    return ended, set()


def marked_processes(mark: str) -> Iterator[tuple[int, str]]:
    """This user's living processes that have the variable `mark`, with its value."""
    lead = f"{mark}=".encode()
    for pid in _pids():
        value = value_in(environment_of(pid), lead)
        if value is not None and _is_ours(pid):
            yield pid, value


def environment_of(pid: int) -> bytes:
    """The variables that a process was started with, each ended by NUL; empty where they can't be read.

    Within `exec` a process has none for a moment, and has them again after it: that moment is waited for.
    """
    if not _HAS_PROC:
        return _environment_elsewhere(pid)
    try:
        found = _read_environment(pid)
        deadline = time.monotonic() + EXEC_WAIT_S
        while not found and _may_have_variables(pid) and time.monotonic() < deadline:
            time.sleep(LOOK_S / 10)
            found = _read_environment(pid)
        return found
    except OSError:
        return b""


def value_in(environment: bytes, lead: bytes) -> str | None:
    """The value of the variable that begins with `lead`, its name and `=`; None where there is none."""
    at = environment.find(lead)
    while at > 0 and environment[at - 1] != 0:
        at = environment.find(lead, at + 1)
    if at < 0:
        return None
    return environment[at + len(lead) :].partition(b"\0")[0].decode("utf-8", "replace")


def _pids() -> list[int]:
    if _HAS_PROC:
        return [int(name) for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208
    import psutil

    return list(psutil.pids())


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def _is_ours(pid: int) -> bool:
    if _HAS_PROC:
        try:
            return os.stat(f"/proc/{pid}").st_uid == os.getuid()  # noqa: PTH116
        except OSError:
            return False
    import psutil

    with suppress(psutil.Error):
        return bool(psutil.Process(pid).uids().real == os.getuid())
    return False


def _lives(pid: int) -> bool:
    """Whether it is there and no zombie."""
    if _HAS_PROC:
        try:
            return _stat(pid)[0] not in (b"Z", b"X")
        except OSError:
            return False
    import psutil

    with suppress(psutil.Error):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False


def _read_environment(pid: int) -> bytes:
    with open(f"/proc/{pid}/environ", "rb", buffering=0) as file:  # noqa: PTH123 - half the time
        return file.readall()


def _may_have_variables(pid: int) -> bool:
    """Whether one that shows none may do so only within `exec`; raises `OSError` once it is gone."""
    seen = _stat(pid)
    state, memory, place = seen[0], seen[20], seen[47:49]
    if state in (b"Z", b"X") or memory == b"0":
        return False
    time.sleep(LOOK_S / 10)  # without any, the place stays empty; within exec it is so for an instant
    return place[0] != place[1] or place[0] == b"0" or _stat(pid)[47:49] != place


def _stat(pid: int) -> list[bytes]:
    """The fields of proc(5)'s `stat` from the third, the state, on."""
    stat = (PROC / str(pid) / "stat").read_bytes()
    return stat[stat.rindex(b")") + 2 :].split()


def _environment_elsewhere(pid: int) -> bytes:
    import psutil

    try:
        variables = psutil.Process(pid).environ()
    except (psutil.Error, OSError):
        return b""
    return b"".join(os.fsencode(f"{name}={value}\0") for name, value in variables.items())


_HAS_PROC = (PROC / "self" / "environ").exists()
