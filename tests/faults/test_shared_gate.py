"""Two jobs of one account in two executors, each a real process, with agents that are real processes too."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from abp_tui.domain.model import Gate, Job
from abp_tui.domain.status import GateState, JobStatus, Phase
from abp_tui.execution.launch import launch_executor
from abp_tui.liveness import is_alive, owner, started_at
from abp_tui.orchestrator import Orchestrator
from abp_tui.settings import Settings
from abp_tui.store.repository import Repository
from abp_tui.views import view_job
from tests.factories import assert_counters_match, make_job
from tests.processes import kill, marked_processes
from tests.waiting import wait_until

CLAUDE = Path(__file__).parents[1] / "standins" / "claude"


class Account:
    """An account whose usage limit lasts for as long as a file is there, and the jobs that run under it."""

    def __init__(self, repository: Repository, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.repository = repository
        self.used_up = folder / "used-up"
        self.log = folder / "log.jsonl"
        monkeypatch.setenv("STANDIN_LIMIT_WHILE", str(self.used_up))
        monkeypatch.setenv("STANDIN_LOG", str(self.log))

    def job(self, name: str, template: str = "Do {n}") -> Job:
        """Make a job and start its executor."""
        job = make_job(
            self.repository,
            6,
            name=name,
            status=JobStatus.RUNNING,
            template=template,
            worker="claude",
            worker_options={"program": str(CLAUDE)},
            desired_workers=2,
        )
        return launch_executor(self.repository, job)

    def again(self, job: Job) -> Job:
        return self.repository.jobs.get(job.id)

    def phase(self, job: Job) -> Phase | None:
        return view_job(self.again(job)).phase

    def gate(self, job: Job) -> Gate:
        """The gate as the job's executor has found it."""
        return wait_until(lambda: self.again(job).gate)  # type: ignore[return-value]

    def begun(self, job: Job) -> int:
        """How many agents the job has started."""
        return sum(len(self.repository.attempts.of_unit(job.id, seq)) for seq in range(6))

    def prompts(self) -> list[str]:
        """The prompts that agents were really given, in order."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [json.loads(line)["prompt"] for line in lines]

    def let_it_look(self, job: Job) -> None:
        """Wait until the job's executor has written more than once, with nothing to write but its beat."""
        beat = self.beat(job)
        wait_until(lambda: self.beat(job) >= beat + 2, 30)

    def beat(self, job: Job) -> int:
        lease = self.again(job).lease
        assert lease is not None
        return lease.beat


@pytest.fixture
def account(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    yield Account(repository, tmp_path, monkeypatch)
    for job in repository.jobs.all():
        if job.lease is not None and is_alive(owner(job.lease)):
            os.kill(job.lease.pid, signal.SIGKILL)
            wait_until(lambda lease=job.lease: not is_alive(owner(lease)))  # type: ignore[misc]
    kill(marked_processes(repository.uuid))


def test_while_one_job_is_at_its_limit_the_other_starts_nothing(account: Account) -> None:
    account.used_up.touch()
    first = account.job("first")
    wait_until(lambda: account.gate(first).state is GateState.CLOSED and not running(account, first))
    met = len(account.prompts())
    assert 1 <= met <= 2

    second = account.job("second")
    assert account.gate(second) == account.gate(first)
    account.let_it_look(second)
    assert account.begun(second) == 0
    assert [account.phase(first), account.phase(second)] == [Phase.GATED, Phase.GATED]
    assert len(account.prompts()) == met

    account.used_up.unlink()
    account.repository.gates.ask(account.gate(first).scope)
    for job in (first, second):
        wait_until(lambda job=job: account.again(job).status is JobStatus.COMPLETED, 60)  # type: ignore[misc]
        assert_counters_match(account.repository, job.id)
    assert len(account.prompts()) == met + 12
    assert account.begun(first) == 6 + met
    assert all(unit.failures == 0 for unit in account.repository.units.page(first.id))


def test_of_two_executors_one_tries_it_and_the_other_waits_for_what_comes_of_that(account: Account) -> None:
    account.used_up.touch()
    jobs = [account.job("first"), account.job("second")]
    wait_until(
        lambda: account.gate(jobs[0]).state is GateState.CLOSED and not any(running(account, j) for j in jobs)
    )
    met = len(account.prompts())
    for _ in range(3):
        before = account.gate(jobs[0])
        assert account.repository.gates.ask(before.scope)
        wait_until(lambda: tried(account.gate(jobs[0])))
    account.let_it_look(jobs[1])
    assert len(account.prompts()) == met + 3


def test_a_probe_whose_executor_was_killed_lapses(account: Account) -> None:
    account.used_up.touch()
    first = account.job("first", "@@hang@@ {n}")
    wait_until(lambda: account.gate(first).state is GateState.CLOSED and not running(account, first))
    account.used_up.unlink()
    account.repository.gates.ask(account.gate(first).scope)
    wait_until(lambda: "@@hang@@ 0" in account.prompts()[-1:] and running(account, first) == 1)
    assert account.gate(first).state is GateState.PROBING

    second = account.job("second")
    account.let_it_look(second)
    assert (account.begun(second), account.phase(second)) == (0, Phase.GATED)

    lease = account.again(first).lease
    assert lease is not None
    os.kill(lease.pid, signal.SIGKILL)
    wait_until(lambda: started_at(lease.pid) is None)
    wait_until(lambda: account.again(second).status is JobStatus.COMPLETED, 60)
    assert account.gate(second) == Gate(scope=account.gate(first).scope)
    assert account.phase(first) is Phase.INTERRUPTED


def test_a_login_problem_pauses_both_until_a_person_resumes(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STANDIN_MODE", "login")
    first = account.job("first")
    wait_until(lambda: account.again(first).status is JobStatus.PAUSED)
    met = len(account.prompts())
    monkeypatch.delenv("STANDIN_MODE")
    second = account.job("second")
    wait_until(lambda: account.again(second).status is JobStatus.PAUSED)
    assert len(account.prompts()) == met <= 2
    for job in (first, second):
        assert (account.again(job).pause_reason or "").startswith("login needed: Failed to authenticate")
        assert account.again(job).counters.pending == 6

    for job in (second, first):
        Orchestrator(account.repository, settings=Settings()).resume(job.id)
        wait_until(lambda job=job: account.again(job).status is JobStatus.COMPLETED, 60)  # type: ignore[misc]
    assert account.begun(first) == 6 + met


def running(account: Account, job: Job) -> int:
    return account.again(job).counters.processing


def tried(gate: Gate) -> bool:
    """Whether it has been closed anew: what a person asked for left its time in the past."""
    return gate.state is GateState.CLOSED and gate.until is not None and gate.until > datetime.now(UTC)
