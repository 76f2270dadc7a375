"""The machine that is measured on, and what the kernel says of a process (Linux: proc(5))."""

from __future__ import annotations

import os
import platform
import sqlite3
from datetime import datetime
from pathlib import Path


def facts() -> str:
    """What the figures depend on, in one line."""
    date = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %z")
    python = f"{platform.python_implementation()} {platform.python_version()}"
    system = f"{platform.system()} {platform.release()}"
    load = f"load {os.getloadavg()[0]:.1f}"
    return "; ".join(
        (date, f"{os.cpu_count()} cores", python, f"SQLite {sqlite3.sqlite_version}", system, load)
    )


def memory_mb(pid: int, what: str = "VmRSS") -> float:
    """Resident memory of a process in MB of 10^6 bytes: `VmRSS` now, `VmHWM` at its peak."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == what:
            return int(value.split()[0]) * 1024 / 1e6
    raise ProcessLookupError(f"process {pid} has ended")


def cpu_seconds(pid: int) -> float:
    """The processor time that a process has used, its children apart."""
    stat = Path(f"/proc/{pid}/stat").read_text()
    user, system = stat[stat.rindex(")") + 2 :].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
