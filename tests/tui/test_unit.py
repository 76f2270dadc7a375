"""One unit on its screen: before its first attempt, while one runs, and from one attempt to another."""

from __future__ import annotations

from pathlib import Path

from abp_tui.tui.screens.unit import UnitScreen
from abp_tui.tui.widgets.attempt_view import AttemptView
from tests.factories import FailAnew, Held, make_job
from tests.tui.screens import BOTH, InProcess, running, shown, until, until_shown


def ran(folder: Path, *, times: int = 1) -> InProcess:
    """One unit that has failed, and that fails anew `times` times in all."""
    orchestrator = InProcess(folder, FailAnew(times))
    make_job(orchestrator.repository, 1)
    orchestrator.skip_test("words")
    orchestrator.settle()
    return orchestrator


@BOTH
async def test_a_unit_that_waits_shows_its_item_and_then_its_agent(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    held = Held()
    orchestrator = InProcess(tmp_path, held)
    make_job(orchestrator.repository, payloads=[{"n": 1, "t\x1b[2J": "\x1b[31mred[/nope]\x07\nline two"}])
    async with running(orchestrator, size, job="words") as pilot:
        await until_shown(pilot, "All 1", "item-0")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, UnitScreen))
        await until_shown(pilot, "it waits: no agent has worked on it yet", "item", "red[/nope]", "line two")
        assert "\x1b" not in shown(pilot) and "\x07" not in shown(pilot)
        orchestrator.launch_test("words")
        await until_shown(pilot, "try 1 of 1 running", "nothing said yet")
        held.go_on.set()
        await until_shown(pilot, "try 1 of 1 completed", "I was asked: Do 1")
        assert "nothing said" not in shown(pilot)
    orchestrator.settle()


async def test_no_tab_of_a_unit_that_waits_is_blank(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    make_job(orchestrator.repository, 1)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "All 1", "item-0")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, UnitScreen))
        for tab in "54321":
            await pilot.press(tab)
            await until_shown(pilot, "it waits: no agent has worked on it yet")


async def test_a_program_that_tells_of_nothing_says_so_when_it_has_ended(tmp_path: Path) -> None:
    orchestrator = ran(tmp_path)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "1 failed")
        await pilot.press("enter")
        await until_shown(pilot, "try 1 of 1 failed", "it did not work")
        await pilot.press("2")
        await until_shown(pilot, "nothing was said")


async def test_the_newest_try_is_followed_again_once_a_person_is_back_at_it(tmp_path: Path) -> None:
    orchestrator = ran(tmp_path, times=3)
    orchestrator.retry("words")
    orchestrator.settle()
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "1 failed")
        await pilot.press("enter")
        await until_shown(pilot, "try 2 of 2")
        await pilot.press("left_square_bracket")
        await until_shown(pilot, "try 1 of 2")
        await pilot.press("right_square_bracket")
        await until_shown(pilot, "try 2 of 2")
        orchestrator.retry("words")
        await until_shown(pilot, "try 3 of 3 failed")
        await pilot.press("left_square_bracket")
        await until_shown(pilot, "try 2 of 3")
        orchestrator.settle()
        orchestrator.retry("words")
        await until_shown(pilot, "try 2 of 4")
    orchestrator.settle()


async def test_one_that_is_tried_again_is_followed_live_though_it_says_nothing(tmp_path: Path) -> None:
    orchestrator, held = ran(tmp_path), Held()
    orchestrator.agent._behaviour = held
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "1 failed")
        await pilot.press("F")
        await until_shown(pilot, "1  agent error")
        await pilot.press("t")
        await until(pilot, lambda: isinstance(pilot.app.screen, UnitScreen))
        await until_shown(pilot, "try 2 of 2 running", "nothing said yet")
        assert pilot.app.screen.query_one(AttemptView).tab == "conversation"
        held.go_on.set()
        await until_shown(pilot, "try 2 of 2 completed", "I was asked: Do 0")
    orchestrator.settle()
