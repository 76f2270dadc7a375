from __future__ import annotations

from pathlib import Path

import pytest

from abp_tui.domain.model import Outcome, Usage
from abp_tui.tui.screens.review import ReviewScreen
from abp_tui.tui.screens.unit import UnitScreen
from abp_tui.workers.base import Sink, Task
from abp_tui.workers.cancel import Cancel
from tests.factories import make_job
from tests.tui.screens import ALL, SMALL, InProcess, lines, running, shown, until, until_shown
from tests.tui.test_foreign import EVIL

pytestmark = pytest.mark.slow


def speak(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
    """Answer what was asked for, dearer where it is to be done better."""
    cost = 0.03 if "better" in task.prompt else 0.01
    output = f"I was told: {task.prompt}\nThe end {EVIL}"
    return Outcome(ok=True, output=output, usage=Usage(cost_usd=cost))


def two_versions(folder: Path) -> InProcess:
    """Four units piloted under both of two versions, and two under one of them."""
    orchestrator = InProcess(folder, speak)
    make_job(orchestrator.repository, 5)
    orchestrator.test("words")
    orchestrator.pilot("words", 4, seed=1, whole=True)
    orchestrator.reject("words")
    orchestrator.set_prompt("words", "Do {n} better")
    orchestrator.test("words")
    orchestrator.pilot("words", 4, seed=1, whole=True)
    return orchestrator


@ALL
async def test_the_same_units_are_compared_under_two_versions(tmp_path: Path, size: tuple[int, int]) -> None:
    async with running(two_versions(tmp_path), size, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("v")
        await until_shown(
            pilot, "version 1", "version 2 (current)", "5 of 5 good · $0.05", "5 of 5 good · $0.15"
        )
        await until_shown(pilot, "-I was told: Do 0", "+I was told: Do 0 better")
        await pilot.press("j")
        await until_shown(pilot, "+I was told: Do 1 better")
        await pilot.press("d")
        await until_shown(pilot, "-Do {n}", "+Do {n} better")
        for line in lines(pilot):
            assert line.isprintable(), repr(line)
            assert len(line) == size[0]
        await pilot.press("d", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, UnitScreen))
        await pilot.press("escape", "escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))


async def test_u_makes_the_older_version_the_current_one(tmp_path: Path) -> None:
    orchestrator = two_versions(tmp_path)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("v")
        await until_shown(pilot, "version 2 (current)")
        await pilot.press("u")
        await until_shown(pilot, "version 3 (current)", "No unit was tested or piloted under both")
        assert orchestrator.status("words").prompt_template == "Do {n}"
        await pilot.press("left_square_bracket")
        await until_shown(pilot, "version 1  ", "version 3 (current)")
        await pilot.press("u")
        await until_shown(pilot, "version 1 of job words is what it has now")
        await pilot.press("left_square_bracket")
        await until_shown(pilot, "there is no other version in that direction")


async def test_an_edit_by_someone_else_is_not_overruled(tmp_path: Path) -> None:
    orchestrator = two_versions(tmp_path)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("v")
        await until_shown(pilot, "version 2 (current)")
        orchestrator.set_prompt("words", "Do {n} best")
        await pilot.press("u")
        await until(pilot, lambda: "version 3 (current)" in shown(pilot))
    assert orchestrator.status("words").prompt_version == 3
    assert orchestrator.status("words").prompt_template == "Do {n} best"


async def test_what_is_chosen_stays_when_someone_else_saves_a_version(tmp_path: Path) -> None:
    orchestrator = two_versions(tmp_path)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("v")
        await until_shown(pilot, "version 1 and 2, the current one")
        orchestrator.set_prompt("words", "Do {n} best")
        await until_shown(pilot, "version 1 and 3, the current one")
        await pilot.press("u")
        await until_shown(pilot, "version 4 (current)")
    assert orchestrator.status("words").prompt_template == "Do {n}"


async def test_any_two_versions_are_compared(tmp_path: Path) -> None:
    orchestrator = two_versions(tmp_path)
    orchestrator.set_prompt("words", "Do {n} best")
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("v")
        await until_shown(
            pilot, "version 2 and 3, the current one", "No unit was tested or piloted under both"
        )
        await pilot.press("left_curly_bracket")
        await until_shown(pilot, "version 2 and 1", "5 of 5 good · $0.05")
        await pilot.press("left_curly_bracket")
        await until_shown(pilot, "there is no other version in that direction")
        await pilot.press("right_square_bracket")
        await until_shown(pilot, "version 3 and 1")
        await pilot.press("left_square_bracket")
        await until_shown(pilot, "version 2 and 1")
        await pilot.press("right_curly_bracket")
        await until_shown(pilot, "version 2 and 3, the current one")
        await pilot.press("left_square_bracket")
        await until_shown(pilot, "version 1 and 3, the current one")
        await pilot.press("left_curly_bracket")
        await until_shown(pilot, "version 1 and 2", "5 of 5 good · $0.15", "by ")
        await pilot.press("u")
        await until(pilot, lambda: orchestrator.status("words").prompt_version == 4)
    assert orchestrator.status("words").prompt_template == "Do {n}"


async def test_suspects_are_told_apart(tmp_path: Path) -> None:
    orchestrator = two_versions(tmp_path)
    with orchestrator.repository.database.writing() as db:
        db.execute_sql("UPDATE attempt SET verdict = 'suspect' WHERE recipe_version = 1 AND seq > 2")
        db.execute_sql("UPDATE unit SET verdict = 'suspect' WHERE seq = 1")
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("v")
        await until_shown(pilot, "3 of 5 good, 2 suspect", "4 of 5 good, 1 suspect", "? suspect")


async def test_one_version_alone_is_compared_with_nothing(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    make_job(orchestrator.repository, 5)
    orchestrator.test("words")
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("v")
        await until_shown(pilot, "There is one version only")
        await pilot.press("u")
        await until_shown(pilot, "there is no other version to choose")


async def test_results_of_several_versions_are_shown_as_such(tmp_path: Path) -> None:
    orchestrator = two_versions(tmp_path)
    orchestrator.approve("words")
    orchestrator.settle()
    with orchestrator.repository.database.writing() as db:
        db.execute_sql("UPDATE attempt SET recipe_version = 1 WHERE seq = 3")
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "✓ completed", "prompts v1, v2")


async def test_it_opens_on_a_version_that_has_units_in_common_and_u_says_which_it_uses(
    tmp_path: Path,
) -> None:
    orchestrator = two_versions(tmp_path)
    orchestrator.set_prompt("words", "Do {n} best")
    orchestrator.set_prompt("words", "Do {n} as well as you can")
    orchestrator.test("words", 0)
    async with running(orchestrator, SMALL, job="words") as pilot:
        await until_shown(pilot, "passed in")
        await pilot.press("v")
        await until_shown(pilot, "version 2 ", "version 4 (current)", "u uses it")
        used = next(line for line in lines(pilot) if "u uses it" in line)
        assert "version 2 " in used


async def test_versions_of_an_approved_job_are_compared_from_its_progress(tmp_path: Path) -> None:
    orchestrator = two_versions(tmp_path)
    orchestrator.approve("words")
    async with running(orchestrator, SMALL, job="words") as pilot:
        await until_shown(pilot, "All 5")
        await pilot.press("v")
        await until_shown(pilot, "version 1", "version 2 (current)", "+I was told: Do 0 better")
    orchestrator.settle()
