"""Real repositories with small jobs in them, and workers that run in this process."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Event, EventKind, Job, Outcome, Placement, Recipe, Timers, Usage
from abp_tui.domain.status import JobStatus, Purpose
from abp_tui.execution.lease import take_lease
from abp_tui.store.claims import Started
from abp_tui.store.records import dump
from abp_tui.store.repository import Repository
from abp_tui.workers.base import Probe, Sink, Task, Worker, WorkerOptions
from abp_tui.workers.cancel import Cancel

Behaviour = Callable[[Task, Sink, Cancel], Outcome]

CHUNK = 10_000


class InProcessWorker(Worker[WorkerOptions]):
    """Does what a test tells it to, on the slot's own thread, and remembers the prompts it was given."""

    name = "in-process"
    title = "In this process"

    def __init__(self, behaviour: Behaviour | None = None) -> None:
        super().__init__(WorkerOptions())
        self._behaviour = behaviour or answer
        self._lock = threading.Lock()
        self.prompts: list[str] = []

    def run(self, task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        with self._lock:
            self.prompts.append(task.prompt)
        return self._behaviour(task, sink, cancel)

    def probe(self) -> Probe:
        return Probe(True, "always there")


def answer(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
    """Succeed with the prompt as the answer, at the price of one cent."""
    sink.event(Event(kind=EventKind.TEXT, body=f"I was asked: {task.prompt}"))
    return Outcome(ok=True, output=task.prompt, usage=Usage(cost_usd=0.01, turns=1), session_id="s-1")


def fail(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
    """Fail as an agent does."""
    return Outcome.failed(FailureKind.AGENT_ERROR, "it did not work", usage=Usage(cost_usd=0.02))


class FailAnew:
    """Fail each time for another cause, up to `times` times a unit; then answer."""

    def __init__(self, times: int = 100) -> None:
        self._times = times
        self._lock = threading.Lock()
        self._tries: Counter[str] = Counter()

    def __call__(self, task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        with self._lock:
            self._tries[task.prompt] += 1
            tries = self._tries[task.prompt]
        if tries > self._times:
            return answer(task, sink, cancel)
        cause = "it did not work, " + "very " * tries
        return Outcome.failed(FailureKind.AGENT_ERROR, cause, usage=Usage(cost_usd=0.02))


class Held:
    """An agent that says nothing until it may go on; then it answers."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def __call__(self, task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        assert self.go_on.wait(20)
        return answer(task, sink, cancel)


def wait_for_cancel(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
    """Run until it is ended, however long that takes."""
    import select

    select.select([cancel.fileno()], [], [], 60)
    return Outcome.failed(FailureKind.INTERRUPTED, cancel.reason or "never ended")


def make_repository(folder: Path) -> Repository:
    return Repository(folder / "data" / "abp.db")


def make_job(
    repository: Repository,
    count: int = 3,
    *,
    name: str = "words",
    status: JobStatus | None = None,
    template: str = "Do {n}",
    cwd: Path | str = "/",
    payloads: Iterable[Mapping[str, Any]] | None = None,
    worker_options: Mapping[str, Any] | None = None,
    schema: Mapping[str, Any] | None = None,
    checks: Iterable[Mapping[str, Any]] = (),
    **columns: Any,
) -> Job:
    """A job of `count` units with payloads `{"n": i}`, written straight to the store."""
    items = payloads if payloads is not None else ({"n": n} for n in range(count))
    recipe = Recipe(
        job_id=0,
        version=1,
        prompt_template=template,
        worker_options=worker_options or {},
        timers=Timers(backoff_s=0.01),
        output_schema=schema,
        checks=tuple(checks),
        created_at=datetime.now(UTC),
    )
    values = {
        "name": name,
        "intent": "Do it",
        "enumerator_type": "file",
        "enumerator_config": "{}",
        "worker": "in-process",
        "cwd": str(cwd),
        "max_workers": 4,
        "desired_workers": 4,
        "max_retries": 0,
        "max_failures_in_row": 0,
        **columns,
    }
    job_id = repository.jobs.add(values, recipe)
    repository.jobs.make_ready(job_id, _add_units(repository, job_id, items))
    if status is not None:
        repository.jobs.move(job_id, status)
    return repository.jobs.get(job_id)


@contextmanager
def units_on_machines(repository: Repository, *hosts: str) -> Iterator[Job]:
    """A job of which one unit runs on each of these machines, by the hand of an executor that is here."""
    job = make_job(repository, len(hosts), status=JobStatus.RUNNING)
    placed = Placement(engine="dask", scheduler="tcp://head:8786")
    repository.jobs.place(job.id, placed)
    lease = take_lease(repository, job)
    with repository.journal(job.id, lease.executor, lease.host, lease.boot_id).opened() as journal:
        with journal.transaction(durable=False):
            claims = journal.claim(len(hosts), Purpose.RUN, 1, lambda payload: "Do it")
            where = zip(claims, hosts, strict=True)
            journal.started(Started(claim.attempt_id, host=host, boot_id="b") for claim, host in where)
        yield repository.jobs.get(job.id)
    repository.leases.release(job.id, lease.executor)


def _add_units(repository: Repository, job_id: int, items: Iterable[Mapping[str, Any]]) -> int:
    """Write the units, however many, and count them."""
    rows = ((n, f"item-{n}", dump(item)) for n, item in enumerate(items))
    total = 0
    while chunk := list(islice(rows, CHUNK)):
        repository.jobs.add_units(job_id, chunk)
        total += len(chunk)
    return total


def counted_rows(repository: Repository, job_id: int) -> dict[str, int]:
    """The counters as they must be, counted from the rows."""
    query = (
        "SELECT CASE WHEN status = 'COMPLETED' AND verdict IN ('suspect', 'blocked') THEN 'suspect' "
        "ELSE lower(status) END AS state, count(*) FROM unit WHERE job_id = ? AND kind = 'item' GROUP BY 1"
    )
    states = dict.fromkeys(("pending", "processing", "completed", "failed", "suspect"), 0)
    with repository.database.connected() as db:
        states.update(dict(db.execute_sql(query, (job_id,)).fetchall()))
    return {**states, "total": sum(states.values())}


def assert_counters_match(repository: Repository, job_id: int) -> None:
    """Counters, buckets and costs of a job equal what its rows say."""
    job = repository.jobs.get(job_id)
    rows = counted_rows(repository, job_id)
    assert job.counters.model_dump() == rows
    buckets = repository.jobs.buckets(job_id)
    for state in ("pending", "processing", "completed", "failed", "suspect"):
        assert sum(getattr(bucket, state) for bucket in buckets) == rows[state]
    with repository.database.connected() as db:
        query = "SELECT sum(cost_usd) FROM attempt WHERE job_id = ?"
        spent = db.execute_sql(query, (job_id,)).fetchone()[0]
        query = "SELECT sum(cost_usd) FROM unit WHERE job_id = ?"
        by_unit = db.execute_sql(query, (job_id,)).fetchone()[0]
    for known in (job.cost_usd, by_unit):
        assert (known is None) == (spent is None)
        assert spent is None or abs(known - spent) < 1e-9
