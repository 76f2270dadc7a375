"""A check that was mended judges the answer that is there: the agent is neither paid nor asked again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from abp_tui.domain.model import Outcome, Usage
from abp_tui.domain.status import JobStatus, UnitStatus, Verdict
from abp_tui.execution.executor import JobExecutor
from abp_tui.orchestrator import Orchestrator
from abp_tui.settings import Settings
from abp_tui.store.repository import Repository
from abp_tui.workers.base import Sink, Task
from abp_tui.workers.cancel import Cancel
from tests.execution.test_sessions import SAID
from tests.factories import InProcessWorker, assert_counters_match, make_job

LONG = "Verdict: good. " * 60_000  # more than an attempt keeps of it
WRONG, MENDED = {"kind": "regex", "pattern": "^Result"}, {"kind": "regex", "pattern": "^Verdict.* $"}


class Agent(InProcessWorker):
    resumes = True

    def __init__(self, file: Path | None = None) -> None:
        super().__init__(self._behave)
        self._file = file
        self.words: list[str] = []

    def _behave(self, task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        self.words.append(task.words)
        sink.session("s1")
        sink.event(SAID)
        if self._file is not None:
            self._file.write_text("mended")
        return Outcome(ok=True, output=LONG, result={"n": 1}, usage=Usage(cost_usd=0.5), session_id="s1")


def suspect(repository: Repository, agent: Agent, *checks: dict[str, Any], **more: Any) -> Orchestrator:
    """The verbs of a job whose one unit is suspect by its checks."""
    job = make_job(repository, 1, status=JobStatus.RUNNING, checks=[WRONG, *checks], **more)
    JobExecutor(repository, job.id, agent).run()
    assert repository.units.get(job.id, 0).verdict is Verdict.SUSPECT
    return Orchestrator(repository, agent, settings=Settings())


def retried(orchestrator: Orchestrator, agent: Agent, nudge: str | None = None) -> Any:
    orchestrator.retry(1, nudge=nudge)
    JobExecutor(orchestrator.repository, 1, agent).run()
    assert_counters_match(orchestrator.repository, 1)
    return orchestrator.repository.units.get(1, 0)


def test_a_mended_check_judges_the_answer_that_is_there(repository: Repository) -> None:
    agent = Agent()
    orchestrator = suspect(repository, agent)
    orchestrator.edit_recipe(1, checks=[MENDED])
    unit = retried(orchestrator, agent)
    assert (unit.status, unit.verdict, unit.error) == (UnitStatus.COMPLETED, Verdict.OK, None)
    assert (unit.output, unit.result, unit.session_id) == (LONG, {"n": 1}, "s1")
    assert (len(agent.words), unit.cost_usd) == (1, pytest.approx(0.5))
    first, second = repository.attempts.of_unit(1, 0)
    assert (first.recipe_version, second.recipe_version, second.usage.cost_usd) == (1, 2, 0.0)


def test_where_it_fails_that_too_the_agent_hears_of_the_new_check_alone(repository: Repository) -> None:
    agent = Agent()
    orchestrator = suspect(repository, agent)
    orchestrator.edit_recipe(1, checks=[{"kind": "regex", "pattern": "^Answer"}])
    unit = retried(orchestrator, agent)
    assert (unit.verdict, len(agent.words)) == (Verdict.SUSPECT, 1)
    assert "/^Answer/" in unit.error and "/^Result/" not in unit.error
    retried(orchestrator, agent)
    assert len(agent.words) == 2
    assert "/^Answer/" in agent.words[1] and "/^Result/" not in agent.words[1]


@pytest.mark.parametrize(
    "edit", [{}, {"prompt_template": "Better {n}"}, {"output_schema": {"type": "object"}}], ids=str
)
def test_after_any_other_edit_the_agent_runs(repository: Repository, edit: dict[str, Any]) -> None:
    agent = Agent()
    orchestrator = suspect(repository, agent)
    if edit:
        orchestrator.edit_recipe(1, checks=[MENDED], **edit)
    retried(orchestrator, agent)
    assert len(agent.words) == 2


def test_a_nudge_is_for_the_agent(repository: Repository) -> None:
    agent = Agent()
    orchestrator = suspect(repository, agent)
    orchestrator.edit_recipe(1, checks=[MENDED])
    retried(orchestrator, agent, "Look again")
    assert agent.words[1:] == ["Look again"]


@pytest.mark.parametrize("write", [True, False])
def test_whether_its_file_was_changed_is_still_known(
    repository: Repository, tmp_path: Path, write: bool
) -> None:
    file = tmp_path / "a.txt"
    file.write_text("old")
    agent = Agent(file if write else None)
    items = [{"n": 0, "file_path": str(file)}]
    orchestrator = suspect(repository, agent, {"kind": "changed"}, payloads=items)
    orchestrator.edit_recipe(1, checks=[MENDED, {"kind": "changed"}])
    unit = retried(orchestrator, agent)
    assert unit.error == (None if write else "check failed: its file was not changed")
    assert len(agent.words) == 1


def test_where_that_was_not_asked_before_the_agent_runs(repository: Repository, tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("old")
    agent = Agent()
    orchestrator = suspect(repository, agent, payloads=[{"n": 0, "file_path": str(file)}])
    orchestrator.edit_recipe(1, checks=[MENDED, {"kind": "changed"}])
    assert retried(orchestrator, agent).error == "check failed: its file was not changed"
    assert len(agent.words) == 2
