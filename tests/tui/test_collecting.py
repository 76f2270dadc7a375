from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widget import Widget

from abp_tui.tui.collecting import ENOUGH, REST_S, Collecting
from abp_tui.tui.screens.jobs import JobsScreen
from abp_tui.tui.screens.progress import ProgressScreen
from abp_tui.tui.widgets.unit_list import UnitList
from tests.factories import make_job
from tests.tui.screens import InProcess, running, until, until_shown


@pytest.fixture
def now() -> Iterator[list[float]]:
    """The time, with the collector of this process put back as it was."""
    before = gc.get_threshold()
    yield [100.0]
    gc.set_threshold(*before)
    gc.unfreeze()


def taken_over(now: list[float]) -> Collecting:
    collecting = Collecting(lambda: now[0])
    collecting.take_over()
    gc.collect()
    return collecting


def made_since(times: int) -> None:
    """Collections that are not full ones, which the next full one has been waiting for."""
    for _ in range(times):
        gc.collect(1)


def test_no_full_collection_comes_by_itself(now: list[float]) -> None:
    taken_over(now)
    made: list[int] = []
    gc.callbacks.append(lambda phase, info: made.append(info["generation"]))
    try:
        kept = [[] for _ in range(300_000)]
    finally:
        gc.callbacks.pop()
    assert len(kept) and made.count(1) > 20
    assert 2 not in made


def test_it_waits_until_no_key_has_come_for_a_while(now: list[float]) -> None:
    collecting = taken_over(now)
    made_since(ENOUGH)
    now[0] += REST_S
    collecting.typed()
    collecting.rest()
    assert gc.get_count()[2] >= ENOUGH
    now[0] += REST_S
    collecting.rest()
    assert gc.get_count()[2] == 0


def test_little_is_left_alone(now: list[float]) -> None:
    collecting = taken_over(now)
    made_since(ENOUGH // 2)
    now[0] += 60
    collecting.rest()
    assert gc.get_count()[2] >= ENOUGH // 2


def alive(kind: type) -> int:
    """How many of this kind there are, those that nobody holds any more among them."""
    return sum(isinstance(thing, kind) for thing in gc.get_objects())


async def test_pages_that_went_by_leave_no_garbage(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path)
    make_job(orchestrator.repository, 3_000, name="long")
    async with running(orchestrator, job="long") as pilot:
        await until_shown(pilot, "item-0", "All 3,000")
        units = pilot.app.screen.query_one(UnitList)
        await pilot.press(*["ctrl+d"] * 5)
        gc.collect()
        gc.disable()
        try:
            before, at = alive(Strip), units.cursor
            await pilot.press(*["ctrl+d"] * 40)
            await pilot.pause()
            assert units.cursor > at + 400
            assert alive(Strip) - before < 300  # a page is some forty
        finally:
            gc.enable()


async def test_nothing_is_left_of_screens_that_were_left(tmp_path: Path, now: list[float]) -> None:
    orchestrator = InProcess(tmp_path)
    make_job(orchestrator.repository, 3, name="again")
    collecting = taken_over(now)

    async def open_and_leave(pilot: Pilot[Any]) -> None:
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ProgressScreen))
        await until_shown(pilot, "item-2")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobsScreen))
        made_since(ENOUGH)
        now[0] += REST_S
        collecting.rest()

    async with running(orchestrator) as pilot:
        await until_shown(pilot, "again")
        await open_and_leave(pilot)
        widgets, strips = alive(Widget), alive(Strip)
        for _ in range(10):
            await open_and_leave(pilot)
        assert alive(Widget) - widgets < 60  # those of the last or two may still be there
        assert alive(Strip) - strips < 2_000
