"""The next attempt of a unit goes on with the session of the last one, where nothing speaks against it."""

from __future__ import annotations

import json
import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Event, EventKind, Job, Outcome, Timers
from abp_tui.domain.status import Desired, JobStatus, UnitStatus, Verdict
from abp_tui.execution.executor import JobExecutor
from abp_tui.orchestrator import Orchestrator
from abp_tui.settings import Settings
from abp_tui.store.repository import Repository
from abp_tui.workers.base import Sink, Task, Worker
from abp_tui.workers.cancel import Cancel
from abp_tui.workers.claude_cli import ClaudeCliWorker, ClaudeOptions
from tests.execution.test_executor import run_in_thread
from tests.factories import InProcessWorker, make_job, wait_for_cancel
from tests.waiting import wait_until

STANDIN = str(Path(__file__).parent.parent / "standins" / "claude")
F = FailureKind
SAID = Event(kind=EventKind.TEXT, body="Half of it is done.")


class Agent(InProcessWorker):
    """Fails its first attempts like this, after having said something in the session `s1`, `s2`…"""

    resumes = True

    def __init__(self, *failures: Outcome, say: Event | None = SAID) -> None:
        super().__init__(self._behave)
        self._failures = list(failures)
        self._say = say
        self.tasks: list[Task] = []

    def _behave(self, task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        self.tasks.append(task)
        sink.session(task.session_id or f"s{len(self.tasks)}")
        if self._say:
            sink.event(self._say)
        return self._failures.pop(0) if self._failures else Outcome(ok=True, output="all of it")

    @property
    def sessions(self) -> list[str | None]:
        return [task.session_id for task in self.tasks]


def failed(kind: FailureKind, error: str = "it broke") -> Outcome:
    return Outcome.failed(kind, error)


def run(repository: Repository, agent: InProcessWorker, **more: Any) -> Job:
    job = make_job(repository, 1, status=JobStatus.RUNNING, max_retries=3, **more)
    JobExecutor(repository, job.id, agent).run()
    return repository.jobs.get(job.id)


@pytest.mark.parametrize("kind", [F.TRANSIENT, F.TIMEOUT_IDLE, F.TIMEOUT_TOTAL, F.TIMEOUT_FIRST])
def test_it_goes_on_after_what_says_nothing_against_its_session(
    repository: Repository, kind: FailureKind
) -> None:
    agent = Agent(failed(kind, "529 overloaded"))
    assert run(repository, agent).status is JobStatus.COMPLETED
    assert agent.sessions == [None, "s1"]
    assert agent.tasks[1].prompt == "Do 0"
    assert "Go on from where you were" in agent.tasks[1].words
    assert "Do 0" not in agent.tasks[1].words


def test_what_was_sent_is_on_record(repository: Repository) -> None:
    agent = Agent(failed(F.TRANSIENT, "529 overloaded"))
    run(repository, agent)
    first, second = repository.attempts.of_unit(1, 0)
    assert (first.prompt, second.prompt) == ("Do 0", agent.tasks[1].words)
    assert "529 overloaded" in second.prompt
    assert (first.session_id, second.session_id) == ("s1", "s1")
    assert repository.attempts.events(second.id)[0].body == second.prompt


@pytest.mark.parametrize("kind", [F.AGENT_ERROR, F.PERMANENT])
def test_after_another_failure_it_begins_anew(repository: Repository, kind: FailureKind) -> None:
    agent = Agent(failed(kind))
    run(repository, agent)
    assert agent.sessions == [None] * len(agent.tasks)


@pytest.mark.parametrize(
    "say",
    [None, Event(kind=EventKind.TEXT, body="API Error", is_error=True), Event(kind=EventKind.NOTICE)],
    ids=["nothing", "an error", "no word of the agent"],
)
def test_a_session_in_which_nothing_was_said_is_not_gone_on_with(
    repository: Repository, say: Event | None
) -> None:
    agent = Agent(failed(F.TRANSIENT), say=say)
    run(repository, agent)
    assert agent.sessions == [None, None]


def test_a_second_break_goes_on_with_the_session_though_it_added_nothing(repository: Repository) -> None:
    agent = Agent(failed(F.TRANSIENT, "a"), failed(F.TRANSIENT, "b"))
    job = make_job(repository, 1, status=JobStatus.RUNNING, max_retries=3)

    def silent_the_second_time(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        agent._say = None if task.session_id else SAID
        return agent.run(task, sink, cancel)

    worker = InProcessWorker(silent_the_second_time)
    worker.resumes = True  # type: ignore[misc]
    JobExecutor(repository, job.id, worker).run()
    assert agent.sessions == [None, "s1", "s1"]


def test_a_worker_that_can_not_go_on_begins_anew(repository: Repository) -> None:
    agent = Agent(failed(F.TRANSIENT))
    agent.resumes = False  # type: ignore[misc]
    run(repository, agent)
    assert agent.sessions == [None, None]
    assert agent.tasks[1].words == "Do 0"


def test_an_edit_of_the_recipe_begins_anew(repository: Repository) -> None:
    agent = Agent(failed(F.INTERRUPTED))
    job = make_job(repository, 1, status=JobStatus.RUNNING)
    executor = JobExecutor(repository, job.id, agent)
    agent._behaviour = stopping(executor, agent)
    assert executor.run() is JobStatus.PAUSED
    agent._behaviour = agent._behave
    repository.recipes.add(repository.jobs.get(job.id).recipe, prompt_template="Do better {n}")
    repository.jobs.move(job.id, JobStatus.RUNNING)
    JobExecutor(repository, job.id, agent).run()
    assert agent.sessions == [None, None]


def stopping(executor: JobExecutor, agent: Agent) -> Any:
    """What has the job stopped while its agent is at work."""

    def behave(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        import select

        executor.stop()
        select.select([cancel.fileno()], [], [], 20)
        return agent._behave(task, sink, cancel)

    return behave


@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "on another machine"])
def test_a_stopped_job_goes_on_with_its_sessions(repository: Repository, elsewhere: bool) -> None:
    agent = Agent(failed(F.INTERRUPTED))
    job = make_job(repository, 1, status=JobStatus.RUNNING)
    executor = JobExecutor(repository, job.id, agent)
    agent._behaviour = stopping(executor, agent)
    assert executor.run() is JobStatus.PAUSED
    if elsewhere:
        with repository.database.writing() as db:
            db.execute_sql("UPDATE attempt SET host = 'another machine'")
    agent._behaviour = agent._behave
    repository.jobs.move(job.id, JobStatus.RUNNING)
    JobExecutor(repository, job.id, agent).run()
    assert agent.sessions == [None, None if elsewhere else "s1"]
    assert ("was ended" in agent.tasks[1].words) is not elsewhere


def test_what_a_person_has_rejected_begins_anew(repository: Repository) -> None:
    agent = Agent(*[failed(F.TRANSIENT)] * 3)
    orchestrator = Orchestrator(repository, worker=agent)
    job = make_job(repository, 1)
    orchestrator.test(job.id)
    orchestrator.reject(job.id)
    orchestrator.test(job.id)
    orchestrator.approve(job.id)  # a failed test goes back
    JobExecutor(repository, job.id, agent).run()
    assert agent.sessions == [None] * 3
    orchestrator.retry(job.id)
    JobExecutor(repository, job.id, agent).run()
    assert agent.sessions[3] == "s3"


def test_a_unit_that_a_person_ended_begins_anew(repository: Repository) -> None:
    agent = Agent(failed(F.INTERRUPTED))
    agent._behaviour = waiting(agent)
    job = make_job(repository, 1, status=JobStatus.RUNNING)
    thread, _, _ = run_in_thread(repository, job.id, agent)
    wait_until(lambda: repository.units.ask_end(job.id, 0))
    thread.join(20)
    agent._behaviour = agent._behave
    Orchestrator(repository, worker=agent).retry(job.id)
    JobExecutor(repository, job.id, agent).run()
    assert agent.sessions == [None, None]


def test_what_was_cut_short_as_a_test_begins_anew(repository: Repository) -> None:
    agent = Agent(failed(F.INTERRUPTED))
    job = make_job(repository, 1)
    executor = JobExecutor(repository, job.id, agent)
    agent._behaviour = stopping(executor, agent)
    executor.run_test(0)
    agent._behaviour = agent._behave
    Orchestrator(repository, worker=agent).skip_test(job.id)
    JobExecutor(repository, job.id, agent).run()
    assert agent.sessions == [None, None]


def waiting(agent: Agent) -> Any:
    """What goes on until it is ended."""

    def behave(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        sink.session("s1")
        sink.event(SAID)
        wait_for_cancel(task, sink, cancel)
        return agent._behave(task, sink, cancel)

    return behave


class Writer(Agent):
    """Writes the item's file in its first attempt only, and ends like this, then well."""

    def __init__(self, file: Path, first: Outcome) -> None:
        super().__init__(first)
        self._file = file

    def _behave(self, task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        if not self.tasks:
            self._file.write_text("mended")
        return super()._behave(task, sink, cancel)


def written(repository: Repository, folder: Path, first: Outcome) -> tuple[Writer, Job]:
    """A job whose one unit writes its file in its first attempt."""
    file = folder / "a.txt"
    file.write_text("old")
    checks = [{"kind": "changed"}, {"kind": "regex", "pattern": "^all"}]
    agent = Writer(file, first)
    job = run(repository, agent, payloads=[{"n": 0, "file_path": str(file)}], checks=checks)
    return agent, job


def test_what_was_written_before_it_timed_out_has_changed_the_file(
    repository: Repository, tmp_path: Path
) -> None:
    agent, job = written(repository, tmp_path, failed(F.TIMEOUT_IDLE))
    assert agent.sessions == [None, "s1"]
    unit = repository.units.get(job.id, 0)
    assert (unit.verdict, unit.error) == (Verdict.OK, None)


def test_what_was_written_before_an_answer_in_doubt_has_changed_the_file(
    repository: Repository, tmp_path: Path
) -> None:
    agent, job = written(repository, tmp_path, Outcome(ok=True, output="half of it"))
    assert repository.units.get(job.id, 0).verdict is Verdict.SUSPECT
    Orchestrator(repository, agent, settings=Settings()).retry(job.id, [0])
    JobExecutor(repository, job.id, agent).run()
    assert agent.sessions == [None, "s1"]
    unit = repository.units.get(job.id, 0)
    assert (unit.verdict, unit.error) == (Verdict.OK, None)


def test_where_it_begins_anew_what_the_file_holds_by_then_is_what_must_change(
    repository: Repository, tmp_path: Path
) -> None:
    agent, job = written(repository, tmp_path, failed(F.AGENT_ERROR))
    assert agent.sessions == [None, None]
    assert repository.units.get(job.id, 0).error == "check failed: its file was not changed"


class GoingOn(ClaudeCliWorker):
    resumes = True


def claude() -> Worker[Any]:
    return GoingOn(ClaudeOptions(program=STANDIN))


def calls(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_a_real_program_resumes_after_its_executor_was_told_to_stop(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    monkeypatch.setenv("STANDIN_LOG", str(log))
    job = make_job(repository, 1, template="@@hang@@ {n}", status=JobStatus.RUNNING, cwd=tmp_path)
    thread, executor, _ = run_in_thread(repository, job.id, claude())
    wait_until(
        lambda: any(
            event.body == "I hang."
            for attempt in repository.attempts.running(job.id)
            for event in repository.attempts.events(attempt.id)
        )
    )
    executor.stop()
    thread.join(30)
    repository.jobs.move(job.id, JobStatus.RUNNING)
    assert JobExecutor(repository, job.id, claude()).run() is JobStatus.COMPLETED
    first, second = calls(log)
    session = first["argv"][first["argv"].index("--session-id") + 1]
    assert second["argv"][second["argv"].index("--resume") + 1] == session
    assert second["prompt"].startswith("Your work on this was broken off")
    assert repository.units.get(job.id, 0).status is UnitStatus.COMPLETED


def test_a_real_program_resumes_after_its_idle_timer(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    monkeypatch.setenv("STANDIN_LOG", str(log))
    job = make_job(
        repository, 1, template="@@hang@@ {n}", status=JobStatus.RUNNING, cwd=tmp_path, max_retries=1
    )
    repository.recipes.add(job.recipe, timers=Timers(idle_s=0.5, backoff_s=0.01))
    assert JobExecutor(repository, job.id, claude()).run() is JobStatus.COMPLETED
    assert ["--resume" in call["argv"] for call in calls(log)] == [False, True]
    assert "nothing was heard of you" in calls(log)[1]["prompt"]


@pytest.mark.parametrize(
    ("template", "more", "words"),
    [
        ("@@hang@@ {n}", {"idle_s": 0.5}, "nothing was heard of you"),
        ("Should I go on? {n}", {}, "in doubt: check failed: the output does not match /^What/"),
    ],
    ids=["timed out", "suspect"],
)
def test_a_real_program_resumes_when_a_person_has_it_run_again_and_all_it_cost_counts(
    repository: Repository,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    template: str,
    more: dict[str, float],
    words: str,
) -> None:
    log = tmp_path / "log"
    monkeypatch.setenv("STANDIN_LOG", str(log))
    job = make_job(repository, 1, template=template, status=JobStatus.RUNNING, cwd=tmp_path)
    checks = ({"kind": "regex", "pattern": "^What"},) if not more else ()
    repository.recipes.add(job.recipe, timers=Timers(**more), checks=checks)
    JobExecutor(repository, job.id, claude()).run()
    before = repository.units.get(job.id, 0)
    worker = claude()
    Orchestrator(repository, worker=worker).retry(job.id)
    JobExecutor(repository, job.id, worker).run()
    first, second = calls(log)
    session = first["argv"][first["argv"].index("--session-id") + 1]
    assert second["argv"][second["argv"].index("--resume") + 1] == session
    assert words in second["prompt"]
    unit, attempts = repository.units.get(job.id, 0), repository.attempts.of_unit(job.id, 0)
    assert unit.status is UnitStatus.COMPLETED
    costs = [attempt.outcome.usage.cost_usd or 0 for attempt in attempts if attempt.outcome]
    assert (len(costs), unit.cost_usd) == (2, pytest.approx(sum(costs)))
    assert (unit.cost_usd or 0) > (before.cost_usd or 0)


def agent_at_work(repository: Repository, job: Job, number: int) -> int | None:
    """The process of the attempt of this number, once its agent has spoken."""
    for attempt in repository.attempts.running(job.id):
        spoken = any(event.body == "I hang." for event in repository.attempts.events(attempt.id))
        if attempt.number == number and spoken:
            return attempt.pid
    return None


def test_a_real_program_that_somebody_kills_goes_on_as_often_as_there_are_retries(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    monkeypatch.setenv("STANDIN_LOG", str(log))
    monkeypatch.setenv("STANDIN_MODE", "hang")
    job = make_job(repository, 1, status=JobStatus.RUNNING, cwd=tmp_path, max_retries=5)
    repository.recipes.add(job.recipe, timers=Timers(backoff_s=0.01))
    thread, _, _ = run_in_thread(repository, job.id, claude())
    for number in (1, 2):
        os.kill(wait_until(partial(agent_at_work, repository, job, number)) or 0, signal.SIGKILL)
    wait_until(partial(agent_at_work, repository, job, 3))
    unit = repository.units.get(job.id, 0)
    assert (unit.status, unit.failures) == (UnitStatus.PROCESSING, 2)
    assert unit.failure_kind == "transient"
    repository.jobs.ask(job.id, desired=Desired.STOP)
    thread.join(30)
    first, second, third = (call["argv"] for call in calls(log))
    session = first[first.index("--session-id") + 1]
    assert [argv[argv.index("--resume") + 1] for argv in (second, third)] == [session, session]


def test_an_agent_that_is_killed_each_time_uses_its_retries_up(
    repository: Repository, tmp_path: Path
) -> None:
    killed = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    options = {"argv": [sys.executable, "-c", killed]}
    job = make_job(
        repository, 1, status=JobStatus.RUNNING, worker="command", worker_options=options, max_retries=2
    )
    repository.recipes.add(job.recipe, timers=Timers(backoff_s=0.01))
    JobExecutor(repository, job.id).run()
    unit = repository.units.get(job.id, 0)
    assert (unit.status, unit.attempts) == (UnitStatus.FAILED, 3)
