"""Ending one unit, ending in a hurry, and being ended together with the agents."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Outcome
from abp_tui.domain.status import AttemptStatus, JobStatus, UnitStatus
from abp_tui.execution.executor import JobExecutor
from abp_tui.store.repository import Repository
from abp_tui.workers.base import Sink, Task, Worker, make_worker
from abp_tui.workers.cancel import Cancel
from tests.execution.test_executor import processing, run_in_thread
from tests.factories import InProcessWorker, answer, assert_counters_match, make_job, wait_for_cancel
from tests.waiting import wait_until

IGNORES_TERM = (
    "import signal, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print('on', flush=True)\n"
    "time.sleep(60)"
)


def test_one_unit_is_ended_for_good_while_the_rest_go_on(repository: Repository) -> None:
    release = threading.Event()

    def one_hangs(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        if task.prompt == "Do 1":
            return wait_for_cancel(task, sink, cancel)
        assert release.wait(30)
        return answer(task, sink, cancel)

    job = make_job(repository, 4, status=JobStatus.RUNNING, max_retries=3)
    worker = InProcessWorker(one_hangs)
    thread, _, ended = run_in_thread(repository, job.id, worker)
    wait_until(lambda: processing(repository, job.id) == 4)
    assert repository.units.ask_end(job.id, 1)
    wait_until(lambda: repository.units.get(job.id, 1).status is UnitStatus.FAILED)
    assert processing(repository, job.id) == 3
    release.set()
    thread.join(20)
    assert ended == [JobStatus.FAILED]
    unit = repository.units.get(job.id, 1)
    assert (unit.attempts, unit.error, unit.failure_kind) == (1, "ended by a person", "interrupted")
    assert repository.attempts.of_unit(job.id, 1)[0].status is AttemptStatus.INTERRUPTED
    assert_counters_match(repository, job.id)


def test_there_is_nothing_to_end_where_no_agent_runs(repository: Repository) -> None:
    job = make_job(repository, 2)
    assert not repository.units.ask_end(job.id, 0)


def test_the_same_failure_twice_on_the_same_input_is_not_tried_a_third_time(repository: Repository) -> None:
    worker = InProcessWorker(lambda *_: Outcome.failed(FailureKind.AGENT_ERROR, "line 12: no such field"))
    job = make_job(repository, 1, status=JobStatus.RUNNING, max_retries=5)
    assert JobExecutor(repository, job.id, worker).run() is JobStatus.FAILED
    assert repository.units.get(job.id, 0).attempts == 2


@pytest.mark.parametrize(
    ("kind", "error"),
    [(FailureKind.TRANSIENT, "529 overloaded"), (FailureKind.AGENT_ERROR, "exit code 1")],
)
def test_what_passes_by_itself_or_names_no_cause_has_all_its_retries(
    repository: Repository, kind: FailureKind, error: str
) -> None:
    job = make_job(repository, 1, status=JobStatus.RUNNING, max_retries=3)
    worker = InProcessWorker(lambda *_: Outcome.failed(kind, error))
    assert JobExecutor(repository, job.id, worker).run() is JobStatus.FAILED
    assert repository.units.get(job.id, 0).attempts == 4


def command(code: str) -> Worker:  # type: ignore[type-arg]
    return make_worker("command", {"argv": [sys.executable, "-I", "-S", "-c", code]})


def test_told_twice_to_stop_it_does_not_wait_for_agents_that_will_not(repository: Repository) -> None:
    job = make_job(repository, 2, status=JobStatus.RUNNING, cwd="/")
    executor = JobExecutor(repository, job.id, command(IGNORES_TERM))
    ended: list[JobStatus] = []
    thread = threading.Thread(target=lambda: ended.append(executor.run()))
    thread.start()
    wait_until(
        lambda: (
            sum(
                any(event.body == "on" for event in repository.attempts.events(attempt.id))
                for attempt in repository.attempts.running(job.id)
            )
            == 2
        )
    )
    began = time.monotonic()
    executor.stop()
    executor.stop()
    thread.join(30)
    assert ended == [JobStatus.PAUSED]
    assert time.monotonic() - began < 4.5  # the polite way waits 5 seconds for each
    assert repository.jobs.get(job.id).counters.pending == 2
    assert all(unit.failures == 0 for unit in repository.units.page(job.id))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_an_agent_that_is_ended_together_with_its_executor_has_not_failed(
    repository: Repository, number: signal.Signals
) -> None:
    job = make_job(repository, 1, status=JobStatus.RUNNING, cwd="/", max_retries=0)
    executor = JobExecutor(repository, job.id, command("import time; time.sleep(60)"))
    thread = threading.Thread(target=executor.run)
    thread.start()
    (attempt,) = wait_until(lambda: [a for a in repository.attempts.running(job.id) if a.pid])
    os.kill(attempt.pid or 0, number)
    wait_until(lambda: not Path(f"/proc/{attempt.pid}").exists())
    executor.stop()
    thread.join(30)
    unit = repository.units.get(job.id, 0)
    assert (unit.status, unit.failures) == (UnitStatus.PENDING, 0)
    assert repository.jobs.get(job.id).status is JobStatus.PAUSED


def test_an_agent_that_something_else_ended_has_failed(repository: Repository) -> None:
    job = make_job(repository, 1, status=JobStatus.RUNNING, cwd="/", max_retries=0)
    worker = command("import os; os.kill(os.getpid(), 15)")
    assert JobExecutor(repository, job.id, worker).run() is JobStatus.FAILED
    assert repository.units.get(job.id, 0).error == "killed by SIGTERM"
