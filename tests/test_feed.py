from __future__ import annotations

import queue
import subprocess
import threading
from collections.abc import Callable, Iterator

import pytest

from abp_tui.domain.model import Event, EventKind, Outcome
from abp_tui.domain.status import JobStatus, Phase, Purpose
from abp_tui.execution.executor import JobExecutor
from abp_tui.execution.lease import take_lease
from abp_tui.feed import MIN_GAP_S, Feed, Snapshot
from abp_tui.store.claims import Started
from abp_tui.store.repository import Repository
from abp_tui.tui.widgets.unit_list import said
from abp_tui.workers.base import Sink, Task
from abp_tui.workers.cancel import Cancel
from tests.execution.test_lease import lease_of
from tests.factories import InProcessWorker, make_job

SECONDS = 20.0


class Watched:
    """A feed whose snapshots a thread collects."""

    def __init__(self, repository: Repository) -> None:
        self.feed = Feed(repository)
        self.stop = threading.Event()
        self._found: queue.SimpleQueue[Snapshot] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._collect)
        self._thread.start()

    def _collect(self) -> None:
        for snapshot in self.feed.snapshots(self.stop):
            self._found.put(snapshot)

    def until(self, condition: Callable[[Snapshot], object]) -> list[Snapshot]:
        """All snapshots up to the first for which the condition holds."""
        seen = []
        while True:
            seen.append(self._found.get(timeout=SECONDS))
            if condition(seen[-1]):
                return seen

    def close(self) -> None:
        self.stop.set()
        self.feed.wake()
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()


@pytest.fixture
def watched(repository: Repository) -> Iterator[Watched]:
    watched = Watched(repository)
    yield watched
    watched.close()


def test_there_is_a_snapshot_at_once_and_one_after_each_change(
    repository: Repository, watched: Watched
) -> None:
    assert watched.until(lambda s: True)[0].jobs == ()
    make_job(repository, name="one")
    watched.until(lambda s: [job.name for job in s.jobs] == ["one"])
    make_job(repository, name="two")
    watched.until(lambda s: [job.name for job in s.jobs] == ["two", "one"])


def test_a_database_that_can_not_be_read_for_a_while_is_told_of_and_tried_again(
    repository: Repository, watched: Watched
) -> None:
    job = make_job(repository, 3, name="one")
    watched.feed.look_at(job.id)
    watched.until(lambda s: s.focus)
    with repository.database.writing() as db:
        db.execute_sql("ALTER TABLE attempt RENAME TO elsewhere")
    repository.jobs.move(job.id, JobStatus.TESTING)
    seen = watched.until(lambda s: s.trouble)[-1]
    assert "no such table" in seen.trouble
    assert [job.name for job in seen.jobs] == ["one"], "what was seen last is shown on"
    with repository.database.writing() as db:
        db.execute_sql("ALTER TABLE elsewhere RENAME TO attempt")
    last = watched.until(lambda s: not s.trouble and s.focus)[-1].focus
    assert last is not None and last.job.status is JobStatus.TESTING
    assert last.changed is None, "what changed meanwhile is read anew"


def test_what_nobody_has_foreseen_is_told_of_and_tried_again_too(
    repository: Repository, watched: Watched
) -> None:
    job = make_job(repository, 3, name="one")
    watched.feed.look_at(job.id)
    watched.until(lambda s: s.focus)
    with repository.database.writing() as db:
        db.execute_sql("UPDATE job SET enumerator_config = 'no JSON' WHERE id = ?", (job.id,))
    assert "JSONDecodeError" in watched.until(lambda s: s.trouble)[-1].trouble
    with repository.database.writing() as db:
        db.execute_sql("UPDATE job SET enumerator_config = '{}', name = 'two' WHERE id = ?", (job.id,))
    last = watched.until(lambda s: not s.trouble and s.focus)[-1].focus
    assert last is not None and last.job.name == "two"


def test_the_job_in_focus_is_followed_to_its_end(repository: Repository, watched: Watched) -> None:
    job = make_job(repository, 40, status=JobStatus.RUNNING)
    watched.feed.look_at(job.id)
    first = watched.until(lambda s: s.focus)[-1].focus
    assert first is not None
    assert (first.changed, sum(b.pending for b in first.buckets)) == (None, 40)
    JobExecutor(repository, job.id, InProcessWorker()).run()
    seen = watched.until(lambda s: s.focus and s.focus.job.status is JobStatus.COMPLETED)
    changed = {line.seq for s in seen if s.focus for line in s.focus.changed or ()}
    assert changed == set(range(40))
    last = seen[-1].focus
    assert last is not None
    assert sum(b.completed for b in last.buckets) == 40


def test_a_followed_attempt_brings_each_event_once_and_in_order(
    repository: Repository, watched: Watched
) -> None:
    release = threading.Event()

    def talk(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        for n in range(100):
            sink.event(Event(kind=EventKind.TEXT, body=str(n)))
        assert release.wait(SECONDS)
        sink.event(Event(kind=EventKind.TEXT, body="100"))
        return Outcome(ok=True)

    job = make_job(repository, 1, status=JobStatus.RUNNING, template="{n}")
    executor = threading.Thread(target=JobExecutor(repository, job.id, InProcessWorker(talk)).run)
    executor.start()
    watched.feed.look_at(job.id)
    running = watched.until(lambda s: s.focus and s.focus.running)[-1].focus
    assert running is not None
    unit = running.running[0]
    assert unit.key == "item-0"
    watched.feed.look_at(job.id, unit.attempt_id)
    seen = watched.until(lambda s: s.focus and any(e.body == "99" for e in s.focus.events))
    release.set()
    seen += watched.until(lambda s: s.focus and any(e.body == "100" for e in s.focus.events))
    bodies = [e.body for s in seen if s.focus for e in s.focus.events if e.kind is EventKind.TEXT]
    assert bodies == [str(n) for n in range(101)]
    executor.join(SECONDS)


class Waits(threading.Event):
    """Never set; remembers how long it was to be waited for, and waits not at all."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.asked.append(timeout)
        return False


def test_between_two_looks_there_is_a_rest_however_quickly_things_change(repository: Repository) -> None:
    feed, stop = Feed(repository), Waits()
    snapshots = feed.snapshots(stop)
    next(snapshots)
    rests: list[float] = []
    for n in range(10):  # one of them comes at once, however busy the machine is
        writer = threading.Thread(target=lambda n=n: make_job(repository, 1, name=f"job-{n}"))
        writer.start()  # a connection sees no change of its own
        writer.join()
        feed.wake()
        before = len(stop.asked)
        assert len(next(snapshots).jobs) == n + 1
        rests += [rest for rest in stop.asked[before:] if rest]
    stop.set()
    snapshots.close()
    assert max(rests, default=0) > 0.5 * MIN_GAP_S > 0.05


def test_the_death_of_an_executor_is_seen_without_a_write(repository: Repository, watched: Watched) -> None:
    job = make_job(repository, status=JobStatus.RUNNING)

    sleeper = subprocess.Popen(["sleep", "60"])
    assert repository.leases.take(job.id, lease_of(sleeper.pid), None)
    watched.until(lambda s: s.jobs and s.jobs[0].phase is Phase.RUNNING)
    sleeper.kill()
    sleeper.wait()
    watched.until(lambda s: s.jobs[0].phase is Phase.INTERRUPTED)


def test_a_unit_on_another_machine_says_on_which(repository: Repository, watched: Watched) -> None:
    job = make_job(repository, 2, status=JobStatus.RUNNING)
    lease = take_lease(repository, job)
    with repository.journal(job.id, lease.executor, lease.host, lease.boot_id).opened() as journal:
        with journal.transaction(durable=False):
            away, _ = journal.claim(2, Purpose.RUN, 1, lambda payload: "Do it")
            journal.started([Started(away.attempt_id, host="north", boot_id="b")])
        watched.feed.look_at(job.id)
        focus = watched.until(lambda s: s.focus and len(s.focus.running) == 2)[-1].focus
    assert focus is not None
    assert [unit.host for unit in focus.running] == ["north", None]
    assert [said(unit) for unit in focus.running] == ["north  ", ""]
