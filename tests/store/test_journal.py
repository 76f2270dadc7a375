from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Denial, Event, EventKind, Job, Outcome, Usage
from abp_tui.domain.status import AttemptStatus, JobStatus, Purpose, UnitStatus, Verdict
from abp_tui.errors import LeaseLost
from abp_tui.execution.lease import take_lease
from abp_tui.liveness import identity
from abp_tui.store.claims import Claim, Finished, Started
from abp_tui.store.journal import BULK_ROWS, Journal
from abp_tui.store.repository import Repository
from abp_tui.store.rows import ANSWER_CAP, BODY_CAP, NAME_CAP, WORDS_CAP, capped
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
    kept, mark = stored.body.split("\n")
    assert mark == f"[… cut by abp: {BODY_CAP + 10 - len(kept)} more characters]"
    assert kept == "x" * len(kept) and BODY_CAP - 100 < len(stored.body) <= BODY_CAP
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


LONG = "x" * (ANSWER_CAP + 10)


def longest(repository: Repository, table: str) -> dict[str, int]:
    """How many characters the longest value of each column has."""
    with repository.database.connected() as db:
        cursor = db.execute_sql(f"SELECT * FROM {table}")
        names = [column[0] for column in cursor.description]
        rows = cursor.fetchall()
    return {name: max(len(str(row[n])) for row in rows) for n, name in enumerate(names)}


def test_whatever_an_agent_says_its_rows_have_bounds(
    repository: Repository, job: Job, journal: Journal
) -> None:
    with journal.transaction(durable=False):
        (taken,) = journal.claim(1, Purpose.RUN, 1, lambda payload: LONG)
        journal.sessions([(taken.attempt_id, LONG)])
        event = Event(kind=EventKind.TEXT, body=LONG, title=LONG, ref=LONG, raw=LONG)
        journal.events([(taken.attempt_id, time.time(), event)])
        journal.log(LONG, level="error", seq=0)
    assert longest(repository, "attempt")["session_id"] == NAME_CAP + 1
    said = Outcome(
        ok=True,
        output=LONG,
        error=LONG,
        result={"text": LONG},
        session_id=LONG,
        last_tool=LONG,
        denials=(Denial(tool=LONG[:99_999], detail=LONG[:99_999]),) * 50,
    )
    finish(journal, end(taken, outcome=said))
    with journal.transaction(durable=True):
        journal.settle(JobStatus.PAUSED, LONG, LONG)
    unit, attempt = longest(repository, "unit"), longest(repository, "attempt")
    assert ANSWER_CAP - 64 < unit["output"] <= ANSWER_CAP
    assert unit["result"] < 100 and unit["error"] <= WORDS_CAP and unit["session_id"] == NAME_CAP + 1
    assert attempt["outcome"] < 2 * BODY_CAP and attempt["prompt"] <= BODY_CAP
    assert longest(repository, "log")["message"] <= WORDS_CAP
    assert longest(repository, "job")["pause_reason"] <= WORDS_CAP
    event_row = longest(repository, "event")
    assert event_row["title"] == event_row["ref"] == NAME_CAP + 1 and event_row["body"] <= BODY_CAP
    outcome = repository.attempts.get(taken.attempt_id).outcome
    assert outcome is not None
    for text in (outcome.output, outcome.error, outcome.result, outcome.denials[0].detail):
        assert re.search(r"\[… cut by abp: \d+ more characters\]$", text)
    assert outcome.last_tool.endswith("…") and len(outcome.denials) == 20


def test_what_is_within_its_cap_is_kept_whole(repository: Repository, job: Job, journal: Journal) -> None:
    answer = "\u00e9" * ANSWER_CAP
    (taken,) = claim(journal)
    finish(journal, end(taken, outcome=Outcome(ok=True, output=answer, result=["x" * BODY_CAP] * 2)))
    unit = repository.units.get(job.id, 0)
    assert unit.output == answer
    assert unit.result == ["x" * BODY_CAP] * 2


def test_an_event_is_capped_the_same_when_it_was_capped_before(
    repository: Repository, journal: Journal
) -> None:
    (taken,) = claim(journal)
    long = Event(kind=EventKind.TEXT, body="x" * (BODY_CAP + 9), title="t" * (BODY_CAP + 9), raw=LONG)
    with journal.transaction(durable=False):
        journal.events(
            [(taken.attempt_id, 0.0, event) for event in (long, capped(long), capped(capped(long)))]
        )
    stored = repository.attempts.events(taken.attempt_id)
    assert len({(event.body, event.title, event.raw) for event in stored}) == 1
    short = Event(kind=EventKind.TEXT, body="x", raw="{}")
    assert capped(short) is short


@pytest.mark.parametrize("count", [10**30, -(10**30), 2**63])
def test_a_count_that_no_integer_column_holds(repository: Repository, journal: Journal, count: int) -> None:
    (taken,) = claim(journal)
    usage = Usage(cost_usd=0.5, input_tokens=count, output_tokens=7, turns=count)
    assert len(finish(journal, end(taken, outcome=Outcome(ok=True, usage=usage)))) == 1
    stored = repository.attempts.get(taken.attempt_id).usage
    assert (stored.input_tokens, stored.output_tokens) == (2**63 - 1 if count > 0 else 1 - 2**63, 7)


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


def test_an_attempt_on_another_machine_says_so_wherever_its_unit_is_shown(
    repository: Repository, job: Job, journal: Journal
) -> None:
    first, second = claim(journal, 2)
    here = repository.attempts.get(second.attempt_id)
    with journal.transaction(durable=False):
        journal.started([Started(first.attempt_id, host="north", boot_id="b1")])
    with journal.transaction(durable=False):
        journal.started([Started(first.attempt_id, 7, 8.0), Started(second.attempt_id, 9, 10.0)])
    there = repository.attempts.get(first.attempt_id)
    assert (there.host, there.boot_id, there.pid, there.pid_started) == ("north", "b1", 7, 8.0)
    assert repository.attempts.get(second.attempt_id).host == here.host
    assert [line.host for line in repository.units.lines(job.id, 0, 3)] == ["north", here.host, None]
    assert repository.units.get(job.id, 0).host == "north"
    assert [unit.host for unit in repository.units.page(job.id, limit=3)] == ["north", here.host, None]
