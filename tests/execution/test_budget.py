from __future__ import annotations

import threading

import pytest

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Job, Outcome, Usage
from abp_tui.domain.status import JobStatus
from abp_tui.execution import loop as loop_module
from abp_tui.execution.budget import Budget
from abp_tui.execution.executor import JobExecutor
from abp_tui.execution.mailbox import Mail, Mailbox
from abp_tui.orchestrator import Orchestrator
from abp_tui.settings import Settings
from abp_tui.store.claims import Finished
from abp_tui.store.repository import Repository
from abp_tui.workers.base import Sink, Task
from abp_tui.workers.cancel import Cancel
from tests.execution.test_executor import processing
from tests.execution.test_gate import Account, at_work, let_it_look, running_job
from tests.factories import Behaviour, InProcessWorker, assert_counters_match, make_job
from tests.waiting import wait_until

REACHED = "the budget of $"


def costing(*costs: float | None) -> Behaviour:
    """Answers at these prices in turn, and at the last one from then on."""
    left, lock = list(costs), threading.Lock()

    def behave(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        with lock:
            cost = left.pop(0) if len(left) > 1 else left[0]
        return Outcome(ok=True, output=task.prompt, usage=Usage(cost_usd=cost))

    return behave


def run(repository: Repository, job: Job, behaviour: Behaviour) -> Job:
    JobExecutor(repository, job.id, InProcessWorker(behaviour)).run()
    return repository.jobs.get(job.id)


def attempts(repository: Repository, job: Job) -> int:
    return sum(unit.attempts for unit in repository.units.page(job.id))


@pytest.mark.parametrize(
    ("limit", "paid", "unknown", "spent", "in_flight", "affordable"),
    [
        (None, 3, 0, 3.0, 0, None),  # no limit
        (10.0, 0, 0, 0.0, 0, 1),  # nothing is known yet: one alone tells
        (10.0, 0, 0, 0.0, 1, 0),
        (10.0, 0, 0, 0.0, 50, 0),
        (10.0, 0, 7, 0.0, 0, None),  # and nothing ever tells
        (10.0, 2, 0, 2.0, 0, 8),
        (10.0, 2, 0, 2.0, 3, 5),  # what is in flight is reserved at the mean
        (10.0, 2, 0, 2.0, 8, 0),
        (10.0, 2, 0, 2.0, 50, 0),
        (10.0, 2, 3, 2.0, 0, 5),  # an unknown cost counts as the mean
        (10.0, 2, 3, 2.0, 4, 1),
        (10.0, 4, 0, 2.0, 1, 15),
        (10.0, 2, 0, 9.5, 0, 0),  # less than the mean is left
        (10.0, 1, 0, 10.0, 0, 0),
        (10.0, 1, 0, 11.0, 0, 0),
        (0.3, 1, 0, 0.1, 0, 2),  # and not one, as 0.3 - 0.1 would have it
    ],
)
def test_what_is_affordable(
    limit: float | None, paid: int, unknown: int, spent: float, in_flight: int, affordable: int | None
) -> None:
    assert Budget(limit, paid, unknown, spent).affordable(in_flight) == affordable


def test_an_unknown_cost_counts_as_the_mean_also_where_that_is_known_only_later() -> None:
    budget = Budget(10.0, 0, 0, 0.0)
    for cost in (None, None, 1.0):
        budget.spend(cost)
    assert budget.affordable(0) == 7
    budget.spend(4.0)  # a mean of 2.5: 5 are spent, and 5 for the unknown ones
    assert budget.affordable(0) == 0


def test_what_cost_nothing_does_not_lower_the_mean() -> None:
    budget = Budget(10.0, 1, 0, 2.0)
    for _ in range(100):
        budget.spend(0.0)
    assert budget.affordable(0) == 4


@pytest.mark.parametrize(("ok", "affordable"), [(True, None), (False, 1)])
def test_only_work_that_was_done_for_nothing_shows_that_it_costs_nothing(
    ok: bool, affordable: int | None
) -> None:
    budget = Budget(10.0, 0, 0, 0.0)
    budget.spend(0.0, ok=ok)
    assert budget.affordable(0) == affordable


def test_a_budget_holds_also_before_any_cost_is_known(repository: Repository) -> None:
    job = running_job(repository, 12, budget_usd=0.02, desired_workers=12)
    assert run(repository, job, costing(0.01)).status is JobStatus.PAUSED
    assert repository.jobs.get(job.id).cost_usd == pytest.approx(0.02)
    assert attempts(repository, job) == 2


@pytest.mark.parametrize("cost", [None, 0.0], ids=["unknown", "none"])
def test_without_a_cost_to_count_by_all_go_on(repository: Repository, cost: float | None) -> None:
    job = running_job(repository, 12, budget_usd=0.02, desired_workers=4)
    assert run(repository, job, costing(cost)).status is JobStatus.COMPLETED


def test_what_is_in_flight_is_reserved_and_the_cost_of_the_test_counted(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop_module, "BEAT_S", 0.02)
    account = Account()
    orchestrator = Orchestrator(repository, account, settings=Settings())
    job = make_job(repository, 20, budget_usd=0.04, max_workers=8, desired_workers=8)
    assert orchestrator.test(job.id).cost_usd == 0.01
    orchestrator.approve(job.id)
    account.permits = threading.Semaphore(0)
    with at_work(repository, job, account) as ended:
        wait_until(lambda: processing(repository, job.id) == 3)
        let_it_look(repository, job.id)
        assert processing(repository, job.id) == 3
        account.permits.release(3)
    assert ended == [JobStatus.PAUSED]
    paused = repository.jobs.get(job.id)
    assert (paused.pause_reason or "").startswith(f"{REACHED}0.04 is reached")
    assert paused.cost_usd == pytest.approx(0.04)
    assert (paused.counters.completed, paused.counters.pending) == (4, 16)


def test_the_cost_of_an_end_that_is_not_heard_of_yet_stays_reserved(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slots are free a moment before the ends of their units are heard of: here all but one, each time."""
    collect = Mailbox.collect
    later: list[Finished] = []

    def one_end_at_a_time(mailbox: Mailbox, timeout: float) -> Mail:
        mail = collect(mailbox, timeout)
        later.extend(mail.finished)
        mail.finished, later[:] = later[:1], later[1:]
        return mail

    monkeypatch.setattr(Mailbox, "collect", one_end_at_a_time)
    job = running_job(repository, 20, budget_usd=4.0, desired_workers=8)
    assert run(repository, job, costing(1.0)).status is JobStatus.PAUSED
    assert (attempts(repository, job), repository.jobs.get(job.id).cost_usd) == (4, 4.0)


def test_what_was_spent_before_a_resume_counts_and_a_raised_budget_goes_on(repository: Repository) -> None:
    job = running_job(repository, 10, budget_usd=3.0, desired_workers=1)
    behaviour = costing(1.0)
    assert run(repository, job, behaviour).status is JobStatus.PAUSED
    assert attempts(repository, job) == 3

    orchestrator = Orchestrator(repository, InProcessWorker(), settings=Settings())
    orchestrator.resume(job.id)
    again = run(repository, job, behaviour)
    assert (again.status, (again.pause_reason or "")[: len(REACHED)]) == (JobStatus.PAUSED, REACHED)
    assert attempts(repository, job) == 3

    orchestrator.set_limits(job.id, budget_usd=5.0)
    orchestrator.resume(job.id)
    assert run(repository, job, behaviour).status is JobStatus.PAUSED
    assert attempts(repository, job) == 5

    orchestrator.set_limits(job.id, budget_usd=100.0)
    orchestrator.resume(job.id)
    assert run(repository, job, behaviour).status is JobStatus.COMPLETED
    assert_counters_match(repository, job.id)


def test_unknown_costs_count_within_a_run_and_after_a_resume(repository: Repository) -> None:
    job = running_job(repository, 10, budget_usd=4.0, desired_workers=1)
    assert run(repository, job, costing(None, 1.0, None)).status is JobStatus.PAUSED
    assert attempts(repository, job) == 4
    assert repository.jobs.get(job.id).cost_usd == pytest.approx(1.0)
    orchestrator = Orchestrator(repository, InProcessWorker(), settings=Settings())
    orchestrator.set_limits(job.id, budget_usd=5.0)
    orchestrator.resume(job.id)
    assert run(repository, job, costing(None)).status is JobStatus.PAUSED
    assert attempts(repository, job) == 5


def test_failed_attempts_are_paid_for_too(repository: Repository) -> None:
    def fails(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        return Outcome.failed(FailureKind.PERMANENT, "404", usage=Usage(cost_usd=1.0))

    job = running_job(repository, 10, budget_usd=2.0, desired_workers=1)
    assert run(repository, job, fails).status is JobStatus.PAUSED
    assert attempts(repository, job) == 2


def test_a_budget_that_just_suffices_is_not_in_the_way(repository: Repository) -> None:
    job = running_job(repository, 3, budget_usd=3.0, desired_workers=2)
    assert run(repository, job, costing(1.0)).status is JobStatus.COMPLETED


def test_attempts_that_met_a_limit_reserve_no_less_for_the_others(repository: Repository) -> None:
    """Of a budget of 4, 2 are spent on one: one more, however many cost nothing."""
    job = running_job(repository, 20, budget_usd=4.0, desired_workers=8)
    with repository.database.writing() as db:
        for number, cost in enumerate((2.0, *[0.0] * 9)):
            db.execute_sql(
                "INSERT INTO attempt (job_id, seq, number, purpose, recipe_version, executor, host, boot_id, "
                "status, started_at, prompt, cost_usd) "
                "VALUES (?, 19, ?, 'run', 1, 'e', 'h', 'b', 'FAILED', 0, '', ?)",
                (job.id, number + 100, cost),
            )
    assert run(repository, job, costing(2.0)).status is JobStatus.PAUSED
    assert attempts(repository, job) == 1
