"""The store against a plain model of it: any sequence of steps leads both to the same place."""

from __future__ import annotations

import os
import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from abp_tui.domain.failure import BACKOFF_CAP_S, FailureKind
from abp_tui.domain.model import Event, EventKind, Outcome, Usage
from abp_tui.domain.status import JOB_STEPS, AttemptStatus, Desired, JobStatus, Purpose, UnitStatus, Verdict
from abp_tui.errors import IllegalTransition, LeaseHeld, LeaseLost, NotFound
from abp_tui.liveness import identity
from abp_tui.store import tally
from abp_tui.store.claims import Claim, Finished, Started
from abp_tui.store.journal import Journal
from abp_tui.store.repository import Repository
from tests.factories import make_job
from tests.faults.report import Tell
from tests.faults.test_stop import my_lease

STATES = ("pending", "processing", "completed", "failed", "suspect")
MOST_BUCKETS = 4  # so that some hold several units
EXAMPLES, STEPS = 45, 40
IN_MEMORY = (
    "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
)  # thousands of ways to the disk take minutes


@dataclass
class ModelUnit:
    """A unit as it must be."""

    status: UnitStatus = UnitStatus.PENDING
    verdict: Verdict | None = None
    attempts: int = 0
    failures: int = 0
    not_before: float | None = None
    cost: float | None = None

    @property
    def state(self) -> str:
        doubtful = self.status is UnitStatus.COMPLETED and self.verdict is Verdict.BLOCKED
        return "suspect" if doubtful else self.status.lower()


@dataclass
class ModelAttempt:
    """An attempt as it must be."""

    seq: int
    number: int
    status: AttemptStatus = AttemptStatus.RUNNING
    cost: float | None = None
    events: int = 0


@dataclass
class ModelJob:
    """A job as it must be."""

    units: list[ModelUnit]
    status: JobStatus = JobStatus.CREATED
    desired: Desired = Desired.RUN
    workers: int = 4
    executor: str | None = None
    attempts: dict[int, ModelAttempt] = field(default_factory=dict)

    def counters(self, units: list[ModelUnit] | None = None) -> dict[str, int]:
        units = self.units if units is None else units
        return {state: sum(unit.state == state for unit in units) for state in STATES}

    def costs(self) -> list[float | None]:
        return [a.cost for a in self.attempts.values() if a.status is not AttemptStatus.RUNNING]

    def claimable(self, now: float) -> list[int]:
        """Units in the order in which they are claimed: those whose backoff is over, then fresh ones."""
        waiting = [(u.not_before, seq) for seq, u in enumerate(self.units) if u.status is UnitStatus.PENDING]
        due = sorted((at, seq) for at, seq in waiting if at is not None and at <= now)
        return [seq for _, seq in due] + [seq for at, seq in waiting if at is None]

    def begin(self, claim: Claim) -> None:
        unit = self.units[claim.seq]
        unit.status, unit.attempts, unit.not_before = UnitStatus.PROCESSING, unit.attempts + 1, None
        self.attempts[claim.attempt_id] = ModelAttempt(claim.seq, unit.attempts)

    def finish(self, end: Finished) -> None:
        attempt, unit = self.attempts[end.claim.attempt_id], self.units[end.claim.seq]
        attempt.status, attempt.cost = end.status, end.outcome.usage.cost_usd
        unit.status, unit.verdict, unit.failures = end.unit_status, end.verdict, end.failures
        unit.not_before = end.not_before
        unit.cost = add(unit.cost, attempt.cost)

    def recover(self) -> list[int]:
        running = [i for i, a in self.attempts.items() if a.status is AttemptStatus.RUNNING]
        for attempt_id in running:
            self.attempts[attempt_id].status = AttemptStatus.INTERRUPTED
            self.units[self.attempts[attempt_id].seq].status = UnitStatus.PENDING
        return running


def add(total: float | None, cost: float | None) -> float | None:
    return total if cost is None else (total or 0.0) + cost


def about(value: float | None) -> Any:
    return None if value is None else pytest.approx(value)


def render(payload: Mapping[str, Any]) -> str:
    return f"Do {payload['n']}"


ENDED = (UnitStatus.COMPLETED, UnitStatus.FAILED)
ENDS = ("ok", "blocked", "retry", "later", "failed", "interrupted")


def end_of(claim: Claim, data: st.DataObject) -> Finished:
    """An end of a claim; `retry` can be claimed again at once, `later` not for a long time."""
    how = data.draw(st.sampled_from(ENDS))
    usage = Usage(cost_usd=data.draw(st.sampled_from([None, 0.0, 0.25, 1.5])))
    now = time.time()
    if how in ("ok", "blocked"):
        verdict = Verdict.OK if how == "ok" else Verdict.BLOCKED
        outcome = Outcome(ok=True, output="done", usage=usage)
        return Finished(claim, outcome, AttemptStatus.COMPLETED, UnitStatus.COMPLETED, now, verdict)
    kind = FailureKind.INTERRUPTED if how == "interrupted" else FailureKind.AGENT_ERROR
    outcome = Outcome.failed(kind, how, usage=usage)
    status = AttemptStatus.INTERRUPTED if how == "interrupted" else AttemptStatus.FAILED
    unit = UnitStatus.FAILED if how == "failed" else UnitStatus.PENDING
    past = now - data.draw(st.integers(1, 9))
    not_before = {"retry": past, "later": now + BACKOFF_CAP_S - 10}.get(how)
    failures = claim.failures + (how != "interrupted")
    return Finished(claim, outcome, status, unit, now, failures=failures, not_before=not_before)


@dataclass
class Tenant:
    """An executor that has or had the lease of a job."""

    executor: str
    journal: Journal
    claims: list[Claim] = field(default_factory=list)


class StoreMachine(RuleBasedStateMachine):
    """People on one connection, executors on another, as they are in two processes."""

    jobs: Bundle[int] = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.stack.enter_context(mock.patch.object(tally, "MAX_BUCKETS", MOST_BUCKETS))
        folder = self.stack.enter_context(tempfile.TemporaryDirectory(dir=IN_MEMORY))
        self.path = Path(folder) / "abp.db"
        self.people = Repository(self.path)
        self.executors = Repository(self.path)
        self.model: dict[int, ModelJob] = {}
        self.seen: dict[int, tuple[int, dict[int, Any]]] = {}
        self.tenants: dict[int, list[Tenant]] = defaultdict(list)

    def teardown(self) -> None:
        self.stack.close()

    # What may happen

    @initialize(target=jobs, count=st.integers(1, 9))
    def first(self, count: int) -> int:
        return self.create(count)

    @precondition(lambda self: len(self.model) < 2)
    @rule(target=jobs, count=st.integers(1, 9))
    def create(self, count: int) -> int:
        job = make_job(self.people, count, name=uuid.uuid4().hex + "-job")
        self.model[job.id] = ModelJob([ModelUnit() for _ in range(count)])
        return job.id

    @rule(job=jobs, new=st.sampled_from(JobStatus))
    def move(self, job: int, new: JobStatus) -> None:
        model = self.model[job]
        with self.refused(None if new in JOB_STEPS[model.status] else IllegalTransition):
            self.people.jobs.move(job, new)
            model.status = new
            if new in (JobStatus.RUNNING, JobStatus.TESTING, JobStatus.CREATED):
                model.desired = Desired.RUN

    @rule(job=jobs, new=st.sampled_from(JobStatus), seen=st.sampled_from(JobStatus))
    def move_what_someone_else_has_moved(self, job: int, new: JobStatus, seen: JobStatus) -> None:
        if seen is not self.model[job].status:
            with self.refused(IllegalTransition):
                self.people.jobs.move(job, new, expect=seen)

    @rule(job=jobs, desired=st.sampled_from(Desired), workers=st.integers(1, 9))
    def ask(self, job: int, desired: Desired, workers: int) -> None:
        self.people.jobs.ask(job, desired=desired, workers=workers)
        self.model[job].desired, self.model[job].workers = desired, workers

    @rule(job=jobs, data=st.data())
    def put_back(self, job: int, data: st.DataObject) -> None:
        units = self.model[job].units
        ended = {seq for seq, unit in enumerate(units) if unit.status in ENDED}
        choice = sorted(ended) if ended and data.draw(st.booleans()) else range(len(units))
        seqs = data.draw(st.lists(st.sampled_from(choice), min_size=1, unique=True))
        with self.refused(None if ended >= set(seqs) else IllegalTransition):
            assert self.people.units.put_back(job, seqs) == len(seqs)
            for seq in seqs:
                units[seq] = ModelUnit(attempts=units[seq].attempts, cost=units[seq].cost)

    @rule(job=consumes(jobs))
    def remove(self, job: int) -> None:
        held = self.model[job].executor is not None
        with self.refused(LeaseHeld if held else None):
            self.people.jobs.remove(job)
        if held:
            self.leave(job)
        del self.model[job]
        if held:
            self.people.jobs.remove(job)
        self.seen.pop(job, None)
        with pytest.raises(NotFound):
            self.people.jobs.get(job)

    @rule(job=jobs, takes_over=st.booleans())
    def take(self, job: int, takes_over: bool) -> None:
        """Take the lease, from whoever has it if need be; without that it is refused."""
        model, lease = self.model[job], my_lease()
        free = model.executor is None
        assert self.people.leases.take(job, lease, replaces=None) is free
        if not free:
            assert not self.people.leases.take(job, lease, replaces="somebody else")
            if takes_over:
                assert self.people.leases.take(job, lease, replaces=model.executor)
        if free or takes_over:
            model.executor = lease.executor
            self.tenants[job].append(self.tenant(job, lease.executor))

    @rule(job=jobs, data=st.data())
    def release(self, job: int, data: st.DataObject) -> None:
        """Give the lease back; whoever has lost it can't."""
        if tenants := self.tenants[job]:
            tenant = data.draw(st.sampled_from(tenants))
            mine = self.model[job].executor == tenant.executor
            assert self.people.leases.release(job, tenant.executor) is mine
            if mine:
                self.model[job].executor = None

    @rule(job=jobs, count=st.integers(0, 5))
    def claim(self, job: int, count: int) -> None:
        with self.on_duty(job) as tenant:
            expected = self.model[job].claimable(time.time())[:count]
            claims = tenant.journal.claim(count, Purpose.RUN, 1, render)
            assert [claim.seq for claim in claims] == expected
            self.begin(job, claims)

    @rule(job=jobs, count=st.integers(1, 5), data=st.data())
    def claim_and_finish(self, job: int, count: int, data: st.DataObject) -> None:
        begun = len(self.ensure_lease(job).claims)
        self.claim(job, count)
        self.end(job, self.tenants[job][-1].claims[begun:], data)

    @rule(job=jobs, data=st.data())
    def claim_for_a_test(self, job: int, data: st.DataObject) -> None:
        with self.on_duty(job) as tenant:
            units = self.model[job].units
            seq = data.draw(st.sampled_from(range(len(units))))
            claim = tenant.journal.claim_unit(seq, Purpose.TEST, 1, render)
            assert (claim is not None) == (units[seq].status is UnitStatus.PENDING)
            self.begin(job, [claim] if claim else [])

    @rule(job=jobs, data=st.data())
    def talk(self, job: int, data: st.DataObject) -> None:
        with self.on_duty(job) as tenant:
            attempts = self.model[job].attempts
            told = data.draw(st.lists(st.sampled_from(sorted(attempts)), max_size=4)) if attempts else []
            tenant.journal.started(Started(i, 1234, 5.0) for i in told)
            tenant.journal.sessions((i, "s") for i in told)
            event = Event(kind=EventKind.TEXT, body="hm")
            tenant.journal.events((i, time.time(), event) for i in told)
            for attempt_id in told:
                attempts[attempt_id].events += 1

    @rule(job=jobs, data=st.data())
    def finish(self, job: int, data: st.DataObject) -> None:
        """End some of its claims, also such as have been ended before: those are left as they are."""
        if claims := [claim for tenant in self.tenants[job] for claim in tenant.claims]:
            self.end(job, data.draw(st.lists(st.sampled_from(claims), min_size=1, unique_by=id)), data)

    def end(self, job: int, claims: list[Claim], data: st.DataObject) -> None:
        ends = [end_of(claim, data) for claim in claims]
        with self.on_duty(job) as tenant:
            attempts = self.model[job].attempts
            open_ones = [e for e in ends if attempts[e.claim.attempt_id].status is AttemptStatus.RUNNING]
            assert tenant.journal.finish(ends) == open_ones
            for end in open_ones:
                self.model[job].finish(end)

    @rule(job=jobs)
    def recover(self, job: int) -> None:
        with self.on_duty(job) as tenant:
            assert sorted(tenant.journal.recover()) == sorted(self.model[job].recover())

    @rule(job=jobs, new=st.sampled_from(JobStatus))
    def settle(self, job: int, new: JobStatus) -> None:
        model = self.model[job]
        if new in JOB_STEPS[model.status]:  # the executor's own care
            with self.on_duty(job) as tenant:
                tenant.journal.settle(new, "so it ends")
                model.status, model.executor = new, None

    @rule(job=jobs, count=st.integers(1, 5))
    def break_off(self, job: int, count: int) -> None:
        """Die within a transaction: nothing of it stays."""
        self.ensure_lease(job)
        with self.unchanged(), pytest.raises(ZeroDivisionError), self.on_duty(job) as tenant:
            tenant.journal.recover()
            tenant.journal.claim(count, Purpose.RUN, 1, render)
            raise ZeroDivisionError

    @rule(job=jobs)
    def write_without_the_lease(self, job: int) -> None:
        for tenant in self.tenants[job]:
            if tenant.executor != self.model[job].executor:
                with self.refused(LeaseLost), tenant.journal.transaction(durable=False):
                    tenant.journal.recover()

    @rule()
    def open_again(self) -> None:
        self.people = Repository(self.path)

    # What must hold

    @invariant()
    def the_store_is_as_the_model(self) -> None:
        assert {job.id for job in self.people.jobs.all()} == set(self.model)
        for number, model in self.model.items():
            self.check_job(number, model)
            self.check_rows(number, model)
            self.check_changes(number)

    def check_job(self, number: int, model: ModelJob) -> None:
        job = self.people.jobs.get(number)
        executor = job.lease.executor if job.lease else None
        found = (job.status, job.desired, job.desired_workers, executor)
        assert found == (model.status, model.desired, model.workers, model.executor)
        assert job.counters.model_dump() == {**model.counters(), "total": len(model.units)}
        costs = model.costs()
        known = [cost for cost in costs if cost is not None]
        assert job.cost_usd == about(sum(known) if known else None)
        assert job.cost_is_floor == (None in costs)
        for bucket in self.people.jobs.buckets(number):
            width = job.bucket_width
            part = model.units[bucket.n * width : (bucket.n + 1) * width]
            assert bucket._asdict() == {"n": bucket.n, **model.counters(part)}

    def check_rows(self, number: int, model: ModelJob) -> None:
        for unit, expected in zip(self.people.units.page(number), model.units, strict=True):
            found = (unit.status, unit.verdict, unit.attempts, unit.failures)
            assert found == (expected.status, expected.verdict, expected.attempts, expected.failures)
            assert unit.cost_usd == about(expected.cost)
            assert (unit.not_before is None) == (expected.not_before is None)
            attempts = self.people.attempts.of_unit(number, unit.seq) if unit.attempts else []
            of_unit = {i: a for i, a in model.attempts.items() if a.seq == unit.seq}
            assert [a.id for a in attempts] == sorted(of_unit)
            for attempt in attempts:
                wanted = of_unit[attempt.id]
                assert (attempt.number, attempt.status) == (wanted.number, wanted.status)
                assert attempt.usage.cost_usd == about(wanted.cost)
        assert self.events(number) == {i: a.events for i, a in model.attempts.items() if a.events}
        for state in STATES:
            wanted_seqs = [seq for seq, unit in enumerate(model.units) if unit.state == state]
            assert list(self.people.units.seqs_in(number, state)) == wanted_seqs

    def events(self, number: int) -> dict[int, int]:
        query = (
            "SELECT attempt_id, count(*) FROM event JOIN attempt ON attempt.id = attempt_id "
            "WHERE job_id = ? GROUP BY attempt_id"
        )
        with self.people.database.connected() as db:
            return dict(db.execute_sql(query, (number,)).fetchall())

    def check_changes(self, number: int) -> None:
        """Whoever asks what has changed since the last look misses nothing."""
        job = self.people.jobs.get(number)
        lines = {line.seq: line for line in self.people.units.lines(number, 0, job.counters.total)}
        change, before = self.seen.get(number, (-1, lines))
        told = {line.seq for line in self.people.units.changed_since(number, change)}
        assert told >= {seq for seq, line in lines.items() if before[seq] != line}
        assert job.change >= change
        self.seen[number] = (job.change, lines)

    # What the rules share

    def tenant(self, job: int, executor: str) -> Tenant:
        me = identity()
        journal = self.executors.journal(job, executor, me.host, me.boot_id)
        return Tenant(executor, self.stack.enter_context(journal.opened()))

    def ensure_lease(self, job: int) -> Tenant:
        if self.model[job].executor is None:
            self.take(job, takes_over=False)
        return self.tenants[job][-1]

    @contextmanager
    def on_duty(self, job: int) -> Iterator[Tenant]:
        """A transaction of the executor that has the job, which takes it if nobody has."""
        tenant = self.ensure_lease(job)
        with tenant.journal.transaction(durable=False):
            yield tenant

    def begin(self, job: int, claims: list[Claim]) -> None:
        self.tenants[job][-1].claims += claims
        for claim in claims:
            self.model[job].begin(claim)
            assert claim.number == self.model[job].units[claim.seq].attempts

    def leave(self, job: int) -> None:
        executor = self.model[job].executor
        assert executor is not None
        assert self.people.leases.release(job, executor)
        self.model[job].executor = None

    @contextmanager
    def refused(self, error: type[Exception] | None) -> Iterator[None]:
        """The block must raise this error and change nothing; None: it must go through."""
        if error is None:
            yield
            return
        with self.unchanged(), pytest.raises(error):
            yield

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        before = self.dump()
        yield
        assert self.dump() == before

    def dump(self) -> list[Any]:
        tables = ("job", "unit", "attempt", "event", "bucket", "log", "recipe")
        with self.people.database.connected() as db:
            return [db.execute_sql(f"SELECT * FROM {table}").fetchall() for table in tables]


@pytest.mark.timeout(180)
def test_any_sequence_of_steps_leads_to_the_same_place(tell: Tell) -> None:
    run_state_machine_as_test(
        StoreMachine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    tell(sequences_of_steps=EXAMPLES)
