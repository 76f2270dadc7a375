"""Real databases that can't be written for a while, or ever again."""

from __future__ import annotations

import errno
import logging
import sqlite3
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from abp_tui.domain.model import Outcome, Usage
from abp_tui.domain.status import AttemptStatus, JobStatus, Purpose, UnitStatus, Verdict
from abp_tui.errors import StoreError
from abp_tui.execution.executor import JobExecutor
from abp_tui.execution.mailbox import Mail
from abp_tui.execution.outage import Room
from abp_tui.store.claims import Claim, Finished
from abp_tui.store.repository import Repository
from abp_tui.store.spill import TROUBLE_BYTES, Spill, read_spill, read_trouble, spill_path, spill_paths
from abp_tui.workers.base import Sink, Task
from abp_tui.workers.cancel import Cancel
from tests.execution.test_executor import run_in_thread
from tests.factories import InProcessWorker, answer, assert_counters_match, make_job, wait_for_cancel
from tests.waiting import wait_until


def finished(attempt_id: int, output: str = "done") -> Finished:
    claim = Claim(attempt_id, attempt_id - 1, 1, 0, Purpose.RUN, {"n": 1}, "Do it", 5.0)
    outcome = Outcome(ok=True, output=output, usage=Usage(cost_usd=0.5))
    return Finished(claim, outcome, AttemptStatus.COMPLETED, UnitStatus.COMPLETED, 6.0, verdict=Verdict.OK)


class Lock:
    """Another program that keeps the database's write lock."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("BEGIN IMMEDIATE")

    def release(self) -> None:
        self._connection.execute("ROLLBACK")
        self._connection.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A locked database is noticed at once."""
    monkeypatch.setattr("abp_tui.store.journal.BUSY_TIMEOUT_MS", 50)


@pytest.mark.usefixtures("impatient")
def test_a_locked_database_is_waited_out_and_nothing_runs_twice(
    repository: Repository, caplog: pytest.LogCaptureFixture
) -> None:
    release = threading.Event()

    def when_told(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        assert release.wait(30)
        return answer(task, sink, cancel)

    job = make_job(repository, 12, status=JobStatus.RUNNING, desired_workers=3)
    worker = InProcessWorker(when_told)
    with caplog.at_level(logging.WARNING):
        thread, _, ended = run_in_thread(repository, job.id, worker)
        wait_until(lambda: repository.jobs.get(job.id).counters.processing == 3)
        lock = Lock(repository.path)
        release.set()
        (path,) = spill_paths(repository.path, job.id)
        wait_until(lambda: len(read_spill(path, repository.uuid)) == 3, what="the outcomes in the spill file")
        assert repository.jobs.get(job.id).counters.processing == 3
        assert "locked" in caplog.text
        assert "database is locked" in (repository.jobs.get(job.id).waiting or "")
        lock.release()
        thread.join(30)
    assert ended == [JobStatus.COMPLETED]
    assert max(Counter(worker.prompts).values()) == 1
    assert not path.exists()
    assert any("could be written for" in entry.message for entry in repository.logs.after(job.id))
    assert_counters_match(repository, job.id)


@pytest.mark.usefixtures("impatient")
def test_an_executor_that_must_end_while_it_can_not_write_leaves_the_outcomes_to_the_next(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("abp_tui.execution.loop.PATIENCE_S", 0.2)
    repository.database.peewee.timeout = 0.2
    release = threading.Event()

    def first_two_end(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        if task.prompt not in ("Do 0", "Do 1"):
            return wait_for_cancel(task, sink, cancel)
        assert release.wait(30)
        return answer(task, sink, cancel)

    job = make_job(repository, 8, status=JobStatus.RUNNING, desired_workers=4)
    worker = InProcessWorker(first_two_end)
    thread, executor, ended = run_in_thread(repository, job.id, worker)
    wait_until(lambda: repository.jobs.get(job.id).counters.processing == 4)
    lock = Lock(repository.path)
    release.set()
    (path,) = spill_paths(repository.path, job.id)
    wait_until(lambda: len(read_spill(path, repository.uuid)) >= 2)
    executor.stop()
    thread.join(60)
    lock.release()
    assert isinstance(ended[0], StoreError)
    left = repository.jobs.get(job.id)
    assert (left.status, left.counters.processing) == (JobStatus.RUNNING, 4)
    assert left.lease is not None
    repository.leases.release(job.id, left.lease.executor)  # its process, this one, does not die

    assert JobExecutor(repository, job.id, second := InProcessWorker()).run() is JobStatus.COMPLETED
    assert {"Do 0", "Do 1"} & set(second.prompts) == set()
    assert not path.exists()
    assert repository.units.get(job.id, 0).output == "Do 0"
    assert any("4 outcomes kept aside" in entry.message for entry in repository.logs.after(job.id))
    assert_counters_match(repository, job.id)


def test_the_file_has_its_room_from_the_start_and_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "a.spill"
    spill = Spill(path, "store", workers=2)
    blocks = path.stat().st_blocks
    assert blocks * 512 >= 1024 * 1024
    spill.keep([finished(1), finished(2, "x" * 10_000)])
    spill.keep([finished(2), finished(3)])
    assert [end.claim.attempt_id for end in read_spill(path, "store")] == [1, 2, 3]
    assert read_spill(path, "store")[1].outcome.output == "x" * 10_000
    spill.clear()
    assert read_spill(path, "store") == []
    assert path.stat().st_blocks == blocks
    spill.keep([finished(4)])
    assert [end.claim.attempt_id for end in read_spill(path, "store")] == [4]
    spill.close()
    assert path.exists()


def test_the_trouble_is_told_beside_the_outcomes(repository: Repository) -> None:
    path = spill_path(repository.path, 7, "me")
    spill = Spill(path, "store", workers=1)
    assert read_trouble(repository.path, 7, "me") is None
    spill.tell("the disk is full \u2026 " * 100)
    spill.keep([finished(1)])
    assert (read_trouble(repository.path, 7, "me") or "").startswith("the disk is full \u2026 the disk")
    assert len(read_spill(path, "store")) == 1
    spill.clear()
    assert (read_trouble(repository.path, 7, "me"), read_spill(path, "store")) == (None, [])


def test_an_empty_file_is_removed_at_the_end(tmp_path: Path) -> None:
    Spill(tmp_path / "a.spill", "store", workers=1).close()
    assert not (tmp_path / "a.spill").exists()


def test_what_comes_back_is_what_was_kept(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "a.spill", "store", workers=1)
    end = replace(finished(9, "caf\u00e9 \x00 \ud800"), not_before=3.5, failures=2, fingerprint="f")
    spill.keep([end])
    (back,) = read_spill(tmp_path / "a.spill", "store")
    assert back == replace(end, claim=replace(end.claim, payload={}, prompt=""))


def test_a_torn_line_and_another_stores_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.spill"
    Spill(path, "another", workers=1).keep([finished(1)])
    theirs = path.read_bytes()[TROUBLE_BYTES:].partition(b"\0")[0]
    Spill(path, "store", workers=1).keep([finished(2), finished(3)])
    whole = path.read_bytes()[TROUBLE_BYTES:].partition(b"\0")[0]
    path.write_bytes(bytes(TROUBLE_BYTES) + theirs + whole[:-20])
    assert [end.claim.attempt_id for end in read_spill(path, "store")] == [2]


def test_without_room_for_its_file_an_executor_does_not_begin(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("abp_tui.store.spill.os.posix_fallocate", no_space)
    job = make_job(repository, 3, status=JobStatus.RUNNING)
    worker = InProcessWorker()
    with pytest.raises(StoreError, match="No space left"):
        JobExecutor(repository, job.id, worker).run()
    assert (repository.jobs.get(job.id).status, worker.prompts) == (JobStatus.PAUSED, [])


def test_below_the_least_free_space_no_unit_is_started_and_the_job_says_so(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = threading.Event()
    full.set()
    monkeypatch.setattr(
        "abp_tui.execution.outage.shutil.disk_usage",
        lambda folder: type("Usage", (), {"free": (10 if full.is_set() else 900) * 2**20}),
    )
    job = make_job(repository, 3, status=JobStatus.RUNNING)
    worker = InProcessWorker()
    thread, _, ended = run_in_thread(repository, job.id, worker)
    waiting = wait_until(lambda: repository.jobs.get(job.id).waiting)
    assert "has only 10 MB free" in waiting
    assert worker.prompts == []
    full.clear()
    thread.join(30)
    assert ended == [JobStatus.COMPLETED]
    assert repository.jobs.get(job.id).waiting is None
    said = [entry.message for entry in repository.logs.after(job.id)]
    assert any("has only 10 MB free" in words for words in said)
    assert "there is room again" in said


def test_room_is_looked_at_for_real(tmp_path: Path) -> None:
    assert Room(tmp_path, least_bytes=1).lacks() is None
    assert "MB free" in (Room(tmp_path, least_bytes=2**62).lacks() or "")


def test_events_beyond_what_memory_may_hold_are_dropped_and_counted() -> None:
    from abp_tui.domain.model import Event, EventKind

    event = Event(kind=EventKind.TEXT, body="x" * 100)
    mail = Mail(events=[(1, 0.0, event)])
    assert mail.add(Mail(events=[(1, 0.0, event)] * 5, finished=[finished(1)]), most_chars=350) == 3
    assert (len(mail.events), len(mail.finished)) == (3, 1)
