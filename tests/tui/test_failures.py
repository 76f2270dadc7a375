from __future__ import annotations

from pathlib import Path

import pytest

from abp_tui.domain.status import JobStatus
from abp_tui.tui.screens.unit import UnitScreen
from tests.factories import answer, make_job
from tests.store.test_causes import ended, planted
from tests.tui.screens import LARGE, SMALL, InProcess, lines, running, until, until_shown

NARROW = (60, 24)


@pytest.mark.parametrize("size", [NARROW, SMALL, LARGE])
async def test_causes_are_listed_and_the_one_under_the_cursor_is_told_whole(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with running(ended(tmp_path), size, job="words") as pilot:
        await until_shown(pilot, "12 failed")
        await pilot.press("F")
        await until_shown(pilot, "6  agent error", "6  timeout idle", "2  in doubt")
        await until_shown(pilot, "6 units · agent error · first: unit 0", "no such file: /data/0/in.txt")
        await pilot.press("G")
        await until_shown(pilot, "2 units · in doubt · first: unit 5", "permission denied: Bash rm")
        assert all(len(line) == size[0] for line in lines(pilot))


async def test_r_runs_one_cause_again_and_the_list_follows(tmp_path: Path) -> None:
    orchestrator = ended(tmp_path)
    orchestrator.agent._behaviour = answer
    before = len(orchestrator.agent.prompts)
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "12 failed")
        await pilot.press("F")
        await until_shown(pilot, "6  timeout idle")
        await pilot.press("j", "r")
        await until_shown(pilot, "6 failed · 2 in doubt", "runs 6 units again")
        await until(pilot, lambda: orchestrator.repository.jobs.find("words").status is JobStatus.FAILED)
        assert len(orchestrator.agent.prompts) == before + 6


async def test_enter_opens_the_first_unit_of_a_cause(tmp_path: Path) -> None:
    async with running(ended(tmp_path), job="words") as pilot:
        await until_shown(pilot, "12 failed")
        await pilot.press("F")
        await until_shown(pilot, "6  timeout idle")
        await pilot.press("j", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, UnitScreen))
        await until_shown(pilot, "silent for 3 s")


async def test_without_failures_it_says_so(tmp_path: Path) -> None:
    orchestrator = InProcess(tmp_path, planted)
    make_job(orchestrator.repository, payloads=[{"n": 1}])
    orchestrator.skip_test("words")
    orchestrator.settle()
    async with running(orchestrator, job="words") as pilot:
        await until_shown(pilot, "✓ completed")
        await pilot.press("F")
        await until_shown(pilot, "No unit has failed or is in doubt")
