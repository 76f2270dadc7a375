from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from abp_tui.domain.status import AttemptStatus, JobStatus, Purpose
from abp_tui.execution.attempt import ATTEMPT_MARK, attempt_mark
from abp_tui.execution.executor import JobExecutor
from abp_tui.execution.lease import take_lease
from abp_tui.execution.recovery import end_leftovers
from abp_tui.liveness import identity, started_at
from abp_tui.store.repository import Repository
from tests.factories import InProcessWorker, assert_counters_match, make_job
from tests.processes import kill, marked_processes
from tests.waiting import wait_until

SLEEPER = "import time; time.sleep(60)"


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()


def start(started: list[subprocess.Popen[bytes]], mark: str, code: str = SLEEPER) -> subprocess.Popen[bytes]:
    """A process in a session of its own whose environment carries a mark."""
    environment = {**os.environ, ATTEMPT_MARK: mark}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment, start_new_session=True)
    started.append(process)
    return process


def crash_while_running(repository: Repository, count: int) -> list[int]:
    """A job whose executor has died with `count` units in flight; returns their attempts."""
    job = make_job(repository, 5, status=JobStatus.RUNNING)
    lease = take_lease(repository, job)
    me = identity()
    with (
        repository.journal(job.id, lease.executor, me.host, me.boot_id).opened() as journal,
        journal.transaction(durable=True),
    ):
        claims = journal.claim(count, Purpose.RUN, 1, lambda payload: "prompt")
    with repository.database.writing() as db:
        db.execute_sql("UPDATE job SET pid = 4194303, pid_started = 1.0")
    return [claim.attempt_id for claim in claims]


def test_units_in_flight_go_back_and_cost_no_retry(repository: Repository) -> None:
    crash_while_running(repository, 3)
    job = repository.jobs.all()[0]
    assert JobExecutor(repository, job.id, InProcessWorker()).run() is JobStatus.COMPLETED
    attempts = repository.attempts.of_unit(job.id, 0)
    assert [a.status for a in attempts] == [AttemptStatus.INTERRUPTED, AttemptStatus.COMPLETED]
    assert repository.units.get(job.id, 0).failures == 0
    assert "3 interrupted units" in repository.logs.after(job.id)[0].message
    assert_counters_match(repository, job.id)


def test_leftover_agents_are_ended_and_nothing_else(
    repository: Repository, started: list[subprocess.Popen[bytes]]
) -> None:
    (attempt_id,) = crash_while_running(repository, 1)
    leftover = start(started, attempt_mark(repository.uuid, attempt_id))
    others = [
        start(started, attempt_mark(repository.uuid, attempt_id + 1000)),
        start(started, attempt_mark("another-store", attempt_id)),
        start(started, f"{attempt_mark(repository.uuid, attempt_id)}0"),
    ]
    job = repository.jobs.all()[0]
    JobExecutor(repository, job.id, InProcessWorker()).run()
    wait_until(lambda: leftover.poll() is not None)
    assert [process.poll() for process in others] == [None, None, None]


@pytest.mark.parametrize("later", [0, 1], ids=["that very process", "another of its number"])
def test_a_program_that_shed_its_environment_is_known_by_its_number_and_start(
    repository: Repository, started: list[subprocess.Popen[bytes]], later: int
) -> None:
    (attempt_id,) = crash_while_running(repository, 1)
    process = subprocess.Popen([sys.executable, "-c", SLEEPER], env={}, start_new_session=True)
    started.append(process)
    born = started_at(process.pid)
    assert born is not None
    with repository.database.writing() as db:
        query = "UPDATE attempt SET pid = ?, pid_started = ? WHERE id = ?"
        db.execute_sql(query, (process.pid, born - later, attempt_id))
    end_leftovers(repository.uuid, repository.attempts.running(1))
    assert (process.poll() is None) == bool(later)


SPAWNER = """
import subprocess, time
while True:
    subprocess.Popen(["sleep", "60"], start_new_session=True)
    time.sleep(0.001)
"""


def test_what_a_leftover_starts_while_it_is_looked_for_is_ended_too(
    repository: Repository, started: list[subprocess.Popen[bytes]]
) -> None:
    (attempt_id,) = crash_while_running(repository, 1)
    mark = attempt_mark(repository.uuid, attempt_id)
    spawner = start(started, mark, SPAWNER)
    wait_until(lambda: len(marked_processes(repository.uuid)) > 5)
    end_leftovers(repository.uuid, repository.attempts.running(repository.jobs.all()[0].id))
    left = marked_processes(repository.uuid)
    kill(left)
    assert left == {}
    assert spawner.wait(20) == -signal.SIGKILL
