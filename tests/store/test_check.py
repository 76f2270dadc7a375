from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from abp_tui.domain.model import Job, Outcome, Usage
from abp_tui.domain.status import AttemptStatus, JobStatus, Purpose, UnitStatus, Verdict
from abp_tui.execution.lease import take_lease
from abp_tui.liveness import identity
from abp_tui.store.check import Finding
from abp_tui.store.claims import Finished
from abp_tui.store.repository import Repository
from tests.factories import assert_counters_match, make_job, make_repository
from tests.store.test_migrations import hold_lease

DEAD_LEASE = (
    "UPDATE job SET executor = 'x', host = ?, boot_id = 'another boot', pid = 1, pid_started = 1, "
    "beat_at = 0, beat_clock = 0 WHERE id = ?"
)
VERDICTS = (Verdict.OK, Verdict.SUSPECT, Verdict.BLOCKED, None)


def render(payload: Mapping[str, Any]) -> str:
    return f"Do {payload['n']}"


def run_some(repository: Repository, job: Job) -> None:
    """Let four units complete, each with another verdict, one fail, and one be put back with a cost."""
    me, lease = identity(), take_lease(repository, job)
    with repository.journal(job.id, lease.executor, me.host, me.boot_id).opened() as journal:
        with journal.transaction(durable=False):
            claims = journal.claim(6, Purpose.RUN, 1, render)
        outcomes = [Outcome(ok=True, output="done", usage=Usage(cost_usd=0.1 * n)) for n in range(4)]
        ends = [
            Finished(claim, outcome, AttemptStatus.COMPLETED, UnitStatus.COMPLETED, time.time(), verdict)
            for claim, outcome, verdict in zip(claims, outcomes, VERDICTS, strict=False)
        ]
        bad = Outcome(ok=False, error="no")
        ends.append(Finished(claims[4], bad, AttemptStatus.FAILED, UnitStatus.FAILED, time.time()))
        paid = Outcome(ok=False, error="no", usage=Usage(cost_usd=0.5))
        ends.append(Finished(claims[5], paid, AttemptStatus.FAILED, UnitStatus.PENDING, time.time()))
        with journal.transaction(durable=True):
            journal.finish(ends)
    repository.leases.release(job.id, lease.executor)


@pytest.fixture
def job(repository: Repository) -> Job:
    made = make_job(repository, 5_000, status=JobStatus.RUNNING)
    run_some(repository, made)
    return repository.jobs.get(made.id)


def damage(repository: Repository, *statements: str) -> None:
    connection = sqlite3.connect(repository.path)  # foreign keys are off here
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def found(repository: Repository, **options: bool) -> list[Finding]:
    return repository.check.run(**options).findings


def test_a_job_that_has_run_is_well(repository: Repository, job: Job) -> None:
    report = repository.check.run()
    assert (report.findings, report.jobs, report.units, report.attempts) == ([], 1, 5_000, 6)


def test_an_empty_database_is_well(repository: Repository) -> None:
    assert repository.check.run().findings == []


@pytest.mark.parametrize("name", "total pending processing completed failed suspect".split())
def test_a_wrong_counter_is_found_and_mended(repository: Repository, job: Job, name: str) -> None:
    before = repository.jobs.get(job.id)
    damage(repository, f"UPDATE job SET {name} = {name} + 7")
    (finding,) = found(repository)
    there = getattr(job.counters, name)
    assert finding.what == f"{name} is {there + 7}, but its units say {there}"
    assert (finding.where, finding.todo) == (f"job words (j{job.id})", "abp check --repair")
    assert repository.check.repair(job.id).mended == [finding.what]
    assert found(repository) == []
    after = repository.jobs.get(job.id)
    assert after.counters == before.counters
    assert after.change > before.change  # so that whoever follows the job sees it


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE bucket SET failed = failed + 1 WHERE n > 1000", "units: 666, from bucket 1001 on"),
        ("DELETE FROM bucket WHERE n = 7", "units: 1, from bucket 7 on"),
        ("INSERT INTO bucket (job_id, n) VALUES (1, 5000)", "from bucket 5000 on"),
        ("UPDATE job SET bucket_width = 0", "bucket_width is 0, and must be 3"),
        ("UPDATE job SET cost_usd = 9", "cost_usd is $9, but its attempts say $1.1"),
        ("UPDATE job SET cost_usd = NULL", "cost_usd is unknown, but its attempts say $1.1"),
        ("UPDATE job SET cost_unknown = 4", "cost_unknown is 4, but its attempts say 1"),
    ],
)
def test_a_wrong_map_or_cost_is_found_and_mended(
    repository: Repository, job: Job, statement: str, words: str
) -> None:
    damage(repository, statement)
    (finding,) = found(repository)
    assert words in finding.what
    repository.check.repair(job.id)
    assert found(repository) == []
    assert_counters_match(repository, job.id)


def test_a_unit_that_costs_what_its_attempts_did_not_is_found_and_left(
    repository: Repository, job: Job
) -> None:
    damage(repository, "UPDATE unit SET cost_usd = 3 WHERE seq IN (2, 4)")
    (finding,) = found(repository)
    assert finding.where == f"job words (j{job.id}), unit 2"
    assert finding.what == "units that do not cost what their attempts cost: 2"
    repository.check.repair(job.id)
    assert found(repository) == [finding]


def test_units_that_nobody_runs_and_attempts_that_run_nothing(repository: Repository, job: Job) -> None:
    damage(
        repository,
        "UPDATE unit SET status = 'PROCESSING' WHERE seq IN (8, 9)",
        "UPDATE job SET processing = 2, pending = pending - 2",
        "UPDATE attempt SET status = 'RUNNING', cost_usd = 0.1 WHERE seq = 4",
        "UPDATE unit SET cost_usd = 0.1 WHERE seq = 4",
    )
    repository.check.repair(job.id)
    units, attempts = found(repository)
    assert units.where.endswith("unit 8") and "without an attempt that runs: 2" in units.what
    assert attempts.where.endswith("attempt 5") and "unit is not PROCESSING: 1" in attempts.what


def test_what_an_executor_left_when_it_died_is_no_damage(repository: Repository, job: Job) -> None:
    me, lease = identity(), take_lease(repository, job)
    journal = repository.journal(job.id, lease.executor, me.host, me.boot_id)
    with journal.opened(), journal.transaction(durable=True):
        journal.claim(3, Purpose.RUN, 1, render)
    assert found(repository) == []
    with repository.database.writing() as db:
        db.execute_sql(DEAD_LEASE, (me.host, job.id))
    assert found(repository) == []


def test_of_a_job_that_is_run_only_the_figures_are_looked_at_and_nothing_is_repaired(
    repository: Repository, job: Job
) -> None:
    damage(repository, "UPDATE unit SET status = 'PROCESSING' WHERE seq = 8")
    hold_lease(repository, job.id)
    findings = found(repository)
    assert [finding.mends for finding in findings] == [job.id] * 3
    repair = repository.check.repair(job.id)
    assert "its executor is at work" in repair.skipped and repair.mended == []
    assert found(repository) == findings


def test_units_that_are_still_being_written_are_not_counted(repository: Repository, job: Job) -> None:
    damage(repository, "UPDATE job SET ready_at = NULL, pending = 0")
    assert found(repository) == []


def test_the_synthesis_step_is_outside_the_counters(repository: Repository, job: Job) -> None:
    damage(
        repository,
        "INSERT INTO unit (job_id, seq, kind, key, payload) VALUES (1, 5000, 'post', '', '{}')",
    )
    assert found(repository) == []


def test_a_state_that_there_is_not_is_found(repository: Repository, job: Job) -> None:
    damage(repository, "UPDATE unit SET status = 'DONE' WHERE seq = 3")
    damage(repository, "UPDATE unit SET verdict = 'fine' WHERE seq = 2")
    status, verdict = found(repository)
    assert status.where.endswith("unit 3") and "its status is 'DONE'" in status.what
    assert verdict.where.endswith("unit 2") and "its verdict is 'fine'" in verdict.what


def test_rows_without_what_they_belong_to_are_found(repository: Repository, job: Job) -> None:
    damage(repository, "INSERT INTO event (attempt_id, at, kind) VALUES (900, 0, 'text'), (901, 0, 'text')")
    (finding,) = found(repository)
    assert (finding.where, finding.what) == ("table event", "rows that name a missing attempt: 2")


def test_a_repair_touches_no_unit_attempt_or_event(repository: Repository, job: Job) -> None:
    damage(repository, "UPDATE job SET pending = 1", "UPDATE unit SET cost_usd = 3 WHERE seq = 2")

    def rows() -> list[list[Any]]:
        with repository.database.connected() as db:
            tables = ("unit", "attempt", "event", "log", "recipe")
            return [db.execute_sql(f"SELECT * FROM {table}").fetchall() for table in tables]

    before = rows()
    repository.check.repair(job.id)
    assert rows() == before


def test_a_repair_of_a_job_that_is_gone(repository: Repository) -> None:
    assert "removed" in repository.check.repair(12).skipped


@pytest.mark.parametrize("quick", [True, False])
def test_a_damaged_page_is_one_finding(repository: Repository, job: Job, quick: bool) -> None:
    with repository.database.connected() as db:
        db.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    with repository.path.open("r+b") as file:
        file.seek(4096 * 60)
        file.write(b"\xff" * 4096 * 3)
    (finding,) = found(repository, quick=quick)
    assert finding.where == f"database {repository.path}"
    assert "\n" not in finding.what and "recover" in finding.todo


def test_an_index_that_lacks_a_row_is_found_only_by_the_long_check(repository: Repository, job: Job) -> None:
    damage(
        repository,
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET sql = replace(sql, '\"status\"', '\"key\"') "
        "WHERE name = 'unitrow_job_id_status_seq'",
    )
    assert found(repository, quick=True) == []
    (finding,) = found(repository)
    assert "unitrow_job_id_status_seq" in finding.what


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that also another user may enter."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


READ_ONLY = """
import os, sys
from abp_tui.store.repository import Repository
Repository(sys.argv[1]).check.run()  # imports what is imported late
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
assert not os.access(sys.argv[2], os.W_OK)
report = Repository(sys.argv[2]).check.run()
print(report.units, *(finding.what for finding in report.findings))
"""


@pytest.mark.parametrize("folder_mode", [0o555, 0o777])
def test_a_file_that_may_only_be_read_is_checked(open_folder: Path, tmp_path: Path, folder_mode: int) -> None:
    repository = Repository(open_folder / "abp.db")
    make_job(repository, 40)
    damage(repository, "UPDATE job SET failed = 3")
    repository.path.chmod(0o444)
    open_folder.chmod(folder_mode)
    other = make_repository(tmp_path).path
    command = [sys.executable, "-c", READ_ONLY, str(other), str(repository.path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=dict(os.environ))
    assert done.stdout.strip() == "40 failed is 3, but its units say 0", done.stderr
