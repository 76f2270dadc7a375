"""Removing a job gives its space back and lets others write meanwhile."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from abp_tui.store import removal
from abp_tui.store.repository import Repository
from tests.factories import assert_counters_match, make_job

BODY = "x" * 100_000


def add_attempts(repository: Repository, job_id: int, units: int, events: int, body: str = BODY) -> None:
    """Attempts with events, as they are written; those of several jobs lie among each other."""
    attempt = (
        "INSERT INTO attempt (job_id, seq, number, purpose, recipe_version, executor, host, boot_id, status, "
        "started_at, prompt) SELECT ?, ?, 1 + count(*), 'run', 1, '', '', '', 'COMPLETED', 0, '' "
        "FROM attempt WHERE job_id = ?1 AND seq = ?2"
    )
    with repository.database.writing() as db:
        for seq in range(units):
            attempt_id = db.execute_sql(attempt, (job_id, seq)).lastrowid
            rows = [(attempt_id, body)] * events
            db.connection().executemany(
                "INSERT INTO event (attempt_id, at, kind, body) VALUES (?, 0, 'text', ?)", rows
            )


def size(path: Path) -> int:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return path.stat().st_size


def assert_sound(repository: Repository) -> None:
    """Nothing is wrong but the costs, which `add_attempts` leaves alone."""
    assert [finding for finding in repository.check.run().findings if "cost" not in finding.what] == []


def numbers(repository: Repository) -> list[tuple[int, ...]]:
    with repository.database.connected() as db:
        tables = ("unit", "attempt", "event", "log", "bucket")
        return [db.execute_sql(f"SELECT count(*) FROM {table}").fetchone() for table in tables]


@pytest.mark.parametrize("attached", [False, True])
def test_the_file_is_as_small_as_it_was(repository: Repository, attached: bool) -> None:
    kept = make_job(repository, 50, name="kept")
    add_attempts(repository, kept.id, 50, 1)
    before, rows = size(repository.path), numbers(repository)
    big = make_job(repository, 20_000, name="big")
    add_attempts(repository, big.id, 300, 1)
    grown = size(repository.path)
    assert grown > before + 30_000_000
    with closing(sqlite3.connect(repository.path, isolation_level=None)) as face:
        if attached:
            face.execute("SELECT count(*) FROM job").fetchall()
        repository.jobs.remove(big.id)
        assert repository.path.stat().st_size <= before * 1.02
        assert repository.database.wal.size() < 100_000
    assert numbers(repository) == rows
    assert_sound(repository)
    assert_counters_match(repository, kept.id)


def test_rows_of_another_job_that_lie_among_those_removed_stay(repository: Repository) -> None:
    kept, big = make_job(repository, 60, name="kept"), make_job(repository, 60, name="big")
    for _ in range(3):
        add_attempts(repository, big.id, 60, 1)
        add_attempts(repository, kept.id, 20, 1)
    grown = size(repository.path)
    repository.jobs.remove(big.id)
    assert repository.path.stat().st_size < grown * 0.3
    assert numbers(repository)[:3] == [(60,), (60,), (60,)]
    assert_sound(repository)
    bodies = [
        event.body
        for a in repository.attempts.of_unit(kept.id, 7)
        for event in repository.attempts.events(a.id)
    ]
    assert bodies == [BODY] * 3


def test_others_can_write_between_any_two_steps(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One attempt with a hundred events is more than one step."""
    big = make_job(repository, 50, name="big")
    add_attempts(repository, big.id, 1, 100, "x" * 5_000)
    other = make_job(repository, 3, name="other")
    rests: list[float] = []

    def write_meanwhile(seconds: float) -> None:
        with closing(sqlite3.connect(repository.path, timeout=0, isolation_level=None)) as connection:
            connection.execute("UPDATE job SET beat = beat + 1 WHERE id = ?", (other.id,))
        rests.append(seconds)

    monkeypatch.setattr(removal, "FIRST_AMOUNT", 1)
    monkeypatch.setattr(removal, "STEP_S", 0.0)  # so that it stays at that
    monkeypatch.setattr(time, "sleep", write_meanwhile)
    repository.jobs.remove(big.id)
    assert len(rests) > 150
    assert min(rests) > 0


def test_a_removal_that_was_broken_off_is_finished_by_the_next(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = make_job(repository, 2_000, name="big")
    add_attempts(repository, big.id, 50, 2, "x")

    def break_off(seconds: float) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(time, "sleep", break_off)
        with pytest.raises(KeyboardInterrupt):
            repository.jobs.remove(big.id)
    assert repository.jobs.get(big.id).ready_at is None
    repository.jobs.remove(big.id)
    assert numbers(repository) == [(0,)] * 5


def test_a_copy_that_can_not_shrink_is_left_as_long_as_it_is(repository: Repository) -> None:
    make_job(repository, 2_000)
    with closing(sqlite3.connect(repository.path, isolation_level=None)) as connection:
        for statement in ("journal_mode = delete", "auto_vacuum = NONE"):
            connection.execute(f"PRAGMA {statement}").fetchall()
        connection.execute("VACUUM")
        assert connection.execute("PRAGMA journal_mode = wal").fetchone() == ("wal",)
        assert connection.execute("PRAGMA auto_vacuum").fetchone() == (0,)
    repository.jobs.remove(1)
    assert numbers(repository) == [(0,)] * 5
