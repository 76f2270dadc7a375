from __future__ import annotations

import sqlite3
import stat
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from peewee import SqliteDatabase

from abp_tui.domain.model import Denial, Lease, Outcome, Placement
from abp_tui.errors import StoreError
from abp_tui.liveness import identity
from abp_tui.orchestrator import Orchestrator
from abp_tui.store.database import APPLICATION_ID
from abp_tui.store.migrations import MIGRATIONS, migrate
from abp_tui.store.repository import Repository
from tests.factories import InProcessWorker, make_job

NEWEST = len(MIGRATIONS)


def add_colour(db: SqliteDatabase) -> None:
    db.execute_sql("ALTER TABLE job ADD COLUMN colour TEXT")


def version_of(path: Path) -> int:
    with sqlite3.connect(path) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def hold_lease(repository: Repository, job_id: int) -> None:
    me = identity()
    lease = Lease(
        executor="e",
        host=me.host,
        boot_id=me.boot_id,
        pid=me.pid,
        pid_started=me.started,
        beat_at=datetime.now(UTC),
        beat_clock=time.monotonic(),
    )
    assert repository.leases.take(job_id, lease, None)


def test_a_step_forward_keeps_the_data_and_a_private_copy_of_the_old_file(repository: Repository) -> None:
    make_job(repository, name="kept")
    migrate(repository.path, APPLICATION_ID, (*MIGRATIONS, add_colour))
    assert version_of(repository.path) == NEWEST + 1
    with sqlite3.connect(repository.path) as connection:
        assert connection.execute("SELECT name, colour FROM job").fetchall() == [("kept", None)]
    copy = repository.path.with_name(f"abp.db.v{NEWEST}.bak")
    assert version_of(copy) == NEWEST
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600


def test_a_failing_step_leaves_the_file_as_it_was(repository: Repository) -> None:
    def break_off(db: SqliteDatabase) -> None:
        add_colour(db)
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        migrate(repository.path, APPLICATION_ID, (*MIGRATIONS, break_off))
    assert version_of(repository.path) == NEWEST
    make_job(repository)


def test_refused_while_an_executor_lives(repository: Repository) -> None:
    hold_lease(repository, make_job(repository, name="busy-one").id)
    with pytest.raises(StoreError, match="busy-one"):
        migrate(repository.path, APPLICATION_ID, (*MIGRATIONS, add_colour))
    assert version_of(repository.path) == NEWEST
    assert not repository.path.with_name(f"abp.db.v{NEWEST}.bak").exists()


def test_migrating_twice_does_it_once(repository: Repository) -> None:
    steps = (*MIGRATIONS, add_colour)
    migrate(repository.path, APPLICATION_ID, steps)
    migrate(repository.path, APPLICATION_ID, steps)
    assert version_of(repository.path) == NEWEST + 1


def test_a_file_of_version_1_gets_what_came_later(repository: Repository) -> None:
    make_job(repository, name="old")
    with sqlite3.connect(repository.path) as connection:
        for column in (
            "max_failures_in_row",
            "waiting",
            "gate_scope",
            "worked_s",
            "running_since",
            "client",
            "held",
            "placement",
            "pilot_id",
            "desired_by",
        ):
            connection.execute(f"ALTER TABLE job DROP COLUMN {column}")
        connection.execute("ALTER TABLE gate DROP COLUMN tries")
        connection.execute("DROP INDEX unit_cause")
        connection.execute("DROP INDEX unit_same")
        connection.execute("DROP INDEX unit_to_mend")
        for column in ("sameness", "nudge"):
            connection.execute(f"ALTER TABLE unit DROP COLUMN {column}")
        for table in ("mark", "pilot"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("ALTER TABLE recipe DROP COLUMN author")
        for column in ("verdict", "file_before"):
            connection.execute(f"ALTER TABLE attempt DROP COLUMN {column}")
        connection.execute("ALTER TABLE recipe ADD COLUMN permissions TEXT NOT NULL DEFAULT '[]'")
        connection.execute("PRAGMA user_version = 1")
    mended = Repository(repository.path)
    job = mended.jobs.find("old")
    assert (job.max_failures_in_row, job.waiting, job.gate) == (10, None, None)
    assert (job.client, job.held, job.desired_by) == (None, (), None)
    assert job.placement == Placement(placed=False)
    assert mended.gates.get("a").tries == 0
    assert mended.causes.of(job.id) == []
    assert (job.pilot_id, mended.pilots.all(job.id)) == (None, [])
    assert job.recipe.author == ""
    assert mended.recipes.add(job.recipe, prompt_template="Better").version == 2
    assert version_of(repository.path) == NEWEST


def test_attempts_of_a_file_from_before_get_the_verdict_that_is_known_of_them(repository: Repository) -> None:
    outcome = Outcome(ok=True, denials=(Denial(tool="Bash"),))
    job = make_job(repository)
    verbs = Orchestrator(repository, InProcessWorker(lambda *_: outcome))
    verbs.test(job.id)
    verbs.reject(job.id)
    verbs.test(job.id)
    with sqlite3.connect(repository.path) as connection:
        connection.execute("UPDATE unit SET verdict = 'ok' WHERE seq = 0")  # as a person has accepted it
        for column in ("verdict", "file_before"):
            connection.execute(f"ALTER TABLE attempt DROP COLUMN {column}")
        connection.execute("ALTER TABLE recipe DROP COLUMN author")
        connection.execute("PRAGMA user_version = 12")
    Repository(repository.path)
    with sqlite3.connect(repository.path) as connection:
        found = connection.execute("SELECT verdict FROM attempt ORDER BY id").fetchall()
    assert found == [("blocked",), ("ok",)]
