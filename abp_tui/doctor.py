"""Is this machine fit for it: agents, memory, database, processes that survive a logout, terminal."""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import psutil

from abp_tui.errors import AbpError
from abp_tui.settings import Settings
from abp_tui.terminal import colours, speaks_utf8
from abp_tui.workers.base import make_worker, registry
from abp_tui.workers.start_cost import StartCost, measure

MB = 1024 * 1024
AGENT_MB = 300  # where none could be measured: a working Claude Code took 200 to 400
NO_LOGIN = "no login found"
LITTLE_DISK = 1024 * MB
NETWORK_FILE_SYSTEMS = frozenset(
    "nfs nfs4 cifs smbfs smb3 sshfs fuse.sshfs 9p afs ceph glusterfs lustre".split()
)
BY_NAME = frozenset({"command", "acp", "llm"})  # run what a job names: there is no one program to look for


class Grade(StrEnum):
    """How a finding is to be taken."""

    GOOD = "ok"
    NOTE = "note"
    BAD = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it is, and what to do if that is not good."""

    about: str
    grade: Grade
    detail: str
    hint: str = ""


def examine(settings: Settings, environment: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Look at everything, one finding after the other; starts the agents' programs, for nothing."""
    starts: dict[str, StartCost] = {}
    yield from agents(starts)
    yield memory(starts)
    yield from database(settings.database)
    yield logout(environment)
    yield from terminal(environment)


def agents(starts: dict[str, StartCost]) -> Iterator[Finding]:
    """Every worker there is: installed, which version, and what its start takes, kept in `starts`."""
    for name in registry.names():
        if name not in BY_NAME:
            yield _agent(name, starts)


def _agent(name: str, starts: dict[str, StartCost]) -> Finding:
    try:
        worker = make_worker(name, {})
        probe = worker.probe()
    except AbpError as error:
        return Finding(name, Grade.NOTE, error.message, error.hint)
    if not probe.available:
        return Finding(name, Grade.NOTE, probe.detail, probe.hint)
    version = f"{probe.version}, " if probe.version else ""
    grade = Grade.NOTE if NO_LOGIN in probe.detail else Grade.GOOD
    measured = ""
    if (cost := measure(worker)) is not None:
        starts[name] = cost
        measured = f"; a start, up to its first request, takes {cost.seconds:.1f} s and {_mb(cost)} MB"
    return Finding(name, grade, f"{version}{probe.detail}{measured}")


def _mb(cost: StartCost) -> int:
    return max(1, round(cost.peak_bytes / MB))


def memory(starts: Mapping[str, StartCost]) -> Finding:
    """How many agents the memory allows: of the largest that was measured, else of what one usually takes."""
    free = psutil.virtual_memory().available // MB
    largest = max(starts, key=lambda name: starts[name].peak_bytes, default=None)
    size = AGENT_MB if largest is None else _mb(starts[largest])
    many = free // size
    known = f"as {largest} has at its start; at work it takes more" if largest else "which was not measured"
    detail = f"{free:,} MB free: about {many:,} agents at a time of {size} MB, {known}"
    hint = "close something, or take a larger machine" if many < 1 else ""
    return Finding("memory", Grade.BAD if many < 1 else Grade.GOOD, detail, hint)


def database(path: Path) -> Iterator[Finding]:
    """Where the database is, whether there is room, and whether its file system is a local one."""
    size = f"{path.stat().st_size / MB:.1f} MB" if path.exists() else "not made yet"
    yield Finding("database", Grade.GOOD, f"{path}, {size}")
    folder = next(parent for parent in path.parents if parent.exists())
    free = shutil.disk_usage(folder).free
    hint = "outcomes wait while the disk is full: make room" if free < LITTLE_DISK else ""
    yield Finding("disk", Grade.BAD if hint else Grade.GOOD, f"{free // MB:,} MB free", hint)
    kind = _file_system(folder)
    if kind in NETWORK_FILE_SYSTEMS:
        yield Finding(
            "file system",
            Grade.BAD,
            f"{kind}, over the network: its locks may fail under SQLite",
            "set ABP_STORAGE_PATH to a folder on a local disk",
        )
    else:
        yield Finding("file system", Grade.GOOD, kind or "not known")


def _file_system(folder: Path) -> str:
    mounts = [m for m in psutil.disk_partitions(all=True) if folder.is_relative_to(m.mountpoint)]
    return max(mounts, key=lambda m: len(m.mountpoint)).fstype if mounts else ""


def logout(environment: Mapping[str, str]) -> Finding:
    """Whether processes live on when their person logs out."""
    user = pwd.getpwuid(os.getuid()).pw_name
    if not Path("/run/systemd/system").is_dir():
        return Finding("logout", Grade.GOOD, "no systemd here: jobs live on when you log out")
    if Path("/var/lib/systemd/linger", user).exists():
        return Finding("logout", Grade.GOOD, "linger is on: jobs live on when you log out")
    if not _kills_at_logout():
        return Finding("logout", Grade.GOOD, "systemd leaves processes alone at logout: jobs live on")
    where = " also in tmux" if environment.get("TMUX") else ""
    return Finding(
        "logout",
        Grade.BAD,
        f"systemd ends your processes at logout,{where} jobs too",
        "loginctl enable-linger",
    )


def _kills_at_logout() -> bool:
    """What `KillUserProcesses` of logind.conf(5) is; `no` unless a file says otherwise."""
    files = [Path("/etc/systemd/logind.conf"), *sorted(Path("/etc/systemd/logind.conf.d").glob("*.conf"))]
    kills = False
    for file in files:
        try:
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        for line in lines:
            name, _, value = line.partition("=")
            if name.strip() == "KillUserProcesses":
                kills = value.strip().lower() in ("yes", "true", "1", "on")
    return kills


def terminal(environment: Mapping[str, str]) -> Iterator[Finding]:
    """What the screens can show here."""
    if speaks_utf8(environment):
        yield Finding("locale", Grade.GOOD, "UTF-8")
    else:
        hint = "set LANG to one that ends in .UTF-8"
        yield Finding("locale", Grade.NOTE, "no UTF-8: signs are shown in ASCII", hint)
    yield Finding("colours", Grade.GOOD, colours(environment))
    term, inside = environment.get("TERM", ""), "tmux" if environment.get("TMUX") else ""
    inside = inside or ("screen" if environment.get("STY") else "")
    if not term or term == "dumb":
        hint = "the verbs work without one; for the app use a real terminal"
        yield Finding("terminal", Grade.NOTE, "none that can draw", hint)
    else:
        over = " over SSH" if environment.get("SSH_CONNECTION") else ""
        yield Finding("terminal", Grade.GOOD, f"{term}{f' in {inside}' if inside else ''}{over}")
