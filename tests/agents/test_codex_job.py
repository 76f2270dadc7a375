"""Small jobs with the real Codex, from their unit to what the store keeps of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from abp_tui.domain.model import WorkUnit
from abp_tui.domain.status import JobStatus, UnitStatus, Verdict
from abp_tui.execution.executor import JobExecutor
from abp_tui.store.repository import Repository
from tests.agents.codex import KEY, options
from tests.agents.openai_api import OpenAiApi, Refuses, Reply, calls, says
from tests.factories import make_job

pytestmark = [pytest.mark.agents, pytest.mark.timeout(240)]

EDIT = "apply_patch <<'EOF'\n*** Begin Patch\n*** Add File: a.txt\n+one\n*** End Patch\nEOF\n"
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


class Jobs:
    def __init__(self, repository: Repository, codex: Path, cwd: Path) -> None:
        self.repository = repository
        self.codex = codex
        self.cwd = cwd
        self.requests: list[dict[str, Any]] = []

    def run(self, *replies: Reply, schema: dict[str, Any] | None = None) -> WorkUnit:
        """The unit of a job whose API gives these replies."""
        with OpenAiApi(*replies) as api:
            job = make_job(
                self.repository,
                payloads=[{"n": "one"}],
                template="Look at {n}",
                cwd=self.cwd,
                worker="codex",
                worker_options=options(self.codex, api),
                status=JobStatus.RUNNING,
                max_retries=1,
            )
            self.repository.recipes.add(job.recipe, output_schema=schema)
            JobExecutor(self.repository, job.id).run()
            self.requests = api.requests
        return self.repository.units.get(job.id, 0)

    def said(self, n: int) -> str:
        """All that request `n` says."""
        return json.dumps(self.requests[n]["input"])


@pytest.fixture
def jobs(repository: Repository, codex: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    monkeypatch.setenv(KEY, "dummy")
    return Jobs(repository, codex, tmp_path)


def test_an_edit_that_was_refused_blocks_the_unit(jobs: Jobs) -> None:
    unit = jobs.run(calls("exec_command", cmd=EDIT), says("I may not"))
    assert (unit.status, unit.verdict, unit.output) == (UnitStatus.COMPLETED, Verdict.BLOCKED, "I may not")
    assert unit.cost_usd is None


def test_the_next_attempt_goes_on_with_the_session(jobs: Jobs) -> None:
    begun = calls("exec_command", cmd="echo begun")
    unit = jobs.run(begun, Refuses(500), Refuses(500), says("better"))
    assert (unit.status, unit.output, unit.attempts) == (UnitStatus.COMPLETED, "better", 2)
    attempts = jobs.repository.attempts.of_unit(unit.job_id, 0)
    assert len({attempt.session_id for attempt in attempts}) == 1
    assert "Look at one" in jobs.said(-1)
    assert "Go on from where you were" in jobs.said(-1)
    assert attempts[-1].usage.input_tokens == 100


def test_an_answer_that_misses_the_schema_is_sent_back_in_its_session(jobs: Jobs) -> None:
    unit = jobs.run(says('{"n": "many"}'), says('{"n": 3}'), schema=SCHEMA)
    assert (unit.status, unit.result, unit.attempts) == (UnitStatus.COMPLETED, {"n": 3}, 1)
    assert "many" in jobs.said(-1)
    (attempt,) = jobs.repository.attempts.of_unit(unit.job_id, 0)
    assert attempt.usage.input_tokens == 200
