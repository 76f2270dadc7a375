"""The mouse is never needed; where there is one, it does what one expects of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from abp_tui.tui.screens.progress import ProgressScreen
from abp_tui.tui.screens.unit import UnitScreen
from abp_tui.tui.widgets.job_list import JobList
from abp_tui.tui.widgets.unit_list import UnitList
from abp_tui.tui.widgets.unit_map import UnitMap
from tests.factories import make_job
from tests.tui.screens import SMALL, InProcess, lines, running, shown, until, until_shown
from tests.tui.test_progress import finished


async def click(pilot: Pilot[Any], words: str) -> None:
    """Click where these words begin."""
    y, x = next((y, line.index(words)) for y, line in enumerate(lines(pilot)) if words in line)
    await pilot.click(offset=(x, y))


async def test_a_click_moves_the_cursor_and_another_one_opens(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    for name in ("below", "above"):
        make_job(orchestrator.repository, 3, name=name)
    async with running(orchestrator, SMALL) as pilot:
        await until_shown(pilot, "above", "below")
        await click(pilot, "below")
        await until(pilot, lambda: pilot.app.screen.query_one(JobList).cursor == 1)
        await click(pilot, "below")
        await until(pilot, lambda: isinstance(pilot.app.screen, ProgressScreen))
        await until_shown(pilot, "below › progress")


async def test_a_click_filters_and_goes_where_the_map_says(tmp_path: Path) -> None:
    async with running(finished(tmp_path), SMALL, job="words") as pilot:
        await until_shown(pilot, "Failed 3", "failures  3")
        await click(pilot, "Failed 3")
        await until(pilot, lambda: "item-6" in shown(pilot) and "item-7" not in shown(pilot))
        await click(pilot, "All 9")
        await until_shown(pilot, "item-7")
        await pilot.click(UnitMap, offset=(4, 0))
        await until(pilot, lambda: pilot.app.screen.query_one(UnitList).cursor == 4)


async def test_a_click_on_a_key_of_the_last_line_presses_it(tmp_path: Path) -> None:
    async with running(finished(tmp_path), SMALL, job="words") as pilot:
        await until_shown(pilot, "Failed 3", "failures  3", "Open")
        await click(pilot, "Open")
        await until(pilot, lambda: isinstance(pilot.app.screen, UnitScreen))
