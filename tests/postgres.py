"""A PostgreSQL server of the tests' own: real, on a free port, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.waiting import wait_until

PASSWORD = "s3cret-w0rd"
BINARIES = "/usr/lib/postgresql/*/bin"


@dataclass(frozen=True)
class Server:
    port: int

    @property
    def url(self) -> str:
        return f"postgresql://abp:{PASSWORD}@127.0.0.1:{self.port}/postgres"

    def run(self, *statements: str) -> list[Any]:
        """Run statements as the owner of everything; returns the rows of the last."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def active(self) -> list[str]:
        """The queries of abp that run now."""
        query = "SELECT query FROM pg_stat_activity WHERE application_name = 'abp' AND state = 'active'"
        return [row[0] for row in self.run(query)]


def binaries() -> Path | None:
    """Where Debian, or the PATH, has the server; the newest of several."""
    found = sorted(Path("/").glob(BINARIES.lstrip("/")), key=lambda path: float(path.parent.name))
    if found:
        return found[-1]
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


@contextmanager
def server_or_skip() -> Iterator[Server]:
    programs = binaries()
    if programs is None:
        pytest.skip("there is no PostgreSQL server here: apt-get install postgresql")
    with server(programs) as running:
        yield running


@contextmanager
def server(programs: Path) -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="abp-pg-"))
    user = _user(folder)
    try:
        password = folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        data = folder / "data"
        initdb = [programs / "initdb", "-D", data, "-U", "abp", "-A", "scram-sha-256", "--no-sync"]
        subprocess.run(
            [*initdb, f"--pwfile={password}"], check=True, capture_output=True, timeout=60, cwd=folder, **user
        )
        with _running(programs, folder, data, user) as port:
            yield Server(port)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(programs: Path, folder: Path, data: Path, user: dict[str, Any]) -> Iterator[int]:
    port = _free_port()
    settings = f"port={port} listen_addresses=127.0.0.1 unix_socket_directories={folder} fsync=off".split()
    options = [word for setting in settings for word in ("-c", setting)]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [programs / "postgres", "-D", data, *options], stdout=log, stderr=log, cwd=folder, **user
        )
    try:
        wait_until(lambda: process.poll() is not None or _answers(port), 30, "the database server answers")
        assert process.poll() is None, (folder / "server.log").read_text()
        yield port
    finally:
        process.send_signal(signal.SIGQUIT)
        process.wait(30)


def _answers(port: int) -> bool:
    with suppress(psycopg.OperationalError):
        Server(port).run("SELECT 1")
        return True
    return False


def _user(folder: Path) -> dict[str, Any]:
    """The server refuses to run as root: then it runs as somebody else, who gets the folder."""
    if os.getuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            found = pwd.getpwnam(name)
            os.chown(folder, found.pw_uid, found.pw_gid)
            return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
    raise AssertionError("there is no user to run a database server as")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
