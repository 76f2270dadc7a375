"""The local model's server as a process, cut off from every network where this user may do that."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SERVER = Path(__file__).with_name("model_server.py")


@dataclass(frozen=True)
class LocalModel:
    """Where it listens, and what to put before a command line that is to reach it."""

    address: str
    prefix: tuple[str, ...] = ()

    def devices(self) -> list[str]:
        """The network devices that a process beside it has."""
        lines = subprocess.run(
            [*self.prefix, "cat", "/proc/net/dev"], capture_output=True, text=True, check=True, timeout=30
        ).stdout.splitlines()
        return [line.split(":")[0].strip() for line in lines if ":" in line]


def can_be_cut_off() -> bool:
    """Whether this user may make a network namespace."""
    if os.geteuid() != 0:
        return False
    return subprocess.run(["unshare", "-n", "true"], capture_output=True, timeout=30).returncode == 0


@contextmanager
def serving(folder: Path) -> Iterator[LocalModel]:
    """The server, until the block ends."""
    alone = can_be_cut_off()
    server = subprocess.Popen(
        [*(("unshare", "-n") if alone else ()), sys.executable, str(SERVER), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdin and server.stdout
    try:
        address = server.stdout.readline().strip()
        assert address, f"the model's server did not start: {server.wait(30)}"
        yield LocalModel(address, ("nsenter", f"--net=/proc/{server.pid}/ns/net") if alone else ())
    finally:
        server.stdin.close()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        server.stdout.close()
