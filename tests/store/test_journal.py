from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Event, EventKind, Job, Outcome, Usage
from abp_tui.domain.status import AttemptStatus, Purpose, UnitStatus, Verdict
from abp_tui.errors import LeaseLost
from abp_tui.execution.lease import take_lease
from abp_tui.liveness import identity
from abp_tui.store.journal import BODY_CAP, BULK_ROWS, Claim, Finished, Journal
from abp_tui.store.repository import Repository
from tests.factories import assert_counters_match, make_job


@pytest.fixture
def job(repository: Repository) -> Job:
    return make_job(repository, 10)


@pytest.fixture
def journal(repository: Repository, job: Job) -> Iterator[Journal]:
    me = identity()
    lease = take_lease(repository, job)
    with repository.journal(job.id, lease.executor, me.host, me.boot_id).opened() as journal:
        yield journal


def render(payload: Mapping[str, Any]) -> str:
    return f"Do {payload['n']}"


def claim(journal: Journal, count: int = 1) -> list[Claim]:
    with journal.transaction(durable=False):
        return journal.claim(count, Purpose.RUN, 1, render)


def end(taken: Claim, **changes: Any) -> Finished:
    values = {
        "outcome": Outcome(ok=True, output="done", usage=Usage(cost_usd=0.5)),
        "status": AttemptStatus.COMPLETED,
        "unit_status": UnitStatus.COMPLETED,
        "ended_at": time.time(),
        "verdict": Verdict.OK,
    }
    return Finished(claim=taken, **(values | changes))


def finish(journal: Journal, *ends: Finished) -> list[Finished]:
    with journal.transaction(durable=True):
        return journal.finish(ends)


def test_units_are_claimed_in_order_and_once(repository: Repository, job: Job, journal: Journal) -> None:
    assert [c.seq for c in claim(journal, 3)] == [0, 1, 2]
    rest = claim(journal, 20)
    assert (len(rest), rest[0].seq, rest[0].prompt) == (7, 3, "Do 3")
    assert claim(journal, 5) == []
    assert_counters_match(repository, job.id)


def test_a_backoff_is_waited_out_and_then_goes_before_fresh_units(
    repository: Repository, job: Job, journal: Journal
) -> None:
    first, second = claim(journal, 2)
    failed = Outcome.failed(FailureKind.TRANSIENT, "busy")
    back = {
        "outcome": failed,
        "status": AttemptStatus.FAILED,
        "unit_status": UnitStatus.PENDING,
        "verdict": None,
    }
    soon, late = time.time() - 1, time.time() + 60
    finish(journal, end(first, not_before=late, **back), end(second, not_before=soon, **back))
    assert journal.next_due() == soon
    assert [c.seq for c in claim(journal, 2)] == [1, 2]
    assert journal.next_due() == late
    assert_counters_match(repository, job.id)


def test_an_end_is_recorded_once(repository: Repository, job: Job, journal: Journal) -> None:
    (taken,) = claim(journal)
    assert len(finish(journal, end(taken))) == 1
    late = end(taken, outcome=Outcome(ok=True, output="again", usage=Usage(cost_usd=9.0)))
    assert finish(journal, late) == []
    assert repository.units.get(job.id, 0).output == "done"
    assert repository.jobs.get(job.id).cost_usd == 0.5
    assert_counters_match(repository, job.id)


def test_an_unknown_cost_makes_the_sum_a_floor(repository: Repository, job: Job, journal: Journal) -> None:
    first, second = claim(journal, 2)
    finish(journal, end(first), end(second, outcome=Outcome(ok=True)))
    after = repository.jobs.get(job.id)
    assert (after.cost_usd, after.cost_is_floor) == (0.5, True)
    assert repository.units.get(job.id, 1).cost_usd is None


def test_a_transaction_that_fails_leaves_nothing(repository: Repository, job: Job, journal: Journal) -> None:
    with pytest.raises(RuntimeError), journal.transaction(durable=True):
        journal.claim(5, Purpose.RUN, 1, render)
        raise RuntimeError("half way")
    assert repository.jobs.get(job.id).counters.pending == 10
    assert repository.attempts.running(job.id) == []
    assert len(claim(journal, 5)) == 5
    assert_counters_match(repository, job.id)


def test_without_the_lease_nothing_is_written(repository: Repository, job: Job, journal: Journal) -> None:
    (taken,) = claim(journal)
    with repository.database.writing() as db:
        db.execute_sql("UPDATE job SET executor = 'another'")
    with pytest.raises(LeaseLost):
        finish(journal, end(taken))
    assert repository.units.get(job.id, 0).status is UnitStatus.PROCESSING


def test_a_body_over_the_cap_is_cut_with_a_mark(repository: Repository, journal: Journal) -> None:
    (taken,) = claim(journal)
    event = Event(kind=EventKind.TEXT, body="x" * (BODY_CAP + 10), raw="y" * (BODY_CAP + 10))
    with journal.transaction(durable=False):
        journal.events([(taken.attempt_id, time.time(), event)])
    (stored,) = repository.attempts.events(taken.attempt_id)
    assert stored.body.endswith("[… cut by abp: 10 more characters]")
    assert stored.raw is None


def test_any_number_of_events_is_written_in_order_and_in_plain_words(
    repository: Repository, journal: Journal
) -> None:
    (taken,) = claim(journal)
    bodies = [f"line {n}" for n in range(2 * BULK_ROWS + 1)]
    events = (Event(kind=EventKind.STDERR, body=body, is_error=True) for body in bodies)
    with journal.transaction(durable=False):
        journal.events((taken.attempt_id, time.time(), event) for event in events)
    stored = repository.attempts.events(taken.attempt_id)
    assert [event.body for event in stored] == bodies
    with repository.database.connected() as db:
        query = "SELECT DISTINCT kind, typeof(kind), is_error, typeof(is_error) FROM event"
        assert db.execute_sql(query).fetchall() == [("stderr", "text", 1, "integer")]


def test_outcomes_are_durable_and_every_transaction_takes_the_lock_at_its_start(journal: Journal) -> None:
    said: list[str] = []
    journal._connection.set_trace_callback(said.append)
    (taken,) = claim(journal)
    finish(journal, end(taken))
    assert said.count("BEGIN IMMEDIATE") == 2
    assert said.index("PRAGMA synchronous = NORMAL") < said.index("PRAGMA synchronous = FULL")


def test_the_faces_take_the_lock_at_the_start_too(repository: Repository, job: Job) -> None:
    said: list[str] = []
    with repository.database.connected() as db:
        db.connection().set_trace_callback(said.append)
        repository.jobs.ask(job.id, workers=2)
    assert "BEGIN IMMEDIATE" in said


def test_a_claim_knows_the_cause_of_the_last_failure_on_the_same_input_only(journal: Journal) -> None:
    (taken,) = claim(journal)
    outcome = Outcome.failed(FailureKind.AGENT_ERROR, "no")
    finish(
        journal,
        end(
            taken,
            outcome=outcome,
            status=AttemptStatus.FAILED,
            unit_status=UnitStatus.PENDING,
            verdict=None,
            fingerprint="f1",
        ),
    )
    for recipe_version, known in ((2, None), (1, "f1")):
        with pytest.raises(ZeroDivisionError), journal.transaction(durable=False):
            (again,) = journal.claim(1, Purpose.RUN, recipe_version, render)
            assert (again.seq, again.fingerprint) == (0, known)
            raise ZeroDivisionError  # so that it is not taken


def test_five_thousand_events_and_a_thousand_ends_at_once(
    repository: Repository, journal: Journal, job: Job
) -> None:
    many = make_job(repository, 1200, name="many")
    lease = take_lease(repository, many)
    with repository.journal(many.id, lease.executor, lease.host, lease.boot_id).opened() as wide:
        taken = claim(wide, 1200)
        with wide.transaction(durable=True):
            wide.events(
                (c.attempt_id, 1.0, Event(kind=EventKind.TEXT, body="x")) for c in taken for _ in range(5)
            )
            assert len(wide.finish([end(c) for c in taken])) == 1200
    assert len(repository.attempts.events(taken[-1].attempt_id)) == 5
    assert_counters_match(repository, many.id)


def test_a_clock_that_was_set_back_makes_no_unit_wait_for_years(journal: Journal) -> None:
    (taken,) = claim(journal)
    outcome = Outcome.failed(FailureKind.TRANSIENT, "busy")
    waits = {"unit_status": UnitStatus.PENDING, "status": AttemptStatus.FAILED, "verdict": None}
    finish(journal, end(taken, outcome=outcome, not_before=time.time() + 365 * 24 * 3600, **waits))
    assert (journal.next_due() or 0) <= time.time()
    assert journal.is_due(0)
    assert claim(journal)[0].seq == 0
