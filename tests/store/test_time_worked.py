from __future__ import annotations

import os
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest
from peewee import SqliteDatabase

from abp_tui.domain.status import JobStatus, Phase
from abp_tui.store.migrations import add_time_worked
from abp_tui.store.repository import Repository
from abp_tui.views import JobView, view_job
from tests.execution.test_lease import lease_of
from tests.factories import make_job


def began_ago(repository: Repository, seconds: float, **more: float) -> None:
    """The job that runs has been at it for so long already."""
    earlier = {name: f"{name} - {by}" for name, by in {"running_since": seconds, **more}.items()}
    changes = ", ".join(f"{name} = {value}" for name, value in earlier.items())
    with repository.database.writing() as db:
        db.execute_sql(f"UPDATE job SET {changes}")


def seen(repository: Repository) -> JobView:
    return view_job(repository.jobs.get(1))


def test_a_pause_is_not_counted_as_work(repository: Repository) -> None:
    make_job(repository, status=JobStatus.RUNNING)
    began_ago(repository, 600)
    repository.jobs.move(1, JobStatus.PAUSED)
    assert seen(repository).running_since is None
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert seen(repository).time_worked(tomorrow) == pytest.approx(600, abs=60)
    repository.jobs.move(1, JobStatus.RUNNING)
    began_ago(repository, 300)
    repository.jobs.move(1, JobStatus.COMPLETED)
    assert seen(repository).time_worked(tomorrow) == pytest.approx(900, abs=60)


def test_an_executor_that_settles_the_job_ends_the_count(repository: Repository) -> None:
    make_job(repository, status=JobStatus.RUNNING)
    lease = lease_of(os.getpid())
    assert repository.leases.take(1, lease, None)
    began_ago(repository, 600)
    journal = repository.journal(1, lease.executor, lease.host, lease.boot_id)
    with journal.opened(), journal.transaction(durable=True):
        journal.settle(JobStatus.PAUSED, "paused", "by a person")
    assert seen(repository).time_worked(datetime.now(UTC) + timedelta(days=1)) == pytest.approx(600, abs=60)


def test_what_passes_after_an_executor_has_died_is_not_counted(repository: Repository) -> None:
    make_job(repository, status=JobStatus.RUNNING)
    assert repository.leases.take(1, lease_of(os.getpid(), pid_started=1.0), None)
    began_ago(repository, 1000, beat_at=900)
    view = seen(repository)
    assert view.phase is Phase.INTERRUPTED
    assert view.time_worked() == pytest.approx(100, abs=60)
    assert repository.leases.take(1, lease_of(os.getpid(), executor="next"), "theirs")
    assert seen(repository).time_worked() == pytest.approx(100, abs=60)


def test_jobs_from_before_have_worked_until_what_was_last_heard_of_them(repository: Repository) -> None:
    for name in ("ended", "rests", "runs", "new"):
        make_job(repository, name=name, status=None if name == "new" else JobStatus.RUNNING)
    repository.jobs.move(1, JobStatus.COMPLETED)
    repository.jobs.move(2, JobStatus.PAUSED, said="paused")
    with sqlite3.connect(repository.path) as connection:
        connection.execute("UPDATE job SET started_at = started_at - 500 WHERE started_at IS NOT NULL")
        connection.execute("UPDATE job SET finished_at = finished_at - 100 WHERE finished_at IS NOT NULL")
        for column in ("worked_s", "running_since"):
            connection.execute(f"ALTER TABLE job DROP COLUMN {column}")
    db = SqliteDatabase(str(repository.path))
    with db.connection_context():
        add_time_worked(db)
    jobs = {job.name: view_job(job) for job in repository.jobs.all()}
    worked = {name: round(job.time_worked() / 100) for name, job in jobs.items()}
    assert worked == {"ended": 4, "rests": 5, "runs": 5, "new": 0}
    assert [name for name, job in jobs.items() if job.running_since] == ["runs"]
