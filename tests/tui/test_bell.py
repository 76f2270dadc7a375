"""The terminal rings when a job comes to need its person or has ended, and for nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from abp_tui.domain.status import JobStatus, Occasion
from abp_tui.tui.app import AbpApp
from tests.factories import make_job
from tests.tui.screens import InProcess, app_of, until, until_shown


def heard(app: AbpApp, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What rings, of all that goes to the terminal."""
    rung: list[str] = []
    assert app._driver is not None
    write = app._driver.write

    def listen(data: str) -> None:
        if "\a" in data:
            rung.append(data)
        write(data)

    monkeypatch.setattr(app._driver, "write", listen)
    return rung


async def test_it_rings_once_for_a_review_and_once_for_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orchestrator = InProcess(tmp_path)
    job = make_job(orchestrator.repository, 3)
    app = app_of(orchestrator, bell=Occasion)
    async with app.run_test() as pilot:
        rung = heard(app, monkeypatch)
        await until_shown(pilot, "words")
        assert not rung, "nothing is new"
        orchestrator.launch_test(job.id)
        await until(pilot, lambda: len(rung) == 1)
        orchestrator.settle()
        orchestrator.approve(job.id)
        await until_shown(pilot, "✓ completed")
        await until(pilot, lambda: len(rung) == 2)
    orchestrator.settle()


async def test_it_rings_only_for_the_occasions_that_are_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orchestrator = InProcess(tmp_path)
    job = make_job(orchestrator.repository, 3)
    app = app_of(orchestrator, bell=(Occasion.COMPLETED,))
    async with app.run_test() as pilot:
        rung = heard(app, monkeypatch)
        await until_shown(pilot, "words")
        orchestrator.launch_test(job.id)
        await until_shown(pilot, "test passed")
        assert not rung
        orchestrator.settle()
        orchestrator.approve(job.id)
        await until(pilot, lambda: len(rung) == 1)
    orchestrator.settle()


async def test_leaving_tells_of_a_job_whose_executor_is_not_there_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    orchestrator = InProcess(tmp_path)
    monkeypatch.setattr("abp_tui.views.STARTING_S", 0.0)  # as on a machine that is slow to start it
    make_job(orchestrator.repository, 3, status=JobStatus.RUNNING)
    app = app_of(orchestrator)
    async with app.run_test() as pilot:
        await until_shown(pilot, "words")
        await pilot.press("q")
    assert "1 job still at work in the background" in capsys.readouterr().err
