"""A small job with the real Claude Code, from its units to what the store keeps of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from abp_tui.domain.model import Denial, EventKind, Job
from abp_tui.domain.status import JobStatus, UnitStatus, Verdict
from abp_tui.execution.executor import JobExecutor
from abp_tui.store.repository import Repository
from tests.agents.anthropic_api import AnthropicApi, error, text, tool_use
from tests.agents.claude import outer_variables
from tests.factories import make_job

pytestmark = [pytest.mark.agents, pytest.mark.timeout(240)]

PRICE = 0.005


@pytest.fixture(autouse=True)
def api(anthropic_api: AnthropicApi, monkeypatch: pytest.MonkeyPatch) -> AnthropicApi:
    for name in outer_variables():
        monkeypatch.delenv(name)
    for name, value in anthropic_api.environment().items():
        monkeypatch.setenv(name, value)
    return anthropic_api


def run(repository: Repository, claude: Path, cwd: Path, *prompts: str, **options: Any) -> Job:
    job = make_job(
        repository,
        payloads=[{"n": prompt} for prompt in prompts],
        template="{n}",
        cwd=cwd,
        worker="claude",
        worker_options={"program": str(claude), **options},
        status=JobStatus.RUNNING,
    )
    JobExecutor(repository, job.id).run()
    return repository.jobs.get(job.id)


def test_what_becomes_of_units(
    repository: Repository, api: AnthropicApi, claude_330: Path, tmp_path: Path
) -> None:
    api.script(text("fine"), marker="@fine@")
    api.script(tool_use("Write", file_path="x.txt", content="x"), text("I may not"), marker="@denied@")
    api.script(error(404), marker="@gone@")
    job = run(repository, claude_330, tmp_path, "@fine@", "@denied@", "@gone@")
    units = [repository.units.get(job.id, n) for n in range(3)]
    assert [(unit.status, unit.verdict) for unit in units] == [
        (UnitStatus.COMPLETED, Verdict.OK),
        (UnitStatus.COMPLETED, Verdict.BLOCKED),
        (UnitStatus.FAILED, None),
    ]
    assert [unit.cost_usd for unit in units] == [pytest.approx(PRICE), pytest.approx(2 * PRICE), 0]
    assert job.cost_usd == pytest.approx(3 * PRICE)
    assert (units[0].output, units[1].output) == ("fine", "I may not")
    assert "permission denied: Write" in (units[1].error or "")
    (attempt,) = repository.attempts.of_unit(job.id, 1)
    assert attempt.outcome and attempt.outcome.denials == (
        Denial(tool="Write", detail=str(tmp_path / "x.txt")),
    )
    assert len(api.of_session(str(attempt.session_id))) == 2
    assert EventKind.DENIED in {event.kind for event in repository.attempts.events(attempt.id)}


def test_a_set_up_that_the_program_refuses_holds_the_job_unspent(
    repository: Repository, claude_330: Path, tmp_path: Path
) -> None:
    job = run(repository, claude_330, tmp_path, "one", "two", settings="/no/such/file")
    assert job.status is JobStatus.PAUSED
    assert "Settings file not found" in (job.pause_reason or "")
    assert "worker options" in (job.pause_reason or "")
    assert {repository.units.get(job.id, n).status for n in range(2)} == {UnitStatus.PENDING}
    assert [repository.units.get(job.id, n).failures for n in range(2)] == [0, 0]
    assert not job.cost_usd
