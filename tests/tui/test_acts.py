from __future__ import annotations

import threading
from pathlib import Path

import pytest

from abp_tui.tui.screens.help import HelpScreen
from abp_tui.tui.screens.jobs import JobsScreen
from tests.factories import make_job
from tests.tui.screens import InProcess, hold, running, shown, until, until_shown


def with_a_test(folder: Path) -> tuple[InProcess, threading.Event]:
    """A job whose test waits for review, and an approval that waits until this is set."""
    orchestrator = InProcess(folder)
    make_job(orchestrator.repository, 5)
    orchestrator.test("words")
    return orchestrator, hold(orchestrator, "approve")


@pytest.mark.slow
async def test_a_command_that_takes_long_gives_a_sign_and_refuses_a_second(tmp_path: Path) -> None:
    orchestrator, go_on = with_a_test(tmp_path)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("a")
        await until_shown(pilot, "one moment")
        await pilot.press("r")
        await until_shown(pilot, "the last command is still at work")
        go_on.set()
        await until_shown(pilot, "✓ completed", "5 done")
        await until(pilot, lambda: "one moment" not in shown(pilot).splitlines()[0])
    orchestrator.settle()


async def test_what_came_of_a_command_is_told_where_one_is_by_then_and_moves_nobody(tmp_path: Path) -> None:
    orchestrator, go_on = with_a_test(tmp_path)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("a", "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobsScreen))
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))
        go_on.set()
        await until_shown(pilot, "words runs: 4 workers")
        assert isinstance(pilot.app.screen, HelpScreen)
        await pilot.press("escape")
        await until_shown(pilot, "✓ completed")
        assert isinstance(pilot.app.screen, JobsScreen)
    orchestrator.settle()


async def test_a_command_that_fails_is_told_of_though_its_screen_was_left(tmp_path: Path) -> None:
    orchestrator, go_on = with_a_test(tmp_path)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("a", "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobsScreen))
        orchestrator.reject("words")
        go_on.set()
        await until_shown(pilot, "is CREATED")


async def test_a_store_that_can_not_be_read_is_told_of_until_it_can(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    job = make_job(orchestrator.repository, 5)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "item-0")
        with orchestrator.repository.database.writing() as db:
            db.execute_sql("ALTER TABLE attempt RENAME TO elsewhere")
        orchestrator.repository.jobs.ask(job.id, workers=7)
        await until(pilot, lambda: "no such table" in shown(pilot).splitlines()[0])
        with orchestrator.repository.database.writing() as db:
            db.execute_sql("ALTER TABLE elsewhere RENAME TO attempt")
        await until_shown(pilot, "7 workers")
