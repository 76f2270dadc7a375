"""A write that fails once has not happened, and leaves nothing behind in the executor's mind."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Outcome
from abp_tui.domain.status import Desired, JobStatus, UnitStatus
from abp_tui.errors import IllegalTransition, LeaseHeld, StoreUnavailable
from abp_tui.execution.executor import JobExecutor
from abp_tui.execution.lease import take_lease
from abp_tui.execution.orphans import Adopted
from abp_tui.store.journal import Journal
from abp_tui.store.repository import Repository
from tests.execution.test_executor import processing, run_in_thread
from tests.factories import InProcessWorker, assert_counters_match, make_job, wait_for_cancel
from tests.waiting import wait_until


class FailOnce:
    """Makes the next transaction that does something fail at its end, as on a full disk."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
        self.armed = True
        original, transaction = getattr(Journal, method), Journal.transaction
        called = threading.Event()

        def marked(journal: Journal, *values: Any, **more: Any) -> Any:
            found = original(journal, *values, **more)
            if found:
                called.set()
            return found

        @contextmanager
        def failing(journal: Journal, *, durable: bool) -> Iterator[None]:
            with transaction(journal, durable=durable):
                yield
                if self.armed and called.is_set():
                    self.armed = False
                    raise StoreUnavailable("the disk is full")

        monkeypatch.setattr(Journal, method, marked)
        monkeypatch.setattr(Journal, "transaction", failing)


@pytest.mark.parametrize("method", ["claim", "finish"])
def test_a_batch_whose_write_failed_runs_each_unit_once(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    failing = FailOnce(monkeypatch, method)
    job = make_job(repository, 6, status=JobStatus.RUNNING, desired_workers=2, budget_usd=10)
    worker = InProcessWorker()
    assert JobExecutor(repository, job.id, worker).run() is JobStatus.COMPLETED
    assert not failing.armed
    assert sorted(worker.prompts) == [f"Do {n}" for n in range(6)]
    for attempt in range(1, 7):
        assert len(repository.attempts.events(attempt)) == 2
    assert_counters_match(repository, job.id)


def test_a_test_whose_claim_failed_is_made_all_the_same(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = FailOnce(monkeypatch, "claim_unit")
    job = make_job(repository, 3)
    JobExecutor(repository, job.id, InProcessWorker()).run_test(1)
    assert not failing.armed
    assert repository.jobs.get(job.id).status is JobStatus.TESTING
    assert repository.units.get(job.id, 1).status is UnitStatus.COMPLETED


def test_an_order_that_could_not_be_read_is_read_again(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job(repository, 2, status=JobStatus.RUNNING)
    thread, _, ended = run_in_thread(repository, job.id, InProcessWorker(wait_for_cancel))
    wait_until(lambda: processing(repository, job.id) == 2)
    failed, original = threading.Event(), Journal.orders_now

    def fails_once(journal: Journal) -> Any:
        if not failed.is_set():
            failed.set()
            raise StoreUnavailable("not now")
        return original(journal)

    monkeypatch.setattr(Journal, "orders_now", fails_once)
    repository.jobs.ask(job.id, desired=Desired.STOP)
    thread.join(20)
    assert (ended, failed.is_set()) == ([JobStatus.PAUSED], True)


def test_a_stop_in_between_does_not_make_a_failure_a_new_one(repository: Repository) -> None:
    outcomes = [
        Outcome.failed(FailureKind.AGENT_ERROR, "no such field"),
        Outcome.failed(FailureKind.INTERRUPTED, "stopped"),
        Outcome.failed(FailureKind.AGENT_ERROR, "no such field"),
    ]
    job = make_job(repository, 1, status=JobStatus.RUNNING, max_retries=5)
    worker = InProcessWorker(lambda *_: outcomes.pop(0))
    assert JobExecutor(repository, job.id, worker).run() is JobStatus.FAILED
    assert repository.units.get(job.id, 0).attempts == 3


def test_a_job_that_is_being_removed_is_nobodys_to_run(repository: Repository) -> None:
    job = make_job(repository, 2)
    with repository.database.writing() as db:
        db.execute_sql("UPDATE job SET ready_at = NULL")
    with pytest.raises(IllegalTransition, match="not complete"):
        repository.jobs.move(job.id, JobStatus.RUNNING)
    with pytest.raises(LeaseHeld):
        take_lease(repository, repository.jobs.get(job.id))


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="this system has no /proc")
def test_a_child_of_somebody_else_keeps_its_exit_code() -> None:
    """In a process of its own, because it becomes a reaper."""
    code = (
        "import subprocess, sys, threading, time\n"
        "from abp_tui.execution.orphans import Adopted\n"
        "orphans, started = Adopted('store'), []\n"
        "thread = threading.Thread(target=lambda: started.append(\n"
        "    subprocess.Popen([sys.executable, '-c', 'raise SystemExit(7)'])))\n"
        "thread.start(); thread.join()\n"
        "end = time.monotonic() + 1\n"
        "while time.monotonic() < end: orphans.end((), ())\n"
        "raise SystemExit(started[0].wait())\n"
    )
    assert Adopted.__module__ in code
    assert subprocess.run([sys.executable, "-c", code], timeout=30).returncode == 7
