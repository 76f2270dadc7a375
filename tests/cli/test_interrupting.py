"""Ctrl-C while `abp new` reads from a database: the query ends, and no half-made job stays."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.cli.driver import Abp
from tests.cli.test_refusals import assert_nothing_made
from tests.postgres import Server, server_or_skip
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i <= {}"
WRITTEN = 4000  # two whole chunks of a job, while the query still runs


@pytest.fixture(scope="module")
def pg() -> Iterator[Server]:
    with server_or_skip() as running:
        yield running


@pytest.fixture
def database(abp: Abp) -> Path:
    path = abp.folder / "m.db"
    sqlite3.connect(path).close()
    return path


@contextmanager
def interrupted(abp: Abp, url: str, query: str, *more: str) -> Iterator[int]:
    """`abp new` over a query, interrupted at the end of the block, which has its process id."""
    running = abp.start("new", "job", "--intent", "Look", "--sql", url, "--query", query, *more, "--", "cat")
    try:
        yield running.process.pid
        os.kill(running.process.pid, signal.SIGINT)
        assert running.process.wait(30) == 130
    finally:
        running.process.kill()
    lines = running.said.read_text().split("\n")
    assert list(filter(None, lines)) == ["abp: interrupted (no job was made)"]
    assert_nothing_made(abp)


def half_made(abp: Abp) -> None:
    """Wait until there is a job, with some of its units."""

    def written() -> bool:
        with suppress(sqlite3.OperationalError):  # there is no store yet, or no table
            return abp.sql("SELECT count(*) FROM unit") == [(WRITTEN,)]
        return False

    wait_until(written, 30, "a part of the job is written")


def works(pid: int) -> bool:
    """Whether a process has spent two seconds of a processor: more than it takes to come to its query."""
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11]
    return int(ticks) > 2 * os.sysconf("SC_CLK_TCK")


def test_a_job_half_made_from_sqlite(abp: Abp, database: Path) -> None:
    with interrupted(abp, f"sqlite:///{database}", ENDLESS.format(WRITTEN + 500)):
        half_made(abp)


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_before_the_first_row_from_sqlite(abp: Abp, database: Path, more: tuple[str, ...]) -> None:
    with interrupted(abp, f"sqlite:///{database}", ENDLESS.format(0), *more) as pid:
        wait_until(lambda: works(pid), 60, "the query runs")


def test_a_job_half_made_from_postgresql(abp: Abp, pg: Server) -> None:
    query = "SELECT n, CASE WHEN n > 5000 THEN pg_sleep(600) END FROM generate_series(1, 6000) AS n"
    with interrupted(abp, pg.url, query):
        half_made(abp)
    wait_until(lambda: not pg.active(), 10, "the query has ended")


def test_a_server_that_says_nothing(abp: Abp) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(30)
        with interrupted(abp, f"postgresql://u@127.0.0.1:{silent.getsockname()[1]}/d", "SELECT 1"):
            connection, _ = silent.accept()
            assert connection.recv(1)
        connection.close()


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_before_the_first_row_from_postgresql(abp: Abp, pg: Server, more: tuple[str, ...]) -> None:
    with interrupted(abp, pg.url, "SELECT pg_sleep(600)", *more):
        wait_until(lambda: any("FETCH" in query for query in pg.active()), 30, "the query runs")
    wait_until(lambda: not pg.active(), 10, "the query has ended")
