from __future__ import annotations

from dataclasses import replace

import pytest

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Outcome
from abp_tui.domain.status import AttemptStatus, JobStatus, Purpose, UnitStatus, Verdict
from abp_tui.execution.breaker import Breaker
from abp_tui.execution.executor import JobExecutor
from abp_tui.store.claims import Claim, Finished
from abp_tui.store.repository import Repository
from abp_tui.workers.base import Sink, Task
from abp_tui.workers.cancel import Cancel
from tests.factories import InProcessWorker, answer, assert_counters_match, fail, make_job


def end(seq: int, kind: FailureKind | None = FailureKind.AGENT_ERROR) -> Finished:
    claim = Claim(seq + 1, seq, 1, 0, Purpose.RUN, {}, "", 0.0)
    if kind is None:
        outcome = Outcome(ok=True)
        return Finished(
            claim, outcome, AttemptStatus.COMPLETED, UnitStatus.COMPLETED, 1.0, verdict=Verdict.OK
        )
    return Finished(claim, Outcome.failed(kind, "no"), AttemptStatus.FAILED, UnitStatus.FAILED, 1.0)


def test_so_many_different_units_in_a_row_are_too_many() -> None:
    breaker = Breaker(3)
    assert [breaker.reason(end(seq)) is None for seq in (0, 1)] == [True, True]
    said = breaker.reason(end(2)) or ""
    assert said.startswith("3 units in a row have failed (its max_failures_in_row is 3") and said.endswith(
        "with: no"
    )


def test_one_is_said_in_the_singular() -> None:
    assert (Breaker(1).reason(end(0)) or "").startswith("1 unit in a row has failed (")


def test_one_unit_that_fails_again_and_again_is_no_run() -> None:
    breaker = Breaker(3)
    assert all(breaker.reason(end(7)) is None for _ in range(10))


def test_a_success_ends_the_run() -> None:
    breaker = Breaker(3)
    ends = [end(0), end(1), end(2, None), end(3), end(4)]
    assert all(breaker.reason(e) is None for e in ends)


def test_a_unit_whose_agent_was_denied_something_is_no_success() -> None:
    breaker = Breaker(2)
    blocked = replace(end(0, None), verdict=Verdict.BLOCKED)
    assert breaker.reason(blocked) is None
    assert breaker.reason(end(1)) is not None


@pytest.mark.parametrize("kind", [FailureKind.INTERRUPTED, FailureKind.TRANSIENT, FailureKind.NODE_LOST])
def test_what_was_ended_and_what_passes_by_itself_does_not_count(kind: FailureKind) -> None:
    breaker = Breaker(2)
    waits_again = [replace(end(seq, kind), unit_status=UnitStatus.PENDING) for seq in range(5)]
    assert all(breaker.reason(e) is None for e in waits_again)


def test_zero_is_never() -> None:
    breaker = Breaker(0)
    assert all(breaker.reason(end(seq)) is None for seq in range(100))


def test_a_job_pauses_with_the_reason_and_can_go_on(repository: Repository) -> None:
    job = make_job(
        repository, 50, status=JobStatus.RUNNING, desired_workers=1, max_failures_in_row=10, max_retries=3
    )
    assert JobExecutor(repository, job.id, InProcessWorker(fail)).run() is JobStatus.PAUSED
    paused = repository.jobs.get(job.id)
    assert "10 units in a row have failed" in (paused.pause_reason or "")
    assert "0 is no limit), the last with: it did not work" in (paused.pause_reason or "")
    assert paused.counters.pending >= 40 - 1
    repository.jobs.move(job.id, JobStatus.RUNNING)
    assert JobExecutor(repository, job.id, InProcessWorker()).run() is not JobStatus.PAUSED
    assert_counters_match(repository, job.id)


def test_some_failures_among_successes_do_not_pause_it(repository: Repository) -> None:
    def every_second(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        return (fail if int(task.prompt.split()[1]) % 2 else answer)(task, sink, cancel)

    job = make_job(repository, 60, status=JobStatus.RUNNING, desired_workers=1, max_failures_in_row=3)
    assert JobExecutor(repository, job.id, InProcessWorker(every_second)).run() is JobStatus.FAILED
    assert repository.jobs.get(job.id).counters.failed == 30
