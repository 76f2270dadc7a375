from __future__ import annotations

import click
import pytest

from abp_tui.cli.summary import exit_code, next_step, warn
from abp_tui.domain.status import JobStatus
from abp_tui.execution.executor import JobExecutor
from abp_tui.store.repository import Repository
from abp_tui.views import view_job
from tests.factories import InProcessWorker, make_job


def test_a_job_whose_budget_is_reached_needs_another_before_it_goes_on(repository: Repository) -> None:
    job = make_job(repository, 3, status=JobStatus.RUNNING, budget_usd=0.5)
    reason = "the budget of $0.5 is reached; `abp set` raises it"
    repository.jobs.move(job.id, JobStatus.PAUSED, pause_reason=reason)
    view = view_job(repository.jobs.get(job.id))
    assert next_step(view) == "Next: abp resume words --budget USD"
    repository.jobs.move(job.id, JobStatus.RUNNING)
    repository.jobs.move(job.id, JobStatus.PAUSED, pause_reason="paused by a person")
    assert next_step(view_job(repository.jobs.get(job.id))) == "Next: abp resume words"


def test_skipped_permission_checks_are_said_in_red(
    repository: Repository, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    options = {"permission_mode": "bypassPermissions"}
    job = make_job(repository, worker="claude", worker_options=options)
    with click.Context(click.Command("show"), color=True):
        warn(view_job(job))
        warn(view_job(make_job(repository, name="careful")))
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("\x1b[31m\x1b[1mwords: each agent SKIPS ALL PERMISSION CHECKS")


def test_where_all_have_run_but_some_are_in_doubt_is_not_taken_for_done(repository: Repository) -> None:
    checks = [{"kind": "regex", "pattern": "[02]"}]
    job = make_job(repository, 3, status=JobStatus.RUNNING, checks=checks)
    JobExecutor(repository, job.id, InProcessWorker()).run()
    view = view_job(repository.jobs.get(job.id))
    assert (view.status, exit_code(view)) == (JobStatus.COMPLETED, 5)
    assert (
        next_step(view)
        == "1 unit is in doubt, not done. Next: abp failures words, then abp retry or abp accept"
    )
    repository.units.accept(job.id, [1], "ann")
    assert exit_code(view_job(repository.jobs.get(job.id))) == 0
