"""What a person says to the next attempt of units, and one unit run before the others."""

from __future__ import annotations

from typing import Any

import pytest

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Denial, Outcome, Timers, Usage
from abp_tui.domain.status import JobStatus, UnitStatus
from abp_tui.execution.executor import JobExecutor
from abp_tui.orchestrator import Orchestrator
from abp_tui.settings import Settings
from abp_tui.store.repository import Repository
from tests.execution.test_sessions import Agent
from tests.factories import InProcessWorker, assert_counters_match, fail, make_job

NUDGE = "Decide yourself."
QUESTION = Outcome(ok=True, output="Should I go on?", usage=Usage(cost_usd=0.02))
BLOCKED = Outcome(ok=True, output="?", denials=(Denial(tool="Bash", detail="ls"),))
TIMED_OUT = Outcome.failed(FailureKind.TIMEOUT_TOTAL, "not done within 3 s")


def again(repository: Repository, agent: InProcessWorker, nudge: str | None = NUDGE) -> None:
    orchestrator = Orchestrator(repository, agent, settings=Settings())
    orchestrator.retry("words", nudge=nudge)
    JobExecutor(repository, 1, agent).run()


def run(repository: Repository, agent: InProcessWorker, count: int = 1, *, retries: int = 0) -> None:
    make_job(repository, count, status=JobStatus.RUNNING, max_retries=retries, desired_workers=1)
    JobExecutor(repository, 1, agent).run()


def test_suspect_blocked_and_timed_out_units_go_on_in_their_session(repository: Repository) -> None:
    agent = Agent(QUESTION, BLOCKED, TIMED_OUT)
    run(repository, agent, 3)
    again(repository, agent)
    assert agent.sessions == [None, None, None, "s1", "s2", "s3"]
    assert [task.words for task in agent.tasks[3:]] == [NUDGE] * 3
    assert agent.tasks[3].prompt == f"Do 0\n\n{NUDGE}"  # for an agent whose session turns out to be gone
    assert repository.jobs.get(1).counters.completed == 3
    assert repository.attempts.of_unit(1, 0)[-1].prompt == NUDGE
    assert_counters_match(repository, 1)


def test_also_after_an_edit(repository: Repository) -> None:
    agent = Agent(QUESTION)
    run(repository, agent)
    Orchestrator(repository, agent, settings=Settings()).set_prompt(1, "Now do {n}")
    again(repository, agent)
    assert agent.sessions == [None, "s1"]
    assert repository.attempts.of_unit(1, 0)[-1].recipe_version == 2


def test_without_a_nudge_what_is_suspect_or_timed_out_goes_on_and_hears_why(repository: Repository) -> None:
    agent = Agent(QUESTION, BLOCKED, TIMED_OUT, Outcome.failed(FailureKind.AGENT_ERROR, "broken"))
    run(repository, agent, 4)
    again(repository, agent, None)
    assert agent.sessions[4:] == ["s1", None, "s3", None]
    words = [task.words for task in agent.tasks[4:]]
    assert words[0].startswith(
        "What you gave was looked at and is in doubt: check failed: it ends in a question"
    )
    assert "it took too long" in words[2]
    assert [words[1], words[3]] == ["Do 1", "Do 3"]
    assert repository.jobs.get(1).counters.completed == 4
    assert_counters_match(repository, 1)


@pytest.mark.parametrize(
    ("edit", "goes_on"),
    [
        ({"timers": Timers(idle_s=77)}, True),
        ({"checks": ({"kind": "not_empty"},)}, True),
        ({"prompt_template": "Do better {n}"}, False),
        ({"worker_options": {"model": "other"}}, False),
        ({"output_schema": {"type": "object"}}, False),
    ],
    ids=["timers", "checks", "prompt", "options", "schema"],
)
def test_after_an_edit_of_what_the_agent_is_told_it_begins_anew(
    repository: Repository, edit: dict[str, Any], goes_on: bool
) -> None:
    agent = Agent(TIMED_OUT, Outcome(ok=True, output="{}"))
    run(repository, agent)
    repository.recipes.add(repository.jobs.get(1).recipe, **edit)
    again(repository, agent, None)
    assert agent.sessions[1] == ("s1" if goes_on else None)


def test_what_was_accepted_or_was_good_begins_anew(repository: Repository) -> None:
    agent = Agent(QUESTION)
    run(repository, agent, 2)
    repository.units.accept(1, [0], "ann")
    Orchestrator(repository, agent, settings=Settings()).retry(1, [0, 1])
    JobExecutor(repository, 1, agent).run()
    assert agent.sessions == [None] * 4


def test_a_unit_that_is_run_again_has_all_its_retries_though_it_fails_as_before(
    repository: Repository,
) -> None:
    broken = Outcome.failed(FailureKind.AGENT_ERROR, "broken")
    agent = Agent(broken, broken, broken)
    run(repository, agent, retries=1)
    again(repository, agent, None)
    assert (len(agent.tasks), repository.jobs.get(1).counters.completed) == (4, 1)


def test_an_agent_that_can_not_go_on_hears_it_behind_the_whole_prompt(repository: Repository) -> None:
    agent = Agent(QUESTION, QUESTION)
    agent.resumes = False  # type: ignore[misc]
    run(repository, agent)
    again(repository, agent)
    again(repository, agent, None)
    assert agent.sessions == [None] * 3
    assert [task.words for task in agent.tasks[1:]] == [f"Do 0\n\n{NUDGE}", "Do 0"]


def test_the_nudge_is_said_again_where_its_attempt_is_broken_off_and_no_more_once_it_has_ended(
    repository: Repository,
) -> None:
    agent = Agent(QUESTION, Outcome.failed(FailureKind.TRANSIENT, "529"), QUESTION)
    run(repository, agent, retries=2)
    again(repository, agent)
    assert [task.words for task in agent.tasks[1:]] == [NUDGE, NUDGE]
    again(repository, agent, None)
    assert NUDGE not in agent.tasks[-1].words


def test_what_all_attempts_have_cost_is_the_cost_of_the_unit(repository: Repository) -> None:
    agent = Agent(QUESTION, Outcome(ok=True, output="good", usage=Usage(cost_usd=0.03)))
    run(repository, agent)
    again(repository, agent)
    assert abs((repository.units.get(1, 0).cost_usd or 0) - 0.05) < 1e-9
    assert abs((repository.jobs.get(1).cost_usd or 0) - 0.05) < 1e-9


def alone(repository: Repository, agent: InProcessWorker, seq: int) -> JobStatus:
    repository.units.put_back(1, [seq])
    repository.jobs.move(1, JobStatus.RUNNING)
    return JobExecutor(repository, 1, agent).run(only=seq)


def test_one_unit_is_run_alone_and_the_others_stay_as_they_are(repository: Repository) -> None:
    run(repository, InProcessWorker(fail), 4)
    assert alone(repository, InProcessWorker(), 2) is JobStatus.FAILED
    states = [line.status for line in repository.units.lines(1, 0, 4)]
    assert states == [UnitStatus.FAILED, UnitStatus.FAILED, UnitStatus.COMPLETED, UnitStatus.FAILED]
    assert_counters_match(repository, 1)


def test_where_others_wait_the_job_is_paused_after_it(repository: Repository) -> None:
    run(repository, InProcessWorker(fail), 4)
    repository.units.put_back(1, [0, 1])
    assert alone(repository, InProcessWorker(), 2) is JobStatus.PAUSED
    job = repository.jobs.get(1)
    assert job.pause_reason == "unit 2 was run alone: look at it"
    assert (job.counters.pending, job.counters.completed) == (2, 1)


def test_the_synthesis_waits_for_more_than_one_unit(repository: Repository) -> None:
    from abp_tui.store.records import dump

    job = make_job(repository, 2, post_prompt="All: {results_file}")
    with repository.database.connected() as db:
        payload = dump({"results_file": "/nowhere"})
        db.execute_sql(
            "INSERT INTO unit (job_id, seq, kind, key, payload) VALUES (?, 2, 'post', 'post', ?)",
            (job.id, payload),
        )
    repository.jobs.move(job.id, JobStatus.RUNNING)
    JobExecutor(repository, 1, InProcessWorker(fail)).run()
    repository.units.put_back(1, [0])
    repository.jobs.move(1, JobStatus.RUNNING)
    JobExecutor(repository, 1, InProcessWorker()).run(only=0)
    assert alone(repository, InProcessWorker(), 1) is JobStatus.PAUSED
    assert repository.units.get(1, 2).attempts == 0
