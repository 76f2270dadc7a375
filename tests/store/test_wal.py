"""The write-ahead log stays small, whoever reads."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from abp_tui.domain.model import Event, EventKind, Job
from abp_tui.domain.status import Purpose
from abp_tui.execution.lease import take_lease
from abp_tui.liveness import identity
from abp_tui.store.claims import Claim
from abp_tui.store.journal import BUSY_TIMEOUT_MS, Journal
from abp_tui.store.repository import Repository
from abp_tui.store.wal import LIMIT_BYTES, WriteAheadLog
from tests.factories import make_job

MEGABYTE = 1024 * 1024
BODY = "x" * (MEGABYTE // 8)


def render(payload: Mapping[str, Any]) -> str:
    return f"Do {payload['n']}"


@pytest.fixture
def job(repository: Repository) -> Job:
    return make_job(repository, 10)


@contextmanager
def opened(repository: Repository, job: Job) -> Iterator[tuple[Journal, Claim]]:
    me, lease = identity(), take_lease(repository, job)
    with repository.journal(job.id, lease.executor, me.host, me.boot_id).opened() as journal:
        with journal.transaction(durable=False):
            (claim,) = journal.claim(1, Purpose.RUN, 1, render)
        yield journal, claim


def write(journal: Journal, claim: Claim, megabytes: int) -> None:
    """One transaction per megabyte."""
    for _ in range(megabytes):
        with journal.transaction(durable=False):
            event = Event(kind=EventKind.TEXT, body=BODY)
            journal.events([(claim.attempt_id, time.time(), event)] * 8)


@contextmanager
def reader_in(path: Path) -> Iterator[sqlite3.Connection]:
    """A reader that is in the log for as long as it is held."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM job").fetchall()
        yield connection


def test_the_log_is_emptied_once_a_reader_that_stayed_in_it_is_gone(repository: Repository, job: Job) -> None:
    log = repository.database.wal
    with opened(repository, job) as (journal, claim), reader_in(repository.path) as reader:
        write(journal, claim, 40)
        assert log.size() > 40 * MEGABYTE
        reader.execute("COMMIT")
        log._rest_until = 0.0
        write(journal, claim, 1)
        assert log.size() == 0


def test_after_a_try_that_a_reader_spoiled_there_is_a_rest(repository: Repository, job: Job) -> None:
    said: list[str] = []
    with opened(repository, job) as (journal, claim), reader_in(repository.path):
        write(journal, claim, 20)
        assert repository.database.wal._rest_until > 0
        repository.database.wal._rest_until = time.monotonic() + 1000
        journal._connection.set_trace_callback(said.append)
        write(journal, claim, 4)
        assert said.count("COMMIT") == 4
        assert not any("wal_checkpoint" in statement for statement in said)


def test_a_try_leaves_the_patience_of_the_connection_as_it_was(repository: Repository, job: Job) -> None:
    with opened(repository, job) as (journal, claim), reader_in(repository.path):
        write(journal, claim, 20)
        (timeout,) = journal._connection.execute("PRAGMA busy_timeout").fetchone()
        assert timeout == BUSY_TIMEOUT_MS


def test_readers_of_whom_one_is_always_in_the_log(repository: Repository, job: Job) -> None:
    """Each holds its transaction until the next one has begun its own, and for a moment longer."""
    turns = [threading.Event() for _ in range(3)]
    done = threading.Event()

    def read(me: int) -> None:
        mine, following = turns[me], turns[(me + 1) % len(turns)]
        while not done.is_set():
            if not mine.wait(0.01):
                continue
            with reader_in(repository.path):
                mine.clear()
                following.set()
                following_began(following)

    def following_began(following: threading.Event) -> None:
        while following.is_set() and not done.is_set():
            time.sleep(0.001)
        time.sleep(0.03)

    threads = [threading.Thread(target=read, args=(n,)) for n in range(len(turns))]
    for thread in threads:
        thread.start()
    turns[0].set()
    sizes = [0]
    try:
        with opened(repository, job) as (journal, claim):
            while len(sizes) < 600 and sizes[-1] >= max(sizes) // 2:
                write(journal, claim, 1)
                sizes.append(repository.database.wal.size())
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert max(sizes) > LIMIT_BYTES
    assert sizes[-1] == 0


def test_an_executor_that_ends_leaves_no_log_to_a_reader_that_is_attached(
    repository: Repository, job: Job
) -> None:
    with closing(sqlite3.connect(repository.path, isolation_level=None)) as face:
        face.execute("SELECT count(*) FROM job").fetchall()
        with opened(repository, job) as (journal, claim):
            write(journal, claim, 10)
            assert repository.database.wal.size() > 0
        assert repository.database.wal.size() == 0


def test_the_faces_keep_it_small_too(repository: Repository, job: Job) -> None:
    units = [(n, f"more-{n}", f'"{BODY}"') for n in range(100, 260)]
    with reader_in(repository.path) as reader:
        repository.jobs.add_units(job.id, units)
        assert repository.database.wal.size() > LIMIT_BYTES
        reader.execute("COMMIT")
        repository.database.wal._rest_until = 0.0
        repository.jobs.ask(job.id, workers=2)
        assert repository.database.wal.size() == 0


def test_whoever_reads_for_long_makes_up_for_it(repository: Repository, job: Job) -> None:
    with closing(sqlite3.connect(repository.path)):  # keeps the log from going with its last user
        with repository.database.reading() as connection:
            connection.execute("SELECT count(*) FROM job").fetchall()
            other = Repository(repository.path)
            other.jobs.add_units(job.id, [(n, f"more-{n}", f'"{BODY}"') for n in range(100, 260)])
            assert repository.database.wal.size() > LIMIT_BYTES
        assert repository.database.wal.size() == 0


def test_a_log_that_is_not_there_has_no_size(tmp_path: Path) -> None:
    assert WriteAheadLog(tmp_path / "abp.db").size() == 0
