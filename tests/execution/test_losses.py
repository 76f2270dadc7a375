"""Units whose node is lost while they run, again and again. The worker says so here; no cluster is there.

Nor does it say that nothing else ran on the node, so that the patient bound holds.
"""

from __future__ import annotations

from collections.abc import Iterator

from abp_tui.domain.failure import MOST_LOSSES_BESIDE, FailureKind
from abp_tui.domain.model import Outcome
from abp_tui.domain.status import AttemptStatus, JobStatus, UnitStatus
from abp_tui.execution.executor import JobExecutor
from abp_tui.store.repository import Repository
from abp_tui.workers.base import Sink, Task
from abp_tui.workers.cancel import Cancel
from tests.factories import InProcessWorker, answer, assert_counters_match, make_job

LOST = FailureKind.NODE_LOST
ENDED = FailureKind.INTERRUPTED


class Ends:
    """Ends one attempt after the other like this; with None it is answered."""

    def __init__(self, *kinds: FailureKind | None) -> None:
        self._kinds: Iterator[FailureKind | None] = iter(kinds)

    def __call__(self, task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        kind = next(self._kinds)
        return answer(task, sink, cancel) if kind is None else Outcome.failed(kind, "its node is lost: gone")


def statuses(repository: Repository, job_id: int) -> list[AttemptStatus]:
    return [attempt.status for attempt in repository.attempts.of_unit(job_id, 0)]


def test_a_unit_that_loses_its_node_again_and_again_has_failed(repository: Repository) -> None:
    job = make_job(repository, 1, status=JobStatus.RUNNING, max_retries=9)
    agent = InProcessWorker(Ends(*[LOST] * (MOST_LOSSES_BESIDE + 1)))
    assert JobExecutor(repository, job.id, agent).run() is JobStatus.FAILED
    unit = repository.units.get(job.id, 0)
    assert unit.failure_kind is LOST
    assert unit.error == "its node was lost 6 times while it ran; the last time, its node is lost: gone"
    broken_off = [AttemptStatus.INTERRUPTED] * (MOST_LOSSES_BESIDE - 1)
    assert statuses(repository, job.id) == [*broken_off, AttemptStatus.FAILED]
    assert_counters_match(repository, job.id)


def test_fewer_losses_spend_no_retry(repository: Repository) -> None:
    job = make_job(repository, 1, status=JobStatus.RUNNING, max_retries=0)
    assert (
        JobExecutor(repository, job.id, InProcessWorker(Ends(LOST, LOST, None))).run() is JobStatus.COMPLETED
    )
    assert repository.units.get(job.id, 0).failures == 0


def test_losses_are_counted_over_executors_and_other_ends_of_them_are_none(repository: Repository) -> None:
    """Each executor is stopped with one loss on record; what it broke off itself in between is no loss."""
    job = make_job(repository, 1, status=JobStatus.RUNNING)

    def run_and_stop(*kinds: FailureKind | None) -> JobStatus:
        if repository.jobs.get(job.id).status is not JobStatus.RUNNING:
            repository.jobs.move(job.id, JobStatus.RUNNING)
        ends = Ends(*kinds)

        def last_of_them(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
            executor.stop()
            return ends(task, sink, cancel)

        executor = JobExecutor(repository, job.id, InProcessWorker(last_of_them))
        return executor.run()

    for _ in range(MOST_LOSSES_BESIDE - 1):
        assert run_and_stop(LOST) is JobStatus.PAUSED
        assert run_and_stop(ENDED) is JobStatus.PAUSED
    assert repository.units.get(job.id, 0).status is UnitStatus.PENDING
    assert run_and_stop(LOST) is JobStatus.FAILED
    assert len(statuses(repository, job.id)) == 2 * MOST_LOSSES_BESIDE - 1


def test_what_is_broken_off_otherwise_is_never_failed_for_it(repository: Repository) -> None:
    job = make_job(repository, 1, status=JobStatus.RUNNING)
    ends = Ends(*[ENDED] * (MOST_LOSSES_BESIDE + 2), None)
    assert JobExecutor(repository, job.id, InProcessWorker(ends)).run() is JobStatus.COMPLETED


def test_another_failure_in_between_and_a_persons_retry_begin_the_count_anew(repository: Repository) -> None:
    job = make_job(repository, 1, status=JobStatus.RUNNING, max_retries=1)
    most = [LOST] * (MOST_LOSSES_BESIDE - 1)
    ends = Ends(*most, FailureKind.TRANSIENT, *most, LOST)
    assert JobExecutor(repository, job.id, InProcessWorker(ends)).run() is JobStatus.FAILED
    repository.units.put_back(job.id, seqs=[0])
    repository.jobs.move(job.id, JobStatus.RUNNING)
    assert JobExecutor(repository, job.id, InProcessWorker(Ends(*most, None))).run() is JobStatus.COMPLETED
