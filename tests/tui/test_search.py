from __future__ import annotations

import threading
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from abp_tui.tui.screens.jobs import JobsScreen
from abp_tui.tui.screens.progress import ProgressScreen
from abp_tui.tui.screens.unit import UnitScreen
from abp_tui.tui.widgets.unit_list import UnitList
from tests.tui.screens import NARROW, SMALL, lines, running, shown, until, until_shown
from tests.tui.test_progress import finished

pytestmark = pytest.mark.slow


def shown_units(pilot: Pilot[None]) -> list[int]:
    units = pilot.app.screen.query_one(UnitList)
    return [units.rows.seq_at(n) for n in range(units.line_count)]


@pytest.mark.parametrize("size", [NARROW, SMALL])
async def test_units_are_searched_while_typing_and_esc_shows_all(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with running(finished(tmp_path), size, job="words") as pilot:
        await until_shown(pilot, "6 done", "item-1")
        await pilot.press("slash", *"item-7")
        await until(pilot, lambda: shown_units(pilot) == [7])
        await until_shown(pilot, "1 found")
        assert lines(pilot)[-1].strip() == "f1 Help esc Back", "all other keys are letters"
        await pilot.press("enter", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, UnitScreen))
        await until_shown(pilot, "item-7")
        await pilot.press("escape")
        await until_shown(pilot, "1 found")
        await pilot.press("escape")
        await until(pilot, lambda: len(shown_units(pilot)) == 9)
        assert pilot.app.screen.query_one(UnitList).seq == 7, "the cursor stays on what was found"
        assert "found" not in shown(pilot)
        assert isinstance(pilot.app.screen, ProgressScreen)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobsScreen))


async def test_a_search_holds_within_the_state_that_is_filtered_for(tmp_path: Path) -> None:
    async with running(finished(tmp_path), SMALL, job="words") as pilot:
        await until_shown(pilot, "6 done", "item-1")
        await pilot.press("slash", *"did not work", "enter")
        await until(pilot, lambda: shown_units(pilot) == [0, 3, 6])
        await pilot.press("slash")
        for _ in range(len("did not work")):
            await pilot.press("backspace")
        await pilot.press(*"Do 7", "enter")
        await until(pilot, lambda: shown_units(pilot) == [7])
        await pilot.press("f")
        await until_shown(pilot, "0 found", "nothing holds Do 7: esc ends the search")
        await pilot.press("escape")
        await until(pilot, lambda: shown_units(pilot) == [0, 3, 6])


async def test_a_state_that_no_unit_is_in_any_more_says_how_to_leave_it(tmp_path: Path) -> None:
    orchestrator = finished(tmp_path)
    async with running(orchestrator, NARROW, job="words") as pilot:
        await until_shown(pilot, "3 failed")
        await pilot.press("f")
        await until(pilot, lambda: shown_units(pilot) == [0, 3, 6])
        orchestrator.repository.units.put_back(1, [0, 3, 6])
        await until_shown(pilot, "no unit is failed now: f shows the next state")
        await pilot.press("f")
        await until(pilot, lambda: len(shown_units(pilot)) == 6)


async def test_a_long_search_shows_what_it_has_and_ends_when_another_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orchestrator = finished(tmp_path)
    goes_on, ended = threading.Event(), threading.Event()
    search = type(orchestrator.repository.units).search

    def slowly(self: object, job_id: int, text: str, state: str = "") -> Iterator[tuple[array[int], float]]:
        if text != "x":
            yield from search(orchestrator.repository.units, job_id, text, state)
            return
        try:
            for share in range(1, 1000):
                yield array("q", [share] if share < 4 else []), share / 1000
                goes_on.wait(0.2)
        finally:
            ended.set()

    monkeypatch.setattr(type(orchestrator.repository.units), "search", slowly)
    async with running(orchestrator, SMALL, job="words") as pilot:
        await until_shown(pilot, "6 done", "item-1")
        await pilot.press("slash", "x")
        await until_shown(pilot, "3 found,", "% searched")
        await pilot.press("escape")
        await until(pilot, lambda: len(shown_units(pilot)) == 9)
        await until(pilot, ended.is_set)
    goes_on.set()
