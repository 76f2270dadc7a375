from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.gate import probing
from abp_tui.domain.model import Gate, Job, Outcome, Usage
from abp_tui.domain.status import AttemptStatus, Desired, GateState, JobStatus, Phase, Purpose, UnitStatus
from abp_tui.execution import gate as gate_module
from abp_tui.execution import loop as loop_module
from abp_tui.execution.assignment import WholeJob
from abp_tui.execution.executor import JobExecutor
from abp_tui.execution.gate import LOGIN_WINDOW_S, Gatekeeper, Logins, Ramp, gate_scope
from abp_tui.execution.outage import Room
from abp_tui.orchestrator import Orchestrator
from abp_tui.settings import Settings
from abp_tui.store.claims import Claim, Finished
from abp_tui.store.gates import GateRows
from abp_tui.store.repository import Repository
from abp_tui.views import view_job
from abp_tui.workers.base import Sink, Task
from abp_tui.workers.cancel import Cancel
from tests.execution.test_executor import processing, run_in_thread
from tests.execution.test_rollbacks import FailOnce
from tests.execution.test_synthesis import make
from tests.factories import InProcessWorker, answer, assert_counters_match, make_job
from tests.waiting import wait_until

SCOPE = "in-process:"
LOGIN = Outcome.failed(FailureKind.LOGIN, "Invalid API key", usage=Usage(cost_usd=0.0))


def limit(seconds: float | None = 3600.0) -> Outcome:
    resets_at = None if seconds is None else datetime.now(UTC) + timedelta(seconds=seconds)
    return Outcome.failed(
        FailureKind.USAGE_LIMIT, "You've hit your limit", resets_at=resets_at, usage=Usage(cost_usd=0.0)
    )


class Account(InProcessWorker):
    """Agents of one account: each attempt ends with what `refuses` gives for its prompt, else it answers.

    While `permits` is a semaphore, an attempt answers only once it gets one.
    """

    def __init__(self) -> None:
        super().__init__(self.behave)
        self.refuses: Callable[[str], Outcome | None] = lambda prompt: None
        self.permits: threading.Semaphore | None = None

    def behave(self, task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        if refused := self.refuses(task.prompt):
            return refused
        if self.permits is not None:
            assert self.permits.acquire(timeout=30)
        return answer(task, sink, cancel)


def once(outcome: Callable[[], Outcome], begins: str = "") -> Callable[[str], Outcome | None]:
    """Refuses the first prompt that begins so."""
    left = threading.Semaphore(1)
    return lambda prompt: outcome() if prompt.startswith(begins) and left.acquire(blocking=False) else None


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def quick_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_module, "BEAT_S", 0.02)


def put(repository: Repository, gate: Gate) -> None:
    with repository.database.writing() as db:
        rows = GateRows(db.connection())
        assert rows.swap(rows.get(gate.scope), gate)


def shut(repository: Repository, seconds: float | None = 3600.0, reason: str = "usage limit") -> Gate:
    """Close the gate of the in-process workers, for so many seconds or until a person resumes."""
    until = None if seconds is None else datetime.now(UTC) + timedelta(seconds=seconds)
    gate = Gate(scope=SCOPE, state=GateState.CLOSED, until=until, reason=reason)
    put(repository, gate)
    return gate


def state(repository: Repository) -> GateState:
    return repository.gates.get(SCOPE).state


def let_it_look(repository: Repository, job_id: int) -> None:
    """Wait until the job's executor has been round several times."""
    lease = repository.jobs.get(job_id).lease
    assert lease is not None
    wait_until(lambda: (now := repository.jobs.get(job_id).lease) and now.beat >= lease.beat + 4)


@contextmanager
def at_work(repository: Repository, job: Job, account: Account) -> Any:
    """An executor of the job in a thread, which has ended when this has."""
    thread, executor, ended = run_in_thread(repository, job.id, account)
    try:
        wait_until(lambda: repository.jobs.get(job.id).lease or ended)
        yield ended
        thread.join(30)
        assert not thread.is_alive()
    finally:
        executor.stop()
        if account.permits is not None:
            account.permits.release(1000)
        thread.join(30)


def running_job(repository: Repository, count: int = 10, **more: Any) -> Job:
    return make_job(repository, count, status=JobStatus.RUNNING, **more)


# A usage limit


def test_at_the_reset_one_unit_tries_it_and_then_they_all_run_at_no_retry(
    repository: Repository, account: Account
) -> None:
    began = datetime.now(UTC)
    resets_at = began + timedelta(seconds=1)
    account.refuses = lambda _: (
        limit().model_copy(update={"resets_at": resets_at}) if datetime.now(UTC) < resets_at else None
    )
    job = running_job(repository, 20, max_workers=8, desired_workers=8, max_retries=0)
    assert JobExecutor(repository, job.id, account).run() is JobStatus.COMPLETED
    attempts = [a for seq in range(20) for a in repository.attempts.of_unit(job.id, seq)]
    limited = [a for a in attempts if a.status is AttemptStatus.FAILED]
    assert 1 <= len(limited) <= 8
    assert len(attempts) == 20 + len(limited)
    tries = sorted((a for a in attempts if a not in limited), key=lambda a: a.id)
    assert tries[0].started_at >= resets_at
    assert tries[0].ended_at is not None
    assert all(a.started_at >= tries[0].ended_at for a in tries[1:])
    assert all(unit.failures == 0 for unit in repository.units.page(job.id))
    assert repository.gates.get(SCOPE) == Gate(scope=SCOPE)
    assert_counters_match(repository, job.id)


def test_while_it_is_closed_nothing_starts_and_the_job_goes_on(
    repository: Repository, account: Account, quick_beats: None
) -> None:
    account.refuses = lambda _: limit()
    job = running_job(repository, 10, desired_workers=2)
    with at_work(repository, job, account):
        wait_until(lambda: state(repository) is GateState.CLOSED and not processing(repository, job.id))
        begun = len(account.prompts)
        let_it_look(repository, job.id)
        assert len(account.prompts) == begun <= 2
        view = view_job(repository.jobs.get(job.id))
        assert (view.status, view.phase, view.pending_units) == (JobStatus.RUNNING, Phase.GATED, 10)
        assert view.gate is not None
        assert (view.gate.state, view.gate.reason, view.gate.is_known) == ("closed", "usage limit", True)
        account.refuses = lambda _: None
        assert repository.gates.ask(SCOPE)
    assert repository.jobs.get(job.id).status is JobStatus.COMPLETED


def test_what_runs_when_it_closes_finishes(
    repository: Repository, account: Account, quick_beats: None
) -> None:
    account.permits = threading.Semaphore(0)
    job = running_job(repository, 10, desired_workers=3)
    with at_work(repository, job, account):
        wait_until(lambda: processing(repository, job.id) == 3)
        shut(repository)
        account.permits.release(3)
        wait_until(lambda: repository.jobs.get(job.id).counters.completed == 3)
        let_it_look(repository, job.id)
        assert len(account.prompts) == 3
        assert state(repository) is GateState.CLOSED
        account.permits.release(10)
        repository.gates.ask(SCOPE)


def test_the_slots_are_doubled_with_each_round_that_gets_through(
    repository: Repository, account: Account, quick_beats: None
) -> None:
    shut(repository, seconds=0.0)
    account.permits = threading.Semaphore(0)
    job = running_job(repository, 40, max_workers=8, desired_workers=8)
    with at_work(repository, job, account):
        for slots in (1, 2, 4, 8):
            wait_until(lambda slots=slots: processing(repository, job.id) == slots)  # type: ignore[misc]
            let_it_look(repository, job.id)
            assert processing(repository, job.id) == slots
            account.permits.release(slots)
        account.permits.release(100)
    assert repository.jobs.get(job.id).counters.completed == 40


def test_another_jobs_executor_starts_few_as_well_once_it_opens(
    repository: Repository, account: Account, quick_beats: None
) -> None:
    shut(repository)
    account.permits = threading.Semaphore(0)
    job = running_job(repository, 20, max_workers=8, desired_workers=8)
    with at_work(repository, job, account):
        let_it_look(repository, job.id)
        assert not account.prompts
        put(repository, Gate(scope=SCOPE))
        wait_until(lambda: processing(repository, job.id) == 1)
        let_it_look(repository, job.id)
        assert processing(repository, job.id) == 1
        account.permits.release(100)


def test_a_try_that_meets_the_limit_again_closes_it_again(
    repository: Repository, account: Account, quick_beats: None
) -> None:
    shut(repository, seconds=0.0)
    account.refuses = lambda _: limit(None)
    job = running_job(repository, 10)
    with at_work(repository, job, account):
        wait_until(lambda: state(repository) is GateState.CLOSED and account.prompts)
        let_it_look(repository, job.id)
        assert len(account.prompts) == 1
        gate = repository.gates.get(SCOPE)
        assert (gate.tries, gate.until is not None and gate.until > datetime.now(UTC)) == (1, True)
        account.refuses = lambda _: None
        repository.gates.ask(SCOPE)


def test_a_try_that_is_stopped_leaves_it_to_the_next_one(repository: Repository, account: Account) -> None:
    shut(repository, seconds=0.0)

    def until_ended(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        wait_until(lambda: cancel.requested, seconds=30)
        return Outcome.failed(FailureKind.INTERRUPTED, "ended")

    account._behaviour = until_ended
    job = running_job(repository, 3)
    with at_work(repository, job, account) as ended:
        wait_until(lambda: state(repository) is GateState.PROBING)
        assert view_job(repository.jobs.get(job.id)).phase is Phase.GATED
        repository.jobs.ask(job.id, desired=Desired.STOP)
    assert ended == [JobStatus.PAUSED]
    assert state(repository) is GateState.CLOSED
    other = running_job(repository, 3, name="other")
    assert JobExecutor(repository, other.id, Account()).run() is JobStatus.COMPLETED
    assert state(repository) is GateState.OPEN


def test_an_order_to_pause_is_obeyed_while_it_is_closed(repository: Repository, account: Account) -> None:
    shut(repository)
    job = running_job(repository, 3)
    with at_work(repository, job, account) as ended:
        repository.jobs.ask(job.id, desired=Desired.PAUSE)
    assert ended == [JobStatus.PAUSED]
    assert repository.jobs.get(job.id).pause_reason == "paused by a person"
    assert not account.prompts


def test_a_limit_met_by_all_slots_at_once_is_no_run_of_failures(
    repository: Repository, account: Account
) -> None:
    limited = threading.Barrier(8)

    def refuses(prompt: str) -> Outcome | None:
        if len(account.prompts) > 8:
            return None
        limited.wait(30)
        return limit(0.2)

    account.refuses = refuses
    job = running_job(repository, 20, max_workers=8, desired_workers=8, max_failures_in_row=3)
    assert JobExecutor(repository, job.id, account).run() is JobStatus.COMPLETED


def test_it_is_looked_at_again_within_the_transaction_that_takes_units(
    repository: Repository, account: Account, monkeypatch: pytest.MonkeyPatch, quick_beats: None
) -> None:
    closed: list[Gate] = []

    def just_then(room: Room) -> None:
        if not closed:
            closed.append(shut(Repository(repository.path)))

    monkeypatch.setattr(Room, "lacks", just_then)
    job = running_job(repository, 3)
    with at_work(repository, job, account):
        let_it_look(repository, job.id)
        assert (closed, account.prompts) == ([repository.gates.get(SCOPE)], [])
        repository.gates.ask(SCOPE)


def test_that_it_has_opened_is_seen_before_anything_else_is_written(
    repository: Repository, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, seen_closed = Gatekeeper.room, threading.Event()

    def watched(keeper: Gatekeeper, busy: int) -> int | None:
        found = room(keeper, busy)
        if found == 0:
            seen_closed.set()
        return found

    monkeypatch.setattr(Gatekeeper, "room", watched)
    monkeypatch.setattr(loop_module, "BEAT_S", 3600.0)
    account.permits = threading.Semaphore(0)
    job = running_job(repository, 3, desired_workers=1)
    with at_work(repository, job, account):
        wait_until(lambda: processing(repository, job.id) == 1)
        shut(repository)
        repository.jobs.ask(job.id, workers=3)
        assert seen_closed.wait(20)
        seen_closed.clear()
        assert seen_closed.wait(20)  # also after whatever it wrote because of it
        put(repository, Gate(scope=SCOPE))
        wait_until(lambda: processing(repository, job.id) > 1)
        account.permits.release(10)


def test_the_synthesis_waits_at_the_gate_too(repository: Repository, tmp_path: Path) -> None:
    account = Account()
    account.refuses = once(lambda: limit(0.3), "Sum up")
    job = make(Orchestrator(repository, worker=account), tmp_path)
    assert JobExecutor(repository, job.id, account).run() is JobStatus.COMPLETED
    done = repository.jobs.get(job.id)
    assert done.synthesis is UnitStatus.COMPLETED
    assert repository.units.get(job.id, done.counters.total).failures == 0


@pytest.mark.parametrize("method", ["finish", "claim"])
def test_a_write_that_fails_once_leaves_the_gate_as_it_must_be(
    repository: Repository, account: Account, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    account.refuses = once(lambda: limit(0.3))
    failing = FailOnce(monkeypatch, method)
    job = running_job(repository, 6, desired_workers=2)
    assert JobExecutor(repository, job.id, account).run() is JobStatus.COMPLETED
    assert not failing.armed
    assert len(account.prompts) == 7
    assert repository.gates.get(SCOPE) == Gate(scope=SCOPE)


# A login problem


def test_a_login_error_where_nothing_has_ever_succeeded_pauses_the_job_until_a_person_resumes(
    repository: Repository, account: Account
) -> None:
    account.refuses = lambda _: LOGIN
    job = running_job(repository, 10, desired_workers=2)
    assert JobExecutor(repository, job.id, account).run() is JobStatus.PAUSED
    held = repository.jobs.get(job.id)
    assert held.pause_reason == "login needed: Invalid API key"
    assert held.counters.pending == 10
    assert all(unit.failures == 0 for unit in repository.units.page(job.id))
    view = view_job(held)
    assert (view.phase, view.gate is not None and view.gate.needs_login) == (None, True)
    begun = len(account.prompts)

    orchestrator = Orchestrator(repository, worker=account)
    orchestrator.resume(job.id)
    assert JobExecutor(repository, job.id, account).run() is JobStatus.PAUSED
    assert len(account.prompts) == begun + 1

    account.refuses = lambda _: None
    orchestrator.resume(job.id)
    assert JobExecutor(repository, job.id, account).run() is JobStatus.COMPLETED
    assert_counters_match(repository, job.id)


def test_a_try_that_still_needs_a_login_closes_it_again_although_much_has_succeeded(
    repository: Repository, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate_module, "LOGIN_WINDOW_S", 0.2)
    job = running_job(repository, 10, desired_workers=1)
    account.refuses = lambda _: LOGIN if len(account.prompts) > 5 else None
    assert JobExecutor(repository, job.id, account).run() is JobStatus.PAUSED
    assert repository.jobs.get(job.id).counters.completed == 5
    begun = len(account.prompts)
    Orchestrator(repository, worker=account).resume(job.id)
    assert JobExecutor(repository, job.id, account).run() is JobStatus.PAUSED
    assert len(account.prompts) == begun + 1


def test_a_person_who_resumes_an_interrupted_job_has_it_tried_too(
    repository: Repository, account: Account
) -> None:
    shut(repository, None, "login needed: no")
    job = running_job(repository, 3)
    Orchestrator(repository, worker=account).resume(job.id)
    assert JobExecutor(repository, job.id, account).run() is JobStatus.COMPLETED


def test_a_usage_limit_is_not_tried_because_some_job_is_started(
    repository: Repository, account: Account
) -> None:
    gate = shut(repository)
    job = make_job(repository)
    Orchestrator(repository, worker=account, settings=Settings()).skip_test(job.id)
    assert repository.gates.get(SCOPE).until == gate.until


def test_both_the_account_of_here_and_the_one_that_it_ran_under_are_tried(
    repository: Repository, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.refuses = lambda _: LOGIN
    job = running_job(repository, 3)
    assert JobExecutor(repository, job.id, account).run() is JobStatus.PAUSED
    monkeypatch.setattr(account, "account", lambda: "b")
    here = Gate(scope="in-process:b", state=GateState.CLOSED, reason="login needed: no")
    put(repository, here)
    Orchestrator(repository, worker=account).resume(job.id)
    for scope in (SCOPE, here.scope):
        assert repository.gates.get(scope).until is not None


def test_who_resumes_while_the_job_is_about_to_be_paused_is_heard(
    repository: Repository, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled, asked = WholeJob.settled, []

    def just_then(work: WholeJob, held: Any) -> Any:
        if not asked:
            asked.append(Repository(repository.path).gates.ask(SCOPE))
        return settled(work, held)

    monkeypatch.setattr(WholeJob, "settled", just_then)
    shut(repository, None, "login needed: no")
    job = running_job(repository, 3)
    assert JobExecutor(repository, job.id, account).run() is JobStatus.COMPLETED
    assert asked == [True]


def test_it_pauses_all_jobs_of_the_account_once_their_units_have_finished(
    repository: Repository, account: Account
) -> None:
    account.permits = threading.Semaphore(0)
    other = running_job(repository, 10, name="other", desired_workers=2)
    with at_work(repository, other, account) as ended:
        wait_until(lambda: processing(repository, other.id) == 2)
        failing = Account()
        failing.refuses = lambda _: LOGIN
        job = running_job(repository, 3)
        assert JobExecutor(repository, job.id, failing).run() is JobStatus.PAUSED
        account.permits.release(2)
    assert ended == [JobStatus.PAUSED]
    paused = repository.jobs.get(other.id)
    assert paused.pause_reason == "login needed: Invalid API key"
    assert (paused.counters.completed, paused.counters.pending) == (2, 8)


def test_a_job_that_is_started_while_a_login_is_needed_is_paused_and_has_spent_nothing(
    repository: Repository, account: Account
) -> None:
    shut(repository, None, "login needed: no")
    job = running_job(repository, 3)
    assert JobExecutor(repository, job.id, account).run() is JobStatus.PAUSED
    assert repository.jobs.get(job.id).pause_reason == "login needed: no"
    assert not account.prompts


def test_one_login_error_among_successes_is_tried_again_at_no_cost(
    repository: Repository, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate_module, "LOGIN_WINDOW_S", 0.2)
    account.refuses = once(lambda: LOGIN, "Do 3")
    job = running_job(repository, 30, desired_workers=1, max_retries=0)
    assert JobExecutor(repository, job.id, account).run() is JobStatus.COMPLETED
    assert len(account.prompts) == 31
    unit = repository.units.get(job.id, 3)
    assert (unit.attempts, unit.failures) == (2, 0)
    assert state(repository) is GateState.OPEN


def ended(seq: int, at: float, outcome: Outcome = LOGIN, attempt_id: int = 1) -> Finished:
    claim = Claim(attempt_id, seq, 1, 0, Purpose.RUN, {}, "", at)
    status, unit = (AttemptStatus.FAILED, UnitStatus.PENDING)
    if outcome.ok:
        status, unit = AttemptStatus.COMPLETED, UnitStatus.COMPLETED
    return Finished(claim, outcome, status, unit, at)


def succeeded(seq: int, at: float) -> Finished:
    return ended(seq, at, Outcome(ok=True), attempt_id=900 + seq)


@pytest.fixture
def keeper(repository: Repository) -> Gatekeeper:
    job = make_job(repository)
    journal = repository.journal(job.id, "e", "h", "b")
    return Gatekeeper(job, journal, SCOPE, for_test=False)


def test_the_unit_waits_until_others_have_had_time_to_show_how_the_account_is(keeper: Gatekeeper) -> None:
    keeper.consider(succeeded(0, 1.0))
    end = keeper.consider(ended(3, 2.0))
    assert (end.unit_status, end.failures, end.not_before) == (UnitStatus.PENDING, 0, 2.0 + LOGIN_WINDOW_S)


def test_a_unit_that_meets_it_again_among_successes_has_failed(keeper: Gatekeeper) -> None:
    keeper.consider(succeeded(0, 1.0))
    keeper.consider(ended(3, 2.0))
    keeper.consider(succeeded(1, 3.0))
    end = keeper.consider(ended(3, 70.0, attempt_id=2))
    assert (end.unit_status, end.failures) == (UnitStatus.FAILED, 1)


def test_what_closes_the_gate_leaves_the_unit_as_it_was(keeper: Gatekeeper) -> None:
    first = ended(3, 2.0)
    assert keeper.consider(first) == first
    assert (first.unit_status, first.failures, first.not_before) == (UnitStatus.PENDING, 0, None)


def test_a_burst_of_login_errors() -> None:
    assert not Logins(worked=False).alone(1, 0.0)  # nothing has ever succeeded

    logins = Logins(worked=True)
    assert logins.alone(1, 0.0)
    logins.succeeded()
    assert not logins.alone(2, LOGIN_WINDOW_S)  # another unit within a minute

    logins = Logins(worked=True)
    assert logins.alone(1, 0.0)
    assert not logins.alone(1, 1000.0)  # no success in between

    logins = Logins(worked=True)
    assert logins.alone(1, 0.0)
    logins.succeeded()
    assert logins.alone(1, 1.0)  # the same unit says nothing of the others
    logins.succeeded()
    assert logins.alone(2, 1.1 + LOGIN_WINDOW_S)


def test_the_ramp() -> None:
    ramp = Ramp()
    assert ramp.room(1000) is None
    ramp.grow()
    assert ramp.room(1000) is None
    ramp.begin(1)
    assert [ramp.room(3), ramp.room(4), ramp.room(5)] == [1, 0, 0]  # three run since before it was closed
    ramp.begin(1)
    assert [ramp.room(0), ramp.room(1), ramp.room(5)] == [1, 0, 0]
    ramp.grow()
    assert ramp.room(0) == 2
    for _ in range(2000):
        ramp.grow()
    assert ramp.room(5000) is None


# The test of a job


def test_a_limit_during_a_test_leaves_the_unit_untested_and_closes_it_for_all(
    repository: Repository, account: Account
) -> None:
    account.refuses = lambda _: limit()
    job = make_job(repository)
    result = Orchestrator(repository, worker=account).test(job.id)
    assert (result.passed, result.error) == (False, "You've hit your limit")
    assert result.job.status is JobStatus.CREATED
    assert (result.unit.status, result.unit.failures) == (UnitStatus.PENDING, 0)
    assert state(repository) is GateState.CLOSED
    assert repository.logs.after(job.id)[-1].message == "no test: You've hit your limit"
    view = view_job(repository.jobs.get(job.id))
    assert view.gate is not None
    assert view.gate.reason == "usage limit"


def test_a_login_error_during_a_test_too(repository: Repository, account: Account) -> None:
    account.refuses = lambda _: LOGIN
    job = make_job(repository)
    result = Orchestrator(repository, worker=account).test(job.id)
    assert (result.job.status, result.unit.status) == (JobStatus.CREATED, UnitStatus.PENDING)
    assert repository.gates.get(SCOPE).reason == "login needed: Invalid API key"


@pytest.mark.parametrize("seconds", [3600.0, None])
def test_a_test_runs_whatever_the_gate_says_and_opens_it(
    repository: Repository, account: Account, seconds: float | None
) -> None:
    shut(repository, seconds)
    job = make_job(repository)
    result = Orchestrator(repository, worker=account).test(job.id)
    assert result.passed
    assert state(repository) is GateState.OPEN


def test_a_test_that_has_to_wait_for_room_runs_all_the_same(
    repository: Repository, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacks: list[str | None] = ["no room", "no room", None]
    monkeypatch.setattr(Room, "lacks", lambda room: lacks.pop(0) if len(lacks) > 1 else lacks[0])
    shut(repository, None, "login needed: no")
    job = make_job(repository)
    assert Orchestrator(repository, worker=account).test(job.id).passed


def test_a_test_beside_another_try_leaves_the_gate_to_that(
    repository: Repository, account: Account, quick_beats: None
) -> None:
    shut(repository, seconds=0.0)
    account.permits = threading.Semaphore(0)
    other = running_job(repository, 3, name="other")
    with at_work(repository, other, account):
        wait_until(lambda: state(repository) is GateState.PROBING)
        probe = repository.gates.get(SCOPE).probe_attempt
        for outcome in (None, limit(), LOGIN):
            tester = Account()
            tester.refuses = lambda _, outcome=outcome: outcome  # type: ignore[misc]
            job = make_job(repository, name=f"tested-{outcome and outcome.failure}")
            Orchestrator(repository, worker=tester).test(job.id)
            assert repository.gates.get(SCOPE).probe_attempt == probe
        account.permits.release(10)


# Whose gate it is


def test_all_workers_of_a_name_and_an_account_share_it(
    repository: Repository, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert gate_scope(account) == SCOPE
    other = Account()
    monkeypatch.setattr(other, "account", lambda: "b")
    assert gate_scope(other) == "in-process:b"
    shut(repository)
    job = running_job(repository, 3)
    assert JobExecutor(repository, job.id, other).run() is JobStatus.COMPLETED
    done = repository.jobs.get(job.id)
    assert done.gate == Gate(scope="in-process:b")
    assert view_job(done).gate is None


def test_a_probe_of_nobody_lapses(repository: Repository, account: Account) -> None:
    put(repository, probing(Gate(scope=SCOPE, reason="usage limit"), 12345))
    job = running_job(repository, 3)
    assert JobExecutor(repository, job.id, account).run() is JobStatus.COMPLETED
    assert state(repository) is GateState.OPEN


def test_the_jobs_log_tells_of_it(repository: Repository, account: Account) -> None:
    account.refuses = once(lambda: limit(0.3))
    job = running_job(repository, 3, desired_workers=1)
    JobExecutor(repository, job.id, account).run()
    said = [entry.message for entry in repository.logs.after(job.id)]
    assert any(line.startswith("usage limit: no unit starts before 20") for line in said)
    assert "usage limit: this unit tries whether it is over" in said
    assert "the account works again: units start, few at first" in said
