from __future__ import annotations

import threading

import pytest

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Denial, Event, EventKind, Outcome, Usage
from abp_tui.domain.status import AttemptStatus, Desired, JobStatus, UnitStatus, Verdict
from abp_tui.errors import IllegalTransition, LeaseHeld, LeaseLost
from abp_tui.execution import loop as loop_module
from abp_tui.execution.executor import JobExecutor
from abp_tui.execution.loop import Callbacks
from abp_tui.store.repository import Repository
from abp_tui.workers.base import Sink, Task
from abp_tui.workers.cancel import Cancel
from tests.factories import (
    FailAnew,
    InProcessWorker,
    answer,
    assert_counters_match,
    fail,
    make_job,
    wait_for_cancel,
)
from tests.store.test_migrations import hold_lease
from tests.waiting import wait_until


def run(repository: Repository, job_id: int, worker: InProcessWorker | None = None) -> JobStatus:
    return JobExecutor(repository, job_id, worker=worker or InProcessWorker()).run()


def run_in_thread(
    repository: Repository, job_id: int, worker: InProcessWorker
) -> tuple[threading.Thread, JobExecutor, list[object]]:
    """An executor in a thread; the list gets its status, or the error it raised."""
    executor, ended = JobExecutor(repository, job_id, worker=worker), list[object]()

    def target() -> None:
        try:
            ended.append(executor.run())
        except Exception as error:
            ended.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    return thread, executor, ended


def processing(repository: Repository, job_id: int) -> int:
    return repository.jobs.get(job_id).counters.processing


@pytest.mark.parametrize("workers", [1, 8, 64])
def test_five_hundred_of_five_hundred(repository: Repository, workers: int) -> None:
    job = make_job(repository, 500, status=JobStatus.RUNNING, desired_workers=workers)
    worker = InProcessWorker()
    assert run(repository, job.id, worker) is JobStatus.COMPLETED
    assert sorted(worker.prompts) == sorted(f"Do {n}" for n in range(500))
    done = repository.jobs.get(job.id)
    assert done.counters.completed == 500
    assert done.cost_usd == pytest.approx(5.0)
    assert (done.lease, done.finished_at is not None) == (None, True)
    assert_counters_match(repository, job.id)


def test_every_unit_has_its_attempt_conversation_and_result(repository: Repository) -> None:
    job = make_job(repository, 2, status=JobStatus.RUNNING)
    run(repository, job.id)
    unit = repository.units.get(job.id, 1)
    assert (unit.status, unit.verdict, unit.output, unit.attempts) == ("COMPLETED", "ok", "Do 1", 1)
    (attempt,) = repository.attempts.of_unit(job.id, 1)
    assert (attempt.status, attempt.prompt, attempt.session_id) == (AttemptStatus.COMPLETED, "Do 1", "s-1")
    assert attempt.usage == Usage(cost_usd=0.01, turns=1)
    events = [(event.kind, event.body) for event in repository.attempts.events(attempt.id)]
    assert events == [(EventKind.PROMPT, "Do 1"), (EventKind.TEXT, "I was asked: Do 1")]


def test_failures_are_retried_in_line_and_every_attempt_is_kept_and_paid(repository: Repository) -> None:
    job = make_job(repository, 10, status=JobStatus.RUNNING, max_retries=2)
    assert run(repository, job.id, InProcessWorker(FailAnew(2))) is JobStatus.COMPLETED
    attempts = repository.attempts.of_unit(job.id, 4)
    assert [a.status for a in attempts] == ["FAILED", "FAILED", "COMPLETED"]
    assert [a.number for a in attempts] == [1, 2, 3]
    assert repository.units.get(job.id, 4).cost_usd == pytest.approx(0.05)
    assert repository.jobs.get(job.id).cost_usd == pytest.approx(0.5)
    assert_counters_match(repository, job.id)


@pytest.mark.parametrize(("max_retries", "attempts"), [(0, 1), (1, 2), (3, 4)])
def test_a_unit_that_always_fails_has_failed_after_its_retries(
    repository: Repository, max_retries: int, attempts: int
) -> None:
    job = make_job(repository, 3, status=JobStatus.RUNNING, max_retries=max_retries)
    assert run(repository, job.id, InProcessWorker(FailAnew())) is JobStatus.FAILED
    unit = repository.units.get(job.id, 0)
    assert (unit.status, unit.attempts) == (UnitStatus.FAILED, attempts)
    assert (unit.error or "").startswith("it did not work")
    assert unit.failure_kind is FailureKind.AGENT_ERROR
    assert_counters_match(repository, job.id)


def test_a_permanent_failure_is_tried_once(repository: Repository) -> None:
    def refused(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        return Outcome.failed(FailureKind.PERMANENT, "404")

    job = make_job(repository, 1, status=JobStatus.RUNNING, max_retries=5)
    assert run(repository, job.id, InProcessWorker(refused)) is JobStatus.FAILED
    assert repository.units.get(job.id, 0).attempts == 1


@pytest.mark.parametrize("kind", [FailureKind.LOGIN, FailureKind.REFUSED_TO_START])
def test_what_every_unit_would_meet_holds_the_job_and_costs_no_retry(
    repository: Repository, kind: FailureKind
) -> None:
    def limited(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        return Outcome.failed(kind, "resets at 3pm")

    job = make_job(repository, 50, status=JobStatus.RUNNING, desired_workers=2)
    worker = InProcessWorker(limited)
    assert run(repository, job.id, worker) is JobStatus.PAUSED
    held = repository.jobs.get(job.id)
    assert "resets at 3pm" in (held.pause_reason or "")
    assert held.counters.pending == 50
    assert len(worker.prompts) < 10
    assert all(unit.failures == 0 for unit in repository.units.page(job.id))
    assert_counters_match(repository, job.id)


def test_a_field_that_an_item_lacks_is_empty_in_its_prompt(repository: Repository) -> None:
    job = make_job(repository, payloads=[{"n": 1}, {"m": 2}, {"n": None}], status=JobStatus.RUNNING)
    worker = InProcessWorker()
    assert run(repository, job.id, worker) is JobStatus.COMPLETED
    assert sorted(worker.prompts) == ["Do ", "Do ", "Do 1"]


def test_text_that_utf_8_can_not_hold_is_recorded_all_the_same(repository: Repository) -> None:
    bad = "half a pair: \ud800"

    def says_it_everywhere(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        sink.event(Event(kind=EventKind.TEXT, body=bad, title=bad, ref=bad, raw=bad))
        return Outcome(ok="1" in task.prompt, output=bad, error=bad, result={"said": bad}, last_tool=bad)

    items = [{"n": f"{n}\ud800"} for n in range(2)]
    job = make_job(repository, payloads=items, status=JobStatus.RUNNING)
    assert run(repository, job.id, InProcessWorker(says_it_everywhere)) is JobStatus.FAILED
    assert repository.units.get(job.id, 0).error == "half a pair: ?"
    assert repository.units.get(job.id, 1).payload == items[1]
    assert repository.units.get(job.id, 1).result == {"said": bad}
    (attempt,) = repository.attempts.of_unit(job.id, 1)
    assert attempt.prompt == "Do 1?"


def test_a_worker_that_raises_fails_its_unit_only(repository: Repository) -> None:
    def raises(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        if task.prompt == "Do 1":
            raise ZeroDivisionError("of theirs")
        return answer(task, sink, cancel)

    job = make_job(repository, 3, status=JobStatus.RUNNING)
    assert run(repository, job.id, InProcessWorker(raises)) is JobStatus.FAILED
    assert repository.units.get(job.id, 1).error == "ZeroDivisionError: of theirs"
    assert repository.jobs.get(job.id).counters.completed == 2


def test_a_unit_whose_agent_was_denied_something_is_blocked_and_not_done(repository: Repository) -> None:
    def denied(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        return Outcome(ok=True, output="I could not write", denials=(Denial(tool="Write"),))

    job = make_job(repository, 2, status=JobStatus.RUNNING)
    assert run(repository, job.id, InProcessWorker(denied)) is JobStatus.COMPLETED
    assert repository.units.get(job.id, 0).verdict is Verdict.BLOCKED
    counters = repository.jobs.get(job.id).counters
    assert (counters.completed, counters.suspect) == (0, 2)
    assert_counters_match(repository, job.id)


def test_pause_lets_running_units_finish(repository: Repository) -> None:
    release = threading.Event()

    def until_released(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        assert release.wait(30)
        return answer(task, sink, cancel)

    job = make_job(repository, 20, status=JobStatus.RUNNING, desired_workers=3)
    thread, _, ended = run_in_thread(repository, job.id, InProcessWorker(until_released))
    wait_until(lambda: processing(repository, job.id) == 3)
    repository.jobs.ask(job.id, desired=Desired.PAUSE)
    release.set()
    thread.join(20)
    assert ended == [JobStatus.PAUSED]
    counters = repository.jobs.get(job.id).counters
    assert counters.completed >= 3
    assert counters.completed + counters.pending == 20
    assert_counters_match(repository, job.id)


@pytest.mark.parametrize("by_signal", [True, False])
def test_stop_ends_the_agents_and_their_units_wait_again(repository: Repository, by_signal: bool) -> None:
    job = make_job(repository, 20, status=JobStatus.RUNNING, desired_workers=3)
    thread, executor, ended = run_in_thread(repository, job.id, InProcessWorker(wait_for_cancel))
    wait_until(lambda: processing(repository, job.id) == 3)
    if by_signal:
        executor.stop()
    else:
        repository.jobs.ask(job.id, desired=Desired.STOP)
    thread.join(20)
    assert ended == [JobStatus.PAUSED]
    assert repository.jobs.get(job.id).counters.pending == 20
    assert [a.status for a in repository.attempts.of_unit(job.id, 0)] == [AttemptStatus.INTERRUPTED]
    assert repository.units.get(job.id, 0).failures == 0
    assert_counters_match(repository, job.id)


def beat_of(repository: Repository, job_id: int) -> int:
    lease = repository.jobs.get(job_id).lease
    assert lease is not None
    return lease.beat


def test_workers_change_while_it_runs(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_module, "BEAT_S", 0.02)
    gate = threading.Semaphore(0)

    def one_at_a_time(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        assert gate.acquire(timeout=30)
        return answer(task, sink, cancel)

    job = make_job(repository, 30, status=JobStatus.RUNNING, desired_workers=2)
    thread, _, ended = run_in_thread(repository, job.id, InProcessWorker(one_at_a_time))
    wait_until(lambda: processing(repository, job.id) == 2)
    repository.jobs.ask(job.id, workers=6)
    wait_until(lambda: processing(repository, job.id) == 6)
    repository.jobs.ask(job.id, workers=1)
    beat = beat_of(repository, job.id)
    wait_until(lambda: beat_of(repository, job.id) >= beat + 4)  # it has been round since
    gate.release(5)
    wait_until(lambda: repository.jobs.get(job.id).counters.completed == 5)
    wait_until(lambda: processing(repository, job.id) == 1)
    gate.release(100)
    thread.join(20)
    assert ended == [JobStatus.COMPLETED]


def test_a_unit_put_back_while_the_job_runs_is_run_again(repository: Repository) -> None:
    release = threading.Event()

    def first_slow(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        if task.prompt == "Do 0":
            assert release.wait(30)
        return answer(task, sink, cancel)

    job = make_job(repository, 3, status=JobStatus.RUNNING, desired_workers=2)
    worker = InProcessWorker(first_slow)
    thread, _, _ = run_in_thread(repository, job.id, worker)
    wait_until(lambda: repository.jobs.get(job.id).counters.completed == 2)
    repository.units.put_back(job.id, [2])
    wait_until(lambda: worker.prompts.count("Do 2") == 2)
    release.set()
    thread.join(20)
    assert repository.units.get(job.id, 2).attempts == 2
    assert_counters_match(repository, job.id)


def test_the_budget_stops_the_claiming(repository: Repository) -> None:
    job = make_job(repository, 100, status=JobStatus.RUNNING, desired_workers=1, budget_usd=0.10)
    assert run(repository, job.id) is JobStatus.PAUSED
    paused = repository.jobs.get(job.id)
    assert "budget" in (paused.pause_reason or "")
    assert 0.08 <= (paused.cost_usd or 0) <= 0.1 + 1e-9


def test_only_a_running_job_is_run(repository: Repository) -> None:
    job = make_job(repository)
    with pytest.raises(IllegalTransition, match="not RUNNING"):
        run(repository, job.id)
    assert repository.jobs.get(job.id).lease is None


def test_a_second_executor_names_the_first(repository: Repository) -> None:
    job = make_job(repository, status=JobStatus.RUNNING)
    hold_lease(repository, job.id)
    with pytest.raises(LeaseHeld, match="by process"):
        run(repository, job.id)


def test_an_executor_that_lost_its_lease_writes_nothing_more(repository: Repository) -> None:
    job = make_job(repository, 5, status=JobStatus.RUNNING, desired_workers=2)
    thread, _, ended = run_in_thread(repository, job.id, InProcessWorker(wait_for_cancel))
    wait_until(lambda: processing(repository, job.id) == 2)
    with repository.database.writing() as db:
        db.execute_sql("UPDATE job SET executor = 'another'")
    thread.join(20)
    assert len(ended) == 1
    assert isinstance(ended[0], LeaseLost)
    assert processing(repository, job.id) == 2
    assert {a.status for a in repository.attempts.running(job.id)} == {AttemptStatus.RUNNING}


def test_callbacks_tell_what_is_recorded(repository: Repository) -> None:
    told: list[tuple[str, object]] = []
    callbacks = Callbacks(
        unit_started=lambda claim: told.append(("started", claim.seq)),
        event=lambda _, event: told.append(("event", event.kind)),
        unit_finished=lambda end: told.append(
            ("finished", repository.units.get(job.id, end.claim.seq).status)
        ),
        job_changed=lambda changed: told.append(("job", changed.status)),
    )
    job = make_job(repository, 1, status=JobStatus.RUNNING)
    JobExecutor(repository, job.id, InProcessWorker(), callbacks).run()
    assert ("started", 0) in told
    assert [what for name, what in told if name == "event"] == [EventKind.PROMPT, EventKind.TEXT]
    assert told[-2:] == [("finished", UnitStatus.COMPLETED), ("job", JobStatus.COMPLETED)]


def test_events_reach_the_store_while_the_agent_works(repository: Repository) -> None:
    release = threading.Event()

    def talks_then_waits(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        sink.event(Event(kind=EventKind.TEXT, body="thinking about it"))
        assert release.wait(30)
        return answer(task, sink, cancel)

    job = make_job(repository, 1, status=JobStatus.RUNNING)
    thread, _, _ = run_in_thread(repository, job.id, InProcessWorker(talks_then_waits))
    (attempt,) = wait_until(lambda: repository.attempts.running(job.id))
    wait_until(lambda: len(repository.attempts.events(attempt.id)) == 2)
    assert repository.jobs.get(job.id).counters.processing == 1
    release.set()
    thread.join(20)


def test_a_test_leaves_the_job_for_review(repository: Repository) -> None:
    job = make_job(repository, 3)
    JobExecutor(repository, job.id, InProcessWorker()).run_test(1)
    tested = repository.jobs.get(job.id)
    assert (tested.status, tested.lease, tested.counters.completed) == (JobStatus.TESTING, None, 1)
    assert repository.units.get(job.id, 1).status is UnitStatus.COMPLETED
    assert_counters_match(repository, job.id)


def test_a_failed_test_is_not_retried(repository: Repository) -> None:
    job = make_job(repository, 3, max_retries=5)
    JobExecutor(repository, job.id, InProcessWorker(fail)).run_test(0)
    assert repository.jobs.get(job.id).status is JobStatus.TESTING
    assert repository.units.get(job.id, 0).status is UnitStatus.FAILED
    assert len(repository.attempts.of_unit(job.id, 0)) == 1


def test_a_stopped_test_makes_the_job_created_again(repository: Repository) -> None:
    job = make_job(repository, 3)
    executor = JobExecutor(repository, job.id, InProcessWorker(wait_for_cancel))
    thread = threading.Thread(target=executor.run_test, args=(0,))
    thread.start()
    wait_until(lambda: processing(repository, job.id) == 1)
    repository.jobs.ask(job.id, desired=Desired.STOP)
    thread.join(20)
    assert repository.jobs.get(job.id).status is JobStatus.CREATED
    assert repository.units.get(job.id, 0).status is UnitStatus.PENDING
    assert_counters_match(repository, job.id)


def test_a_unit_that_runs_can_not_be_put_back(repository: Repository) -> None:
    job = make_job(repository, 2, status=JobStatus.RUNNING, desired_workers=1)
    thread, executor, _ = run_in_thread(repository, job.id, InProcessWorker(wait_for_cancel))
    wait_until(lambda: processing(repository, job.id) == 1)
    with pytest.raises(IllegalTransition, match="has not ended"):
        repository.units.put_back(job.id, [0])
    executor.stop()
    thread.join(20)
    assert_counters_match(repository, job.id)


def test_a_test_that_uses_the_budget_up_still_comes_to_review(repository: Repository) -> None:
    job = make_job(repository, 3, budget_usd=0.01)
    JobExecutor(repository, job.id, InProcessWorker()).run_test(0)
    assert repository.jobs.get(job.id).status is JobStatus.TESTING
    assert repository.units.get(job.id, 0).status is UnitStatus.COMPLETED


def test_a_test_whose_agent_ends_well_though_it_was_stopped_comes_to_review(repository: Repository) -> None:
    began = threading.Event()

    def ends_well(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        began.set()
        wait_for_cancel(task, sink, cancel)
        return answer(task, sink, cancel)

    job = make_job(repository, 3)
    executor = JobExecutor(repository, job.id, InProcessWorker(ends_well))
    thread = threading.Thread(target=executor.run_test, args=(0,))
    thread.start()
    assert began.wait(20)
    executor.stop()
    thread.join(20)
    assert repository.jobs.get(job.id).status is JobStatus.TESTING
    assert_counters_match(repository, job.id)


def test_an_executor_that_fails_leaves_nothing_half_done(repository: Repository) -> None:
    def breaks(claim: object) -> None:
        raise ZeroDivisionError("a callback's fault")

    job = make_job(repository, 5, status=JobStatus.RUNNING)
    with pytest.raises(ZeroDivisionError):
        JobExecutor(repository, job.id, InProcessWorker(), Callbacks(unit_started=breaks)).run()
    after = repository.jobs.get(job.id)
    assert (after.status, after.lease, after.counters.processing) == (JobStatus.PAUSED, None, 0)
    assert "a callback's fault" in (after.pause_reason or "")
    assert repository.attempts.running(job.id) == []
    assert_counters_match(repository, job.id)


def test_a_test_that_is_interrupted_leaves_the_job_created(repository: Repository) -> None:
    def interrupts(attempt_id: int, event: Event) -> None:
        raise KeyboardInterrupt

    job = make_job(repository, 3)
    with pytest.raises(KeyboardInterrupt):
        JobExecutor(repository, job.id, InProcessWorker(), Callbacks(event=interrupts)).run_test(0)
    assert repository.jobs.get(job.id).status is JobStatus.CREATED
    assert_counters_match(repository, job.id)


def test_a_worker_that_exits_fails_its_unit_only(repository: Repository) -> None:
    def exits(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        raise SystemExit("goodbye")

    job = make_job(repository, 2, status=JobStatus.RUNNING)
    assert run(repository, job.id, InProcessWorker(exits)) is JobStatus.FAILED
    assert_counters_match(repository, job.id)


def test_the_lease_beats_while_an_agent_thinks(repository: Repository) -> None:
    job = make_job(repository, 1, status=JobStatus.RUNNING)
    thread, executor, _ = run_in_thread(repository, job.id, InProcessWorker(wait_for_cancel))
    wait_until(lambda: processing(repository, job.id) == 1)

    def beat() -> int:
        lease = repository.jobs.get(job.id).lease
        return lease.beat if lease else 0

    first = wait_until(beat)
    wait_until(lambda: beat() >= first + 2)
    executor.stop()
    thread.join(20)
