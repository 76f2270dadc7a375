"""A job that waits for its account, on the jobs and the progress screen."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from textual.pilot import Pilot

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Outcome
from abp_tui.domain.status import GateState
from abp_tui.tui.screens.base import AbpScreen
from abp_tui.tui.screens.confirm import ConfirmScreen
from abp_tui.tui.screens.progress import ProgressScreen
from abp_tui.tui.widgets.figures import countdown
from abp_tui.tui.widgets.job_list import JobList
from abp_tui.tui.widgets.job_panel import JobPanel
from abp_tui.tui.widgets.progress_head import ProgressHead
from abp_tui.workers.base import Sink, Task
from abp_tui.workers.cancel import Cancel
from tests.factories import answer, make_job, wait_for_cancel
from tests.tui.screens import (
    BOTH,
    LARGE,
    InProcess,
    lines,
    running,
    shown,
    until,
    until_shown,
    wait_for,
)

LEFT = re.compile(r"(?:usage limit, )?resets in (\d+):(\d\d), ")


def limited(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
    resets_at = datetime.now(UTC) + timedelta(minutes=50)
    return Outcome.failed(FailureKind.USAGE_LIMIT, "at the limit", resets_at=resets_at)


def needs_login(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
    return Outcome.failed(FailureKind.LOGIN, "Invalid API key")


def gated(folder: Path) -> InProcess:
    """A running job that waits for its usage limit, with one success before it."""
    orchestrator = InProcess(folder)
    job = make_job(orchestrator.repository, 9)
    orchestrator.test(job.id)
    orchestrator.agent._behaviour = limited
    orchestrator.approve(job.id)
    wait_for(lambda: orchestrator.repository.gates.get("in-process:").state is GateState.CLOSED)
    wait_for(lambda: orchestrator.status(job.id).processing_units == 0)
    return orchestrator


def finish(orchestrator: InProcess) -> None:
    """Let its agents answer again, and the job end."""
    orchestrator.agent._behaviour = answer
    orchestrator.repository.gates.ask("in-process:")
    orchestrator.settle()


def seconds_left(text: str) -> int | None:
    found = LEFT.search(text)
    return 60 * int(found[1]) + int(found[2]) if found else None


async def until_it_counts_down(pilot: Pilot[None]) -> None:
    await until(pilot, lambda: seconds_left(shown(pilot)) is not None)
    first = seconds_left(shown(pilot))
    assert first is not None
    assert 2900 < first <= 3000
    await until(pilot, lambda: first - 120 < (seconds_left(shown(pilot)) or 0) < first)


@BOTH
async def test_the_jobs_screen_counts_down(tmp_path: Path, size: tuple[int, int]) -> None:
    orchestrator = gated(tmp_path)
    async with running(orchestrator, size) as pilot:
        await until_shown(pilot, "‖ limit", "1 at a limit")
        await until_it_counts_down(pilot)
        row = next(line for line in lines(pilot) if "‖ limit" in line)
        assert LEFT.search(row), row
        if size == LARGE:
            assert "1/9, usage limit, resets in " in row
            assert seconds_left(" ".join(str(pilot.app.screen.query_one(JobPanel).render()).split()))
        finish(orchestrator)
        await until_shown(pilot, "✓ completed")


@BOTH
async def test_the_progress_screen_counts_down_and_u_tries_one_unit(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    orchestrator = gated(tmp_path)
    async with running(orchestrator, size, job="words") as pilot:
        await until(pilot, lambda: isinstance(pilot.app.screen, ProgressScreen))
        await until_shown(pilot, "‖ limit", "usage limit, resets in ", "no agent starts for now", "8 waiting")
        await until_it_counts_down(pilot)
        orchestrator.agent._behaviour = answer
        await pilot.press("u")
        await until_shown(pilot, "✓ completed", "9 done")
        assert "usage limit" not in shown(pilot)
    orchestrator.settle()


async def test_u_tries_one_unit_from_the_jobs_screen_too(tmp_path: Path) -> None:
    orchestrator = gated(tmp_path)
    orchestrator.agent._behaviour = answer
    async with running(orchestrator) as pilot:
        await until_shown(pilot, "‖ limit", "Try now")
        await pilot.press("u")
        await until_shown(pilot, "✓ completed")
        await until(pilot, lambda: "Try now" not in shown(pilot))  # the keys are drawn after the rows
    orchestrator.settle()


async def test_nothing_is_drawn_where_nothing_counts_or_another_screen_is_looked_at(tmp_path: Path) -> None:
    orchestrator = gated(tmp_path)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "usage limit, resets in ", "no agent starts for now")
        head, progress = pilot.app.screen.query_one(ProgressHead), pilot.app.screen
        jobs = next(s for s in pilot.app.screen_stack if isinstance(s, AbpScreen) and s is not progress)
        drawn: list[str] = []
        for widget in (head, jobs.query_one(JobList), jobs.query_one(JobPanel)):
            name = type(widget).__name__
            widget.refresh = lambda *a, name=name, **k: drawn.append(name)  # type: ignore[method-assign, assignment]
        progress._tick()
        jobs._tick()
        assert drawn == ["ProgressHead"]
        await pilot.press("S")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
        drawn.clear()
        progress._tick()
        assert drawn == ["ProgressHead"]  # it is seen behind the dialog
    finish(orchestrator)


async def test_each_second_the_jobs_screen_draws_what_counts(tmp_path: Path) -> None:
    orchestrator = gated(tmp_path)
    async with running(orchestrator) as pilot:
        await until_shown(pilot, "‖ limit")
        drawn: list[str] = []
        for kind in (JobList, JobPanel):
            widget, name = pilot.app.screen.query_one(kind), kind.__name__
            widget.refresh = lambda *a, name=name, **k: drawn.append(name)  # type: ignore[method-assign, assignment]
        pilot.app.screen._tick()  # type: ignore[attr-defined]
        assert drawn == ["JobList", "JobPanel"]
    finish(orchestrator)


async def test_a_job_that_runs_is_not_drawn_each_second(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path, wait_for_cancel)
    job = make_job(orchestrator.repository, 3)
    orchestrator.skip_test(job.id)
    async with running(orchestrator) as pilot:
        await until_shown(pilot, "● running")
        drawn: list[object] = []
        for widget in (pilot.app.screen.query_one(JobList), pilot.app.screen.query_one(JobPanel)):
            widget.refresh = lambda *a, **k: drawn.append(a)  # type: ignore[method-assign, assignment]
        pilot.app.screen._tick()  # type: ignore[attr-defined]
        assert not drawn
    orchestrator.stop(job.id)
    orchestrator.settle()


async def test_a_login_problem_needs_a_person_and_says_why(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path, needs_login)
    job = make_job(orchestrator.repository, 3)
    orchestrator.skip_test(job.id)
    orchestrator.settle()
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "‖ paused", "paused: login needed: Invalid API key")
        orchestrator.agent._behaviour = answer
        await pilot.press("space")
        await until_shown(pilot, "✓ completed", "3 done")
    orchestrator.settle()


async def test_leaving_says_that_it_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    orchestrator = gated(tmp_path)
    async with running(orchestrator) as pilot:
        await until_shown(pilot, "‖ limit")
        await pilot.press("q")
    assert "1 job still at work in the background" in capsys.readouterr().err
    finish(orchestrator)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0:00"), (59, "0:59"), (2517, "41:57"), (3600, "1h 00m"), (200_000, "2d 7h")]
)
def test_a_countdown(seconds: float, text: str) -> None:
    assert countdown(seconds) == text
