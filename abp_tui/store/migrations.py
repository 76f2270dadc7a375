"""Steps from one schema version to the next. `user_version` says how many of them a file has had."""

from __future__ import annotations

import os
import sqlite3
import stat
import uuid
from collections.abc import Callable
from pathlib import Path

from peewee import SchemaManager, SqliteDatabase

from abp_tui.domain.model import Lease
from abp_tui.errors import StoreError
from abp_tui.liveness import Liveness, judge
from abp_tui.store.tables import (
    CAUSE_INDEX,
    EXTRA_INDEXES,
    SAME_INDEX,
    TABLES,
    TO_MEND_INDEX,
    MarkRow,
    Meta,
    PilotRow,
)

Migration = Callable[[SqliteDatabase], None]


def create_tables(db: SqliteDatabase) -> None:
    """Everything, in a new file: it is of the newest version at once."""
    for table in TABLES:
        SchemaManager(table, db).create_all(safe=False)
    for statement in EXTRA_INDEXES:
        db.execute_sql(statement)
    Meta.insert(key="uuid", value=uuid.uuid4().hex).execute(db)


def add_breaker_and_waiting(db: SqliteDatabase) -> None:
    """Version 2: when a run of failures holds a job, and what a running job waits for."""
    db.execute_sql("ALTER TABLE job ADD COLUMN max_failures_in_row INTEGER NOT NULL DEFAULT 10")
    db.execute_sql("ALTER TABLE job ADD COLUMN waiting TEXT")


def add_gates_of_jobs(db: SqliteDatabase) -> None:
    """Version 3: which gate a job's agents must pass, and how often one was closed without a known end."""
    db.execute_sql("ALTER TABLE job ADD COLUMN gate_scope TEXT")
    db.execute_sql("ALTER TABLE gate ADD COLUMN tries INTEGER NOT NULL DEFAULT 0")


def index_causes(db: SqliteDatabase) -> None:
    """Version 4: the units that ended badly can be found and grouped without looking at the others."""
    db.execute_sql(CAUSE_INDEX)


def add_time_worked(db: SqliteDatabase) -> None:
    """Version 5: how long a job has been at work; of jobs from before, up to what was last heard of them."""
    db.execute_sql("ALTER TABLE job ADD COLUMN worked_s REAL NOT NULL DEFAULT 0")
    db.execute_sql("ALTER TABLE job ADD COLUMN running_since REAL")
    db.execute_sql("UPDATE job SET running_since = started_at WHERE status = 'RUNNING'")
    last = "coalesce(finished_at, (SELECT max(at) FROM log WHERE log.job_id = job.id), started_at)"
    db.execute_sql(
        f"UPDATE job SET worked_s = max(0, {last} - started_at) "
        "WHERE status <> 'RUNNING' AND started_at IS NOT NULL"
    )


def hold_jobs_of_clients(db: SqliteDatabase) -> None:
    """Version 6: which program asked for a job, and what of it a person must approve before it runs."""
    db.execute_sql("ALTER TABLE job ADD COLUMN client TEXT")
    db.execute_sql("ALTER TABLE job ADD COLUMN held TEXT NOT NULL DEFAULT '[]'")


def add_placement(db: SqliteDatabase) -> None:
    """Version 7: where the units of a job run."""
    db.execute_sql("ALTER TABLE job ADD COLUMN placement TEXT")


def add_sameness_and_nudges(db: SqliteDatabase) -> None:
    """Version 8: units with the same output are found, and what a person says to the next attempt is kept."""
    db.execute_sql("ALTER TABLE unit ADD COLUMN sameness TEXT")
    db.execute_sql("ALTER TABLE unit ADD COLUMN nudge TEXT")
    db.execute_sql(SAME_INDEX)


def add_pilots(db: SqliteDatabase) -> None:
    """Version 9: pilots, what a person thinks of their attempts, and which pilot a job is at."""
    db.execute_sql("ALTER TABLE job ADD COLUMN pilot_id INTEGER")
    for table in (PilotRow, MarkRow):
        SchemaManager(table, db).create_all(safe=False)


def drop_permissions(db: SqliteDatabase) -> None:
    """Version 10: what agents may do stands in the worker's options alone."""
    db.execute_sql("ALTER TABLE recipe DROP COLUMN permissions")


def say_who_asks(db: SqliteDatabase) -> None:
    """Version 11: which program has asked for a pause or stop; none where a person did."""
    db.execute_sql("ALTER TABLE job ADD COLUMN desired_by TEXT")


def index_what_is_mended(db: SqliteDatabase) -> None:
    """Version 12: the units that run again for a cause can be found and grouped."""
    db.execute_sql(TO_MEND_INDEX)


def keep_authors_and_verdicts(db: SqliteDatabase) -> None:
    """Version 13: who saved a version, and what an attempt was worth by its checks.

    Of attempts from before, the newest of each unit has its verdict; of others it is known what was denied.
    """
    db.execute_sql("ALTER TABLE recipe ADD COLUMN author TEXT NOT NULL DEFAULT ''")
    db.execute_sql("ALTER TABLE attempt ADD COLUMN verdict TEXT")
    db.execute_sql(
        "UPDATE attempt SET verdict = coalesce("
        "(SELECT u.verdict FROM unit u WHERE u.job_id = attempt.job_id AND u.seq = attempt.seq "
        "AND u.attempts = attempt.number AND u.status = attempt.status), "
        "CASE WHEN json_array_length(outcome, '$.denials') > 0 THEN 'blocked' ELSE 'ok' END) "
        "WHERE status = 'COMPLETED'"
    )


def keep_what_files_held(db: SqliteDatabase) -> None:
    """Version 14: what an item's file held before an attempt, for those that go on in its session."""
    db.execute_sql("ALTER TABLE attempt ADD COLUMN file_before TEXT")


MIGRATIONS: tuple[Migration, ...] = (
    create_tables,
    add_breaker_and_waiting,
    add_gates_of_jobs,
    index_causes,
    add_time_worked,
    hold_jobs_of_clients,
    add_placement,
    add_sameness_and_nudges,
    add_pilots,
    drop_permissions,
    say_who_asks,
    index_what_is_mended,
    keep_authors_and_verdicts,
    keep_what_files_held,
)


def migrate(path: Path, application_id: int, steps: tuple[Migration, ...] = MIGRATIONS) -> None:
    """Bring the file to the newest version, under an exclusive lock, having copied it first.

    Raises `StoreError`, naming the jobs, while an executor of an older program may still write to it.
    """
    db = SqliteDatabase(str(path), timeout=30, autoconnect=False)
    with db.connection_context():
        db.execute_sql("PRAGMA auto_vacuum = INCREMENTAL")  # takes effect only before the first table
        with db.atomic("EXCLUSIVE"):
            version = db.execute_sql("PRAGMA user_version").fetchone()[0]
            if version == len(steps):
                return  # another process was quicker
            if version:
                _refuse_while_leased(db, path)
                _copy(path, version)
            for step in steps[version:] if version else steps[:1]:
                step(db)
            db.execute_sql(f"PRAGMA application_id = {application_id}")
            db.execute_sql(f"PRAGMA user_version = {len(steps)}")
        db.execute_sql("PRAGMA journal_mode = wal")


def _refuse_while_leased(db: SqliteDatabase, path: Path) -> None:
    columns = "executor, host, boot_id, pid, pid_started, beat, beat_at, beat_clock"
    rows = db.execute_sql(f"SELECT name, {columns} FROM job WHERE executor IS NOT NULL").fetchall()
    names = columns.split(", ")
    busy = [
        name
        for name, *lease in rows
        if judge(Lease(**dict(zip(names, lease, strict=True)))) is not Liveness.DEAD
    ]
    if busy:
        raise StoreError(
            f"{path} must be updated, but an older abp still runs {', '.join(busy)}",
            "let these jobs end, or pause them with the older program",
        )


def _copy(path: Path, version: int) -> None:
    """Keep the file as it was, beside it; only its owner may read the copy."""
    target = path.with_name(f"{path.name}.v{version}.bak")
    os.close(os.open(target, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, stat.S_IRUSR | stat.S_IWUSR))
    source = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    copy = sqlite3.connect(target)
    try:
        source.backup(copy)
    finally:
        copy.close()
        source.close()
