from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Job, Outcome, Usage
from abp_tui.domain.status import AttemptStatus, JobStatus, Purpose, UnitStatus
from abp_tui.errors import IllegalTransition, InvalidInput
from abp_tui.execution.executor import JobExecutor
from abp_tui.orchestrator import Orchestrator
from abp_tui.store.repository import Repository
from abp_tui.workers.base import Sink, Task
from abp_tui.workers.cancel import Cancel
from tests.factories import InProcessWorker, answer, assert_counters_match


class Agent(InProcessWorker):
    """Answers items, some of them badly, and reads the results in its synthesis."""

    def __init__(self) -> None:
        super().__init__(self.behave)
        self.bad: set[str] = set()
        self.synthesis_fails = 0
        self.read: list[list[dict[str, Any]]] = []

    def behave(self, task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        if not task.prompt.startswith("Sum up"):
            if any(name in task.prompt for name in self.bad):
                return Outcome.failed(FailureKind.PERMANENT, "404")
            return answer(task, sink, cancel)
        path = Path(task.prompt.split("file ")[1].split(": ")[0])
        self.read.append([json.loads(line) for line in path.read_text().splitlines()])
        if self.synthesis_fails:
            self.synthesis_fails -= 1
            return Outcome.failed(FailureKind.TRANSIENT, "busy", usage=Usage(cost_usd=0.5))
        return Outcome(ok=True, output="all in all", usage=Usage(cost_usd=1.0))


@pytest.fixture
def agent() -> Agent:
    return Agent()


@pytest.fixture
def orchestrator(repository: Repository, agent: Agent) -> Orchestrator:
    return Orchestrator(repository, worker=agent)


def make(orchestrator: Orchestrator, folder: Path, count: int = 3, **more: Any) -> Job:
    items = folder / "items"
    items.mkdir(exist_ok=True)
    for n in range(count):
        (items / f"{n}.txt").write_text(str(n))
    job = orchestrator.create_job(
        "notes",
        "Read {file_name}",
        "file",
        {"base_directory": str(items)},
        post_processing_prompt="Sum up",
        max_retries=2,
        **more,
    )
    return orchestrator.skip_test(job.id)


def run(orchestrator: Orchestrator, job: Job, agent: Agent) -> JobStatus:
    return JobExecutor(orchestrator.repository, job.id, agent).run()


def test_it_runs_once_over_all_results_and_is_no_item(
    orchestrator: Orchestrator, repository: Repository, agent: Agent, tmp_path: Path
) -> None:
    job = make(orchestrator, tmp_path)
    assert job.synthesis is UnitStatus.PENDING
    assert run(orchestrator, job, agent) is JobStatus.COMPLETED
    (results,) = agent.read
    assert [(row["key"], row["status"]) for row in results] == [
        ("0.txt", "COMPLETED"),
        ("1.txt", "COMPLETED"),
        ("2.txt", "COMPLETED"),
    ]
    done = repository.jobs.get(job.id)
    assert (done.counters.total, done.counters.completed, done.synthesis) == (3, 3, UnitStatus.COMPLETED)
    assert done.cost_usd == pytest.approx(1.03)
    step = repository.units.synthesis(job.id)
    assert step is not None
    assert (step.seq, step.output, step.cost_usd) == (3, "all in all", 1.0)
    assert repository.attempts.of_unit(job.id, 3)[0].purpose is Purpose.POST
    assert [unit.seq for unit in repository.units.stream(job.id)] == [0, 1, 2]
    assert_counters_match(repository, job.id)


def test_the_results_are_for_nobody_else_to_read(
    orchestrator: Orchestrator, repository: Repository, agent: Agent, tmp_path: Path
) -> None:
    job = make(orchestrator, tmp_path)
    run(orchestrator, job, agent)
    (results,) = (repository.path.parent / "results").iterdir()
    assert results.parent.stat().st_mode & 0o777 == 0o700
    orchestrator.remove(job.id)
    assert not results.exists()


def test_it_is_retried_like_any_unit(
    orchestrator: Orchestrator, repository: Repository, agent: Agent, tmp_path: Path
) -> None:
    agent.synthesis_fails = 2
    job = make(orchestrator, tmp_path)
    assert run(orchestrator, job, agent) is JobStatus.COMPLETED
    attempts = repository.attempts.of_unit(job.id, 3)
    assert [a.status for a in attempts] == ["FAILED", "FAILED", "COMPLETED"]
    assert repository.jobs.get(job.id).cost_usd == pytest.approx(2.03)


@pytest.mark.slow
def test_where_it_fails_the_job_has_failed_and_a_retry_runs_it_alone(
    orchestrator: Orchestrator, repository: Repository, agent: Agent, tmp_path: Path
) -> None:
    agent.synthesis_fails = 3
    job = make(orchestrator, tmp_path)
    assert run(orchestrator, job, agent) is JobStatus.FAILED
    assert orchestrator.status(job.id).retryable
    agent.prompts.clear()
    orchestrator.retry(job.id)
    assert run(orchestrator, job, agent) is JobStatus.COMPLETED
    assert len(agent.prompts) == 1
    assert_counters_match(repository, job.id)


def test_failures_keep_it_back_until_they_are_waived(
    orchestrator: Orchestrator, repository: Repository, agent: Agent, tmp_path: Path
) -> None:
    agent.bad = {"1.txt"}
    job = make(orchestrator, tmp_path)
    assert run(orchestrator, job, agent) is JobStatus.FAILED
    assert agent.read == []
    orchestrator.waive(job.id)
    assert run(orchestrator, job, agent) is JobStatus.COMPLETED
    assert [row["status"] for row in agent.read[0]] == ["COMPLETED", "FAILED", "COMPLETED"]
    assert repository.jobs.get(job.id).counters.failed == 1
    assert_counters_match(repository, job.id)


def test_items_that_are_run_again_make_it_run_again_and_take_the_waiver_back(
    orchestrator: Orchestrator, repository: Repository, agent: Agent, tmp_path: Path
) -> None:
    agent.bad = {"1.txt"}
    job = make(orchestrator, tmp_path)
    run(orchestrator, job, agent)
    orchestrator.waive(job.id)
    run(orchestrator, job, agent)
    orchestrator.retry(job.id)
    assert repository.jobs.get(job.id).synthesis is UnitStatus.PENDING
    assert run(orchestrator, job, agent) is JobStatus.FAILED
    agent.bad = set()
    orchestrator.retry(job.id)
    assert run(orchestrator, job, agent) is JobStatus.COMPLETED
    assert [len(results) for results in agent.read] == [3, 3]
    assert_counters_match(repository, job.id)


def test_a_pause_before_it_holds_it_and_a_dead_executor_puts_it_back(
    orchestrator: Orchestrator, repository: Repository, agent: Agent, tmp_path: Path
) -> None:
    began, release = threading.Event(), threading.Event()

    def hangs(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        if task.prompt.startswith("Sum up"):
            began.set()
            assert release.wait(30)
            return Outcome.failed(FailureKind.INTERRUPTED, "ended")
        return answer(task, sink, cancel)

    job = make(orchestrator, tmp_path)
    executor = JobExecutor(repository, job.id, InProcessWorker(hangs))
    ended: list[JobStatus] = []
    thread = threading.Thread(target=lambda: ended.append(executor.run()))
    thread.start()
    assert began.wait(30)
    executor.stop()
    release.set()
    thread.join(30)
    assert ended == [JobStatus.PAUSED]
    assert repository.jobs.get(job.id).synthesis is UnitStatus.PENDING
    assert repository.attempts.of_unit(job.id, 3)[0].status is AttemptStatus.INTERRUPTED
    assert_counters_match(repository, job.id)
    orchestrator.resume(job.id)
    assert run(orchestrator, job, agent) is JobStatus.COMPLETED


def test_what_can_not_be_waived(
    orchestrator: Orchestrator, repository: Repository, agent: Agent, tmp_path: Path
) -> None:
    job = make(orchestrator, tmp_path)
    with pytest.raises(IllegalTransition, match="no failures keep"):
        orchestrator.waive(job.id)
    plain = orchestrator.create_job("plain", "Read", "file", {"base_directory": str(tmp_path / "items")})
    with pytest.raises(IllegalTransition, match="no synthesis step"):
        orchestrator.waive(plain.id)


def test_its_prompt_may_name_the_results_and_nothing_else(orchestrator: Orchestrator, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    config = {"base_directory": str(tmp_path)}
    job = orchestrator.create_job(
        "named", "Read", "file", config, post_processing_prompt="From {results_file}"
    )
    assert job.post_processing_prompt == "From {results_file}"
    with pytest.raises(InvalidInput, match="file_path"):
        orchestrator.create_job("x", "Read", "file", config, post_processing_prompt="Of {file_path}")
    with pytest.raises(InvalidInput, match="empty"):
        orchestrator.create_job("y", "Read", "file", config, post_processing_prompt="  ")


def test_an_item_may_be_called_like_it(orchestrator: Orchestrator, tmp_path: Path) -> None:
    (tmp_path / "(synthesis)").write_text("x")
    config = {"base_directory": str(tmp_path)}
    job = orchestrator.create_job("n", "Read", "file", config, post_processing_prompt="Sum up")
    assert job.synthesis is UnitStatus.PENDING
