from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from abp_tui.domain.gate import probing
from abp_tui.domain.model import Gate
from abp_tui.domain.status import GateState, JobStatus, Purpose
from abp_tui.store.gates import GateRows
from abp_tui.store.journal import Journal
from abp_tui.store.repository import Repository
from tests.execution.test_lease import lease_of
from tests.factories import make_job

NOW = datetime.now(UTC)
SCOPE = "claude:a"
CLOSED = Gate(scope=SCOPE, state=GateState.CLOSED, until=NOW, reason="usage limit", tries=2)


@pytest.fixture
def other(repository: Repository) -> Repository:
    """The same file, as another process opens it."""
    return Repository(repository.path)


@contextmanager
def rows(repository: Repository) -> Iterator[GateRows]:
    with repository.database.writing() as db:
        yield GateRows(db.connection())


def put(repository: Repository, gate: Gate) -> None:
    with rows(repository) as gates:
        assert gates.swap(gates.get(gate.scope), gate)


@contextmanager
def written(repository: Repository, job_id: int, executor: str) -> Iterator[Journal]:
    """One transaction of a job's executor."""
    with (
        repository.journal(job_id, executor, "h", "b").opened() as journal,
        journal.transaction(durable=True),
    ):
        yield journal


def start_attempt(repository: Repository) -> tuple[int, int]:
    """A job that the executor `theirs` runs, and an attempt of it."""
    job = make_job(repository, status=JobStatus.RUNNING)
    lease = lease_of(os.getpid())
    assert repository.leases.take(job.id, lease, None)
    with written(repository, job.id, lease.executor) as journal:
        (claim,) = journal.claim(1, Purpose.RUN, 1, lambda payload: "p")
    return job.id, claim.attempt_id


def test_one_that_was_never_closed_is_open(repository: Repository) -> None:
    assert repository.gates.get(SCOPE) == Gate(scope=SCOPE)


def test_it_comes_back_as_it_was_written_and_others_are_left_alone(
    repository: Repository, other: Repository
) -> None:
    put(repository, CLOSED)
    put(repository, Gate(scope="codex:b", state=GateState.CLOSED, reason="login needed: no"))
    assert other.gates.get(SCOPE) == CLOSED
    put(repository, probing(CLOSED, 5))
    assert other.gates.get(SCOPE) == probing(CLOSED, 5)
    put(repository, Gate(scope=SCOPE))
    assert other.gates.get(SCOPE) == Gate(scope=SCOPE)
    assert other.gates.get("codex:b").state is GateState.CLOSED


def test_of_two_that_saw_it_closed_one_tries_it(repository: Repository, other: Repository) -> None:
    put(repository, CLOSED)
    seen, seen_by_other = repository.gates.get(SCOPE), other.gates.get(SCOPE)
    with rows(repository) as gates:
        assert gates.swap(seen, probing(seen, 5))
    with rows(other) as gates:
        assert not gates.swap(seen_by_other, probing(seen_by_other, 6))
    assert repository.gates.get(SCOPE).probe_attempt == 5


def test_of_two_that_saw_a_probe_die_one_takes_its_place(repository: Repository, other: Repository) -> None:
    dead = probing(CLOSED, 5)
    put(repository, dead)
    with rows(other) as gates:
        assert gates.swap(dead, probing(dead, 6))
    with rows(repository) as gates:
        assert not gates.swap(dead, probing(dead, 7))
        assert not gates.swap(dead, Gate(scope=SCOPE))  # what the dead one would have said
    assert other.gates.get(SCOPE).probe_attempt == 6


def test_a_probe_is_run_by_the_executor_that_holds_its_jobs_lease(repository: Repository) -> None:
    job_id, attempt_id = start_attempt(repository)
    with rows(repository) as gates:
        lease = gates.prober(attempt_id)
        assert lease == repository.jobs.get(job_id).lease
        assert gates.prober(attempt_id + 1) is None


def test_an_attempt_that_has_ended_or_whose_executor_has_left_is_no_probe(repository: Repository) -> None:
    job_id, attempt_id = start_attempt(repository)
    lease = repository.jobs.get(job_id).lease
    assert lease is not None
    assert repository.leases.release(job_id, lease.executor)
    with rows(repository) as gates:
        assert gates.prober(attempt_id) is None
    again = lease.model_copy(update={"executor": "another"})
    assert repository.leases.take(job_id, again, None)
    with rows(repository) as gates:
        assert gates.prober(attempt_id) is None
    with written(repository, job_id, "another") as journal:
        journal.recover()
    with rows(repository) as gates:
        assert gates.prober(attempt_id) is None


def test_a_person_has_it_tried_now_and_others_see_that_at_once(
    repository: Repository, other: Repository
) -> None:
    later = CLOSED.model_copy(update={"until": NOW + timedelta(hours=1)})
    put(repository, later)
    with other.database.connected():
        version = other.database.data_version()
        assert not repository.gates.ask(SCOPE, login_only=True)
        assert repository.gates.ask(SCOPE)
        assert other.database.data_version() != version
    until = other.gates.get(SCOPE).until
    assert until is not None
    assert until < later.until  # type: ignore[operator]
    assert not repository.gates.ask("codex:never-closed")


def test_a_job_knows_its_gate(repository: Repository) -> None:
    job_id, _ = start_attempt(repository)
    assert repository.jobs.get(job_id).gate is None
    with written(repository, job_id, "theirs") as journal:
        journal.use_gate(SCOPE)
    assert repository.jobs.get(job_id).gate == Gate(scope=SCOPE)
    put(repository, CLOSED)
    assert repository.jobs.get(job_id).gate == CLOSED
    assert [job.gate for job in repository.jobs.all()] == [CLOSED]


def test_an_endless_reason_is_cut(repository: Repository, tmp_path: Path) -> None:
    put(repository, CLOSED.model_copy(update={"reason": "x" * 100_000 + "\ud800"}))
    assert len(repository.gates.get(SCOPE).reason) <= 1000
